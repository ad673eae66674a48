"""Lineage: every artefact behind a verdict by the hash of its content, and who taught whom."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from concord.records import manifest
from concord.records.files import read_json
from concord.runs import Loaded, Run
from concord.settings import SFT, Distill, Examining, Method
from concord.stages.contestants import best_of, policies, rivals
from concord.stages.plan import base, bundled, content, heard, imitated, model_folder, ranked_from

DIRECT = ("dpo", "simpo", "cpo", "orpo", "kto")
"""Methods that learn from rankings themselves; the others that are aligned learn from a reward model's scores."""
WEIGHTS = ".safetensors"
HOW = {"key", "at_once", "seconds", "tries", "price_read", "price_said"}
"""Settings of an endpoint that change how it is asked, and none of its answers."""


@dataclass(frozen=True)
class Artefact:
    """One thing that a verdict rests on: what it is, what its content hashes to, and what it was made from."""

    name: str
    title: str
    sort: str
    """data, labels, model, answers or judge."""
    sha256: str
    made_from: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    """Each file's sha256, if there are several."""

    def told(self) -> dict[str, Any]:
        """The same as JSON."""
        return {
            "name": self.name,
            "title": self.title,
            "sort": self.sort,
            "sha256": self.sha256,
            "from": list(self.made_from),
            "files": dict(self.files),
        }


def lineage(loaded: Loaded, run: Run) -> dict[str, Any]:
    """Every artefact of a run, those before it first, and for each policy the chain from labels to weights."""
    given = Given()
    told = [*of_guidance(loaded, run, given), *of_policies(loaded, run, given)]
    found = list({one.name: one for one in told}.values())
    return {"artefacts": [one.told() for one in found], "chains": chains(loaded, found)}


@dataclass
class Given:
    """What a run was given from outside: each file or folder once, whoever reads it."""

    known: dict[Path, Artefact] = field(default_factory=dict)

    def __call__(self, path: Path, title: str, sort: str = "data") -> Artefact:
        """The artefact at a path, under the title of whoever named it first."""
        if path not in self.known:
            self.known[path] = outside(path, title, sort, len(self.known))
        return self.known[path]


def of_guidance(loaded: Loaded, run: Run, given: Given) -> Iterator[Artefact]:
    """From what was given to the reward model, each after those that it was made from."""
    recipe, folder = loaded.recipe, loaded.folder
    begins = given(base(loaded), "model to begin with", "model")
    shown = [given(path, "demonstrations") for path in imitated(loaded, recipe.sft)]
    prompts = given(folder / recipe.prompts, "prompts")
    yield from (begins, *shown, prompts)
    yield stage(run, "sft", "supervised policy", "model", (begins, *shown))
    yield stage(run, "sample", "answers to rank", "answers", ("sft", prompts))
    ranked = [given(path, "what the rankings come from") for path in ranked_from(loaded)]
    yield from ranked
    asked: tuple[str, ...] = () if recipe.rank.by == "file" else ("sample",)
    yield stage(run, "rank", "rankings", "labels", (*asked, *ranked))
    named = ((recipe.reward.ratings.file, "ratings"), (recipe.reward.steps.file, "step labels"))
    told = [given(folder / file, title, "labels") for file, title in named if file]
    yield from told
    alone = recipe.reward.ratings.alone or recipe.reward.steps.alone
    yield stage(run, "reward", "reward model", "model", ("sft", *(() if alone else ("rank",)), *told))


def of_policies(loaded: Loaded, run: Run, given: Given) -> Iterator[Artefact]:
    """The candidate, its rivals, and the answers on which all of them were judged."""
    learned = {"align": loaded.recipe.align}
    learned |= {f"rivals/{name}": rival for name, rival in rivals(loaded).items()}
    for name, method in learned.items():
        needs = [given(path, title) for path, title in needed(loaded, method)]
        yield from needs
        title = f"policy {method.method if name == 'align' else name.partition('/')[2]}"
        yield stage(run, name, title, "model", (*teachers(method), *needs))
    held_out = given(loaded.folder / loaded.recipe.evaluate.prompts, "held-out prompts")
    yield held_out
    yield judge(loaded)
    # A policy that stands on the supervised one alone, such as best-of-n, answers with its weights.
    spoke = dict.fromkeys(one for one in policies(loaded).values() if one in ("sft", *learned))
    begins = given(base(loaded), "model to begin with", "model")
    yield stage(run, "evaluate", "judged answers", "answers", (begins, *spoke, held_out, "judge"))


def teachers(method: Method) -> tuple[str, ...]:
    """The stages that a method learns from."""
    if isinstance(method, SFT):
        return ()
    if isinstance(method, Distill):
        return ("sft",)
    return ("sft", "rank") if method.method in DIRECT else ("sft", "reward")


def needed(loaded: Loaded, method: Method) -> list[tuple[Path, str]]:
    """The files and folders that a method reads beside what the stages before it made."""
    if isinstance(method, SFT):
        return [
            (base(loaded), "model to begin with"),
            *((path, "demonstrations") for path in imitated(loaded, method)),
        ]
    if method.method in DIRECT:
        return []
    asked = [(loaded.folder / loaded.recipe.prompts, "prompts")]
    return (
        [*asked, (model_folder(loaded, method.teacher), "teacher")] if isinstance(method, Distill) else asked
    )


def judge(loaded: Loaded) -> Artefact:
    """Who judged: a reward model's folder, an AI judge, or the starter world's program."""
    named = loaded.recipe.evaluate.judge
    if isinstance(named, Examining):
        return ai_judge(loaded, named)
    if named == "starter":
        one = outside(bundled().parents[1] / "world", "judge: the starter world", "judge", 0, ".py")
    else:
        one = outside(loaded.folder / named, f"judge: {Path(named).name}", "judge", 0)
    return Artefact("judge", one.title, one.sort, one.sha256, (), one.files)


def ai_judge(loaded: Loaded, asked: Examining) -> Artefact:
    """An AI judge by all that its verdicts follow from: whom it is asked of, how, and the files that it reads."""
    decides = asked.model_dump(mode="json", exclude={"endpoint": HOW})
    files = {"settings": hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()}
    for number, path in enumerate(heard(loaded, asked)):
        one = outside(path, "", "judge", number)
        files |= {f"{path.name}/{name}": value for name, value in one.files.items()} or {
            path.name: one.sha256
        }
    return Artefact("judge", f"AI judge: {asked.name}", "judge", together(files), (), files)


def outside(path: Path, title: str, sort: str, number: int, ending: str = "") -> Artefact:
    """A file or a folder that the run was given."""
    title = f"{title}: {path.name}" if sort != "judge" else title
    if not path.is_dir():
        return Artefact(f"given-{number}", title, sort, content(path))
    inside = sorted(one for one in path.iterdir() if one.is_file() and one.name.endswith(ending))
    files = {one.name: content(one) for one in inside}
    return Artefact(f"given-{number}", title, sort, together(files), (), files)


def stage(run: Run, name: str, title: str, sort: str, made_from: tuple[Artefact | str, ...]) -> Artefact:
    """What a stage made, by the hashes that were sealed with it: a model's files, or all that it wrote."""
    sealed = read_json(run.path(name) / manifest.NAME)["files"]
    files = {file: entry["sha256"] for file, entry in sealed.items() if not file.startswith(".")}
    if sort == "model":
        places = {Path(file).parent for file in files if file.endswith(WEIGHTS)}
        files = {file: value for file, value in files.items() if Path(file).parent in places} or files
    chief = {"sample": "completions.jsonl", "rank": "rankings.jsonl", "evaluate": "answers.jsonl"}.get(name)
    names = tuple(one if isinstance(one, str) else one.name for one in made_from)
    if chief in files:
        return Artefact(name, title, sort, files[str(chief)], names, {str(chief): files[str(chief)]})
    return Artefact(name, title, sort, together(files), names, files)


def together(files: Mapping[str, str]) -> str:
    """One sha256 for several files: that of the lines `sha256  name`, sorted by name, as sha256sum prints them."""
    lines = "".join(f"{files[name]}  {name}\n" for name in sorted(files))
    return hashlib.sha256(lines.encode()).hexdigest()


def chains(loaded: Loaded, found: list[Artefact]) -> list[dict[str, Any]]:
    """For each policy: its weights, the reward model that taught it if one did, and the labels that taught that."""
    known = {one.name: one for one in found}
    names = {source: name for name, source in policies(loaded).items() if source and best_of(name) == 1}
    told = []
    for source, policy in names.items():
        taught = known[source].made_from
        reward = "reward" if "reward" in taught else None
        labels = [one for one in (known[reward].made_from if reward else taught) if one in known]
        labels = [
            one for one in labels if known[one].sort == "labels" or "demonstrations" in known[one].title
        ]
        told.append({"policy": policy, "artefact": source, "reward_model": reward, "labels": labels})
    return told
