"""What a recipe asks for, as tasks: which stage, after which others, from which files; no torch here."""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from concord.errors import SettingsError, StoreError
from concord.records import digest, manifest
from concord.records.files import storing
from concord.runs import Loaded, Run
from concord.settings import SFT, Examining, Method, RightAnswer, Watch
from concord.settings.methods import WITHOUT_REWARD
from concord.stages.contestants import (
    IN_CONTEXT,
    ai_judge,
    contestants,
    everyone,
    model_of,
    opponents,
    policies,
    rivals,
)
from concord.stages.release import sealed

SHIFTLESS = ("workers", "checkpoint_seconds")
"""Learning settings that change how a result is reached, and never the result."""
BESIDE = ("contestants", "people", "suites", "waiver")
"""Settings of the evaluation that change no policy's answers."""
FORMAT = 3
"""Raised when the code changes what the same settings give, so that old folders count as stale."""


@dataclass(frozen=True)
class Task:
    """One stage of one run: it starts when those before it are done, and meets them only on disk."""

    name: str
    after: tuple[str, ...]
    files: tuple[Path, ...]
    settings: dict[str, Any]
    alone: bool = True
    """Whether it takes all the cores, or shares them with others like it."""
    watched: bool = False
    """Whether `learning.watch` has a say in what comes of it."""


def plan(loaded: Loaded) -> list[Task]:
    """The tasks of a recipe, each after those that it needs."""
    recipe = loaded.recipe
    whole = recipe.model_dump(mode="json")
    inputs = (loaded.folder / recipe.prompts,)
    ranked = ranked_from(loaded)
    named = (recipe.reward.ratings.file, recipe.reward.steps.file)
    guided = tuple(loaded.folder / file for file in named if file)
    model = (base(loaded),)
    tasks = [
        Task("sft", (), (*model, *imitated(loaded, recipe.sft)), whole["sft"]),
        Task("sample", ("sft",), inputs, whole["sample"]),
        Task("rank", ("sample",), ranked, whole["rank"]),
        Task("reward", ("sft", "rank"), guided, whole["reward"]),
    ]
    before = ("sft", "rank", "reward")
    made = {"align": (recipe.align, whole["align"])}
    made |= {f"rivals/{name}": (rival, whole["rivals"][name]) for name, rival in rivals(loaded).items()}
    for name, (method, asked) in made.items():
        limits = {} if method.method in WITHOUT_REWARD else {"gate.reward": whole["gate"]["reward"]}
        watched = method.method != "sft"
        seen = (*read(loaded, method), *(watching(loaded) if watched else ()))
        tasks.append(Task(name, before, seen, {**asked, **limits}, alone=False, watched=watched))
    answering = [*answers(loaded), *duels(loaded), *probed(loaded, whole["evaluate"])]
    answered = tuple(task.name for task in answering)
    people = (loaded.folder / recipe.evaluate.people,) if recipe.evaluate.people else ()
    all_before = ("sft", "sample", "rank", "reward", *made, *answered)
    tasks += [*answering, Task("evaluate", all_before, people, whole["evaluate"])]
    tasks.append(Task("gate", ("evaluate",), sealed(loaded), whole["gate"]))
    return tasks


def answers(loaded: Loaded) -> Iterator[Task]:
    """A task for each policy and each contestant: it answers the held-out prompts before the judge."""
    recipe = loaded.recipe
    whole = recipe.evaluate.model_dump(mode="json")
    settings = {name: value for name, value in whole.items() if name not in BESIDE}
    held_out: tuple[Path, ...] = (loaded.folder / recipe.evaluate.prompts,)
    if isinstance(recipe.evaluate.judge, Examining):  # who compares answers afterwards changes none of them
        settings["judge"], settings["curve"] = None, 0
    elif recipe.evaluate.judge != "starter":
        held_out += (loaded.folder / recipe.evaluate.judge,)
    for name, source in policies(loaded).items():
        needs = tuple(dict.fromkeys(("sft", "reward", *([source] if source else []))))
        shown = (loaded.folder / recipe.sft.demonstrations,) if name.startswith(IN_CONTEXT) else ()
        asked = (base(loaded), *held_out, *shown)
        yield Task(f"answers/{name}", needs, asked, settings, alone=False)
    for name, one in contestants(loaded).items():
        model = model_of(loaded, one)
        asked = (*held_out, *((model,) if model else ()))
        own = {**settings, "contestant": whole["contestants"][name]}
        yield Task(f"answers/{name}", ("sft", "reward"), asked, own, alone=False)


def duels(loaded: Loaded) -> Iterator[Task]:
    """A task for each policy that an AI judge compares with the references, if one judges."""
    judge = ai_judge(loaded)
    if judge is None:
        return
    files = (loaded.folder / loaded.recipe.evaluate.prompts, *heard(loaded, judge))
    settings = judge.model_dump(mode="json")
    for name, others in opponents(everyone(loaded)).items():
        needs = ("rank", "reward", *(f"answers/{one}" for one in (name, *others)))
        yield Task(f"duels/{name}", needs, files, settings, alone=False)


def probed(loaded: Loaded, asked: dict[str, Any]) -> Iterator[Task]:
    """What the suites ask of the base, the supervised policy and the candidate, if there are any."""
    recipe = loaded.recipe
    if not recipe.evaluate.suites:
        return
    settings = {key: asked[key] for key in ("judge", "suites", "temperatures", "longest")} | {
        "sets": content(sets())
    }
    named = (loaded.folder / one for one in recipe.evaluate.suites)
    read = tuple(path for path in named if path.exists())
    for name, source in policies(loaded).items():
        if name in ("base", "sft", recipe.align.method):
            needs = tuple(dict.fromkeys(("sft", "reward", *([source] if source else []))))
            yield Task(f"suites/{name}", needs, (base(loaded), *read), settings, alone=False)


def sets() -> Path:
    """The folder of the probe sets that come with the package."""
    return Path(str(files("concord.suites") / "sets"))


def ranked_from(loaded: Loaded) -> tuple[Path, ...]:
    """The files and folders that whoever ranks reads; SettingsError if one that is needed is not named."""
    rank, source = loaded.recipe.rank, loaded.source
    judge, named = rank.judge, []
    if rank.by == "file" and not rank.rankings:
        raise SettingsError(
            f"{source}: `rank.by` is file, so `rank.rankings` must name a file of rankings. "
            "Set it, or set `rank.by` to panel to try the loop with simulated people."
        )
    if rank.by == "scorer":
        if not rank.scorer:
            raise SettingsError(
                f"{source}: `rank.by` is scorer, so `rank.scorer` must name a reward model folder."
            )
        evaluate = loaded.recipe.evaluate
        same = ai_judge(loaded) is None and loaded.folder / rank.scorer == loaded.folder / str(evaluate.judge)
        if same and not evaluate.waiver:
            raise SettingsError(
                f"{source}: `rank.scorer` is also `evaluate.judge`, which must not have taught what it judges. "
                "Name another model in one of the two."
            )
        named.append(rank.scorer)
    if rank.by == "rules":
        if not rank.rules:
            raise SettingsError(f"{source}: `rank.by` is rules, so `rank.rules` must hold at least one.")
        named += [one.answers for one in rank.rules if isinstance(one, RightAnswer)]
    if rank.by == "judge" and (judge.endpoint is None) == (judge.model is None):
        raise SettingsError(
            f"{source}: `rank.by` is judge, so `rank.judge` must name either an `endpoint` or a `model`."
        )
    if rank.rankings:
        named.append(rank.rankings)
    return (*(loaded.folder / one for one in named), *(heard(loaded, judge) if rank.by == "judge" else ()))


def heard(loaded: Loaded, judge: Examining) -> tuple[Path, ...]:
    """The files and folders that an AI judge reads."""
    named = tuple(loaded.folder / one for one in (judge.rubric, judge.examples) if one)
    return (*named, *((model_folder(loaded, judge.model),) if judge.model else ()))


def read(loaded: Loaded, method: Method) -> tuple[Path, ...]:
    """The files and folders that a method learns from, beside what the stages before it made."""
    if method.method == "sft":
        return base(loaded), *imitated(loaded, method)
    prompts = loaded.folder / loaded.recipe.prompts
    return (prompts, model_folder(loaded, method.teacher)) if method.method == "distill" else (prompts,)


def watching(loaded: Loaded) -> tuple[Path, ...]:
    """The folder of the judge that looks on while a policy learns, if it has one."""
    named = loaded.recipe.learning.watch.judge
    if named in (None, "starter"):
        return ()
    if loaded.recipe.rank.scorer and loaded.folder / loaded.recipe.rank.scorer == loaded.folder / str(named):
        raise SettingsError(
            f"{loaded.source}: `learning.watch.judge` is also `rank.scorer`, which taught what it would judge. "
            "Name another model in one of the two."
        )
    return (loaded.folder / str(named),)


def imitated(loaded: Loaded, asked: SFT) -> tuple[Path, ...]:
    """The files that an imitation reads; none if it takes the base as it is."""
    named = (asked.demonstrations, asked.general) if asked.epochs else ()
    return tuple(loaded.folder / file for file in named if file)


def base(loaded: Loaded) -> Path:
    """The folder of the model to begin with: the bundled one, or any that the recipe names."""
    return model_folder(loaded, loaded.recipe.base)


def model_folder(loaded: Loaded, named: str) -> Path:
    """A model's folder: the bundled one for `starter`, else counted from the recipe."""
    return bundled() if named == "starter" else loaded.folder / named


def bundled() -> Path:
    """The folder of the model that comes with the package."""
    return Path(str(files("concord") / "models" / "starter_model"))


def key(task: Task, loaded: Loaded, run: Run) -> str | None:
    """A name for all that a task's result follows from, or None while those before it are not done."""
    found = {name: run.finished(name) for name in task.after}
    before = {name: facts["key"] for name, facts in found.items() if facts is not None}
    if len(before) < len(found):
        return None
    watch = loaded.recipe.learning.watch
    learning = loaded.recipe.learning.model_dump(mode="json")
    for name in (*SHIFTLESS, *(() if task.watched and watch != Watch() else ("watch",))):
        learning.pop(name)
    files = [content(path) for path in task.files]  # in the task's order: each has a part of its own
    return digest(FORMAT, task.name, task.settings, loaded.recipe.seed, learning, files, before)


def made_from(task: Task, run: Run) -> dict[str, str]:
    """The keys of all stages that a task stands on, also of those below the ones that it reads."""
    found: dict[str, str] = {}
    direct = [run.finished(name) or {} for name in task.after]
    for facts in direct:
        found |= facts.get(manifest.MADE_FROM, {})
    return found | {name: facts["key"] for name, facts in zip(task.after, direct, strict=True)}


_known: dict[tuple[str, int, int], str] = {}


def content(path: Path) -> str:
    """The sha256 of an input file, or of a folder's, read once as long as it does not change."""
    if path.is_dir():
        return digest(*(f"{file.name} {content(file)}" for file in sorted(path.iterdir()) if file.is_file()))
    with storing(path):
        status = path.stat()
        mark = (str(path.absolute()), status.st_size, status.st_mtime_ns)
        if mark not in _known:
            _known[mark] = manifest.sha256(path)
    return _known[mark]


def state(task: Task, loaded: Loaded, run: Run) -> str:
    """ "done", "stale" (made from something else), "partial" (interrupted), "damaged" or "missing"."""
    try:
        facts, *_ = [run.finished(name) for name in (task.name, *task.after)]
    except StoreError:
        return "damaged" if run.path(task.name).exists() else "missing"
    if facts is None:
        return "partial" if run.partial(task.name).exists() else "missing"
    try:
        return "done" if facts["key"] == key(task, loaded, run) else "stale"
    except StoreError:  # a file that it was made from is not there any more; whoever makes it anew says which
        return "stale"


def states(loaded: Loaded, run: Run) -> dict[str, str]:
    """The state of every task of a recipe in a run folder; what stands on something stale is stale too."""
    found: dict[str, str] = {}
    for task in plan(loaded):
        seen = state(task, loaded, run)
        below = {found[name] for name in task.after}
        if seen == "done" and below - {"done"}:
            seen = "damaged" if "damaged" in below else "stale"
        found[task.name] = seen
    return found
