"""Before anything starts: every file that people brought is read whole, so that no fault comes up an hour later."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from concord import __version__, formats
from concord.errors import JudgeError, RecordError, StoreError
from concord.formats.shape import Kind
from concord.records import Prompt, Rating, StepLabels, digest
from concord.records.files import read_json, write_json
from concord.runs import Loaded
from concord.settings import SFT, RightAnswer
from concord.stages.contestants import IN_CONTEXT, ai_judge, rivals
from concord.stages.named import models, refuse_missing
from concord.stages.plan import content, plan
from concord.stages.release import release
from concord.stages.seats import refuse_unready_judges
from concord.suites import suites
from concord.world import known

FORMAT = 1
"""Raised when the code looks for something more, so that files are read again."""
COMPARED = "comparisons by people"
"""What people say of answers to held-out prompts, which nobody learns from."""
RANKED = "rankings"
SHOWN = "examples for the evaluation's judge"
"""What an AI judge is shown before it compares; it sees none of the prompt that it judges."""
WARNINGS = 5
EXAMPLES = 3
ONE_TURN = 60
"""Characters of a prompt that an example shows."""


@dataclass(frozen=True)
class Source:
    """One file that people brought, and the tasks that read it."""

    what: str
    path: Path
    kind: Kind
    tasks: tuple[str, ...]

    @property
    def teaches(self) -> bool:
        """Whether anything is learned from it, so that it must hold nothing of what is judged."""
        return self.what not in (COMPARED, SHOWN)


@dataclass
class Seen:
    """What one passage through a file showed."""

    count: int = 0
    warnings: list[str] = field(default_factory=list)
    strange: int = 0
    """Prompts that are not of the starter world."""
    examples: list[str] = field(default_factory=list)
    """Some of them."""
    met: list[str] = field(default_factory=list)
    """Held-out prompts that stand in the file too, by their ids."""


def check(loaded: Loaded, names: Iterable[str], say: Callable[[str], None], cache: Path) -> None:
    """Refuse to start these tasks if anything that they will read cannot be read."""
    wanted = set(names)
    watched = {task.name for task in plan(loaded) if task.watched} & wanted
    judged = any(name.startswith(("answers/", "duels/")) for name in wanted)
    suites(loaded.recipe.evaluate.suites, loaded.folder)  # says what is wrong with a name or a file
    for setting, named, needed in models(loaded, judged, watched):
        if needed & wanted or judged:
            refuse_missing(loaded, setting, named)
    refuse_unready_judges(loaded, "rank" in wanted, judged)
    check_release(loaded, wanted)
    counts: dict[str, int] = {}
    held_out = HeldOut(loaded.folder / loaded.recipe.evaluate.prompts) if judged else None
    refusals = []
    for source in sources(loaded):
        # Whoever is judged must not have learned what it is judged on, so then all of them are read.
        if judged or wanted.intersection(source.tasks):
            seen = known_or_seen(source, held_out if source.teaches else None, cache)
            warn(source.path, seen.warnings, say)
            counts[source.what] = counts.get(source.what, 0) + seen.count
            if source.kind == "prompts":
                of_milford(loaded, source.path, seen, judged, bool(watched))
            if held_out and seen.met:
                refusals.append(held_out.refusal(source.path, seen.met))
    if held_out:
        warn(held_out.path, held_out.seen.warnings, say)
        counts["held-out prompts"] = held_out.seen.count
        of_milford(loaded, held_out.path, held_out.seen, judged, False)
    if refusals:
        raise RecordError(refusals[0])
    if counts:
        say(", ".join(f"{count:,} {what}" for what, count in counts.items()))


class HeldOut:
    """The prompts on which policies will be judged: nothing that is learned may hold them too."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.is_file():
            formats.read_prompts(path)  # says that it is missing, and what is like it
        self.prompts: dict[str, list[Prompt]] = {}
        self.seen = look(Source("held-out prompts", path, "prompts", ()), None, self.remember)
        self.name = content(path)

    def remember(self, prompt: Prompt) -> None:
        """Take in one of them."""
        self.prompts.setdefault(plain(prompt), []).append(prompt)

    def refusal(self, other: Path, met: Sequence[str]) -> str:
        """What to say of a file in which some of them stand."""
        words = set(met)
        both = [prompt for key, some in self.prompts.items() if digest(key) in words for prompt in some]
        examples = "".join(f"\n  {prompt.id}: {shown(prompt)}" for prompt in both[:EXAMPLES])
        return (
            f"{self.path}: {len(both):,} of {self.seen.count:,} held-out prompts also stand in {other}, so the "
            "evaluation would reward learning by heart. Take them out of one of the two files; "
            f"case and white space do not count:{examples}"
        )


def known_or_seen(source: Source, held_out: HeldOut | None, cache: Path) -> Seen:
    """What a file holds; one that was sound is not read again while its content and the held-out's are the same."""
    if not source.path.is_file():
        return look(source, held_out)  # says that it is missing
    against = held_out.name if held_out else ""
    name = digest(FORMAT, __version__, source.kind, str(source.path), content(source.path), against)
    note = cache / f"checked-{name}.json"
    with suppress(StoreError, TypeError, KeyError):
        found = read_json(note)
        if found["sealed"] == digest(found["seen"]):
            return Seen(**found["seen"])
    seen = look(source, held_out)
    write_json(note, {"seen": asdict(seen), "sealed": digest(asdict(seen))})
    return seen


def look(source: Source, held_out: HeldOut | None, remember: Callable[[Prompt], None] | None = None) -> Seen:
    """Go through a file, record by record."""
    seen, met, passage = Seen(), dict[str, None](), formats.Passage(source.path, source.kind)
    for record in passage:
        seen.count += 1
        prompt = asked(record)
        if source.kind == "prompts" and not known(prompt):
            seen.strange += 1
            if len(seen.examples) < EXAMPLES:
                seen.examples.append(f"{prompt.id}: {shown(prompt)}")
        if remember:
            remember(prompt)
        if held_out and (words := plain(prompt)) in held_out.prompts:
            met[digest(words)] = None
    seen.warnings, seen.met = list(passage.warnings), list(met)
    return seen


def asked(record: Any) -> Prompt:
    """What a record answers, or is."""
    if isinstance(record, Rating | StepLabels):
        return record.completion.prompt
    found: Prompt = record if isinstance(record, Prompt) else record.prompt
    return found


def sources(loaded: Loaded) -> Iterator[Source]:
    """The files that people brought for a recipe: nearly all of them are learned from."""
    recipe, folder = loaded.recipe, loaded.folder
    imitators = {name: rival for name, rival in rivals(loaded).items() if isinstance(rival, SFT)}
    others = tuple(f"rivals/{name}" for name in rivals(loaded) if name not in imitators)
    shown = (f"answers/{IN_CONTEXT}{recipe.evaluate.in_context}",) if recipe.evaluate.in_context else ()
    if shown and not recipe.sft.epochs:  # read by nobody else
        yield Source("demonstrations", folder / recipe.sft.demonstrations, "demonstrations", shown)
    for what, path in imitated("demonstrations", folder, recipe.sft):
        yield Source(what, path, "demonstrations", ("sft",))
    yield Source("prompts", folder / recipe.prompts, "prompts", ("sample", "align", *others))
    yield from guidance(loaded)
    if recipe.evaluate.people:
        yield Source(COMPARED, folder / recipe.evaluate.people, "rankings", ("evaluate",))
    if (judge := ai_judge(loaded)) and judge.examples:
        yield Source(SHOWN, folder / judge.examples, "rankings", ("evaluate",))
    for name, rival in imitators.items():
        task = f"rivals/{name}"
        for what, path in imitated(f"demonstrations for {task}", folder, rival):
            yield Source(what, path, "demonstrations", (task,))


def imitated(what: str, folder: Path, asked: SFT) -> Iterator[tuple[str, Path]]:
    """The files that an imitation reads, each with what it is called."""
    if asked.epochs:
        yield what, folder / asked.demonstrations
        if asked.general:
            yield f"general {what}", folder / asked.general


def guidance(loaded: Loaded) -> Iterator[Source]:
    """The files that say what is better."""
    recipe, folder = loaded.recipe, loaded.folder
    if recipe.rank.rankings:
        yield Source(RANKED, folder / recipe.rank.rankings, "rankings", ("rank",))
    if recipe.reward.ratings.file:
        yield Source("ratings", folder / recipe.reward.ratings.file, "ratings", ("reward",))
    if recipe.reward.steps.file:
        yield Source("step labels", folder / recipe.reward.steps.file, "steps", ("reward",))
    if recipe.rank.by == "judge" and recipe.rank.judge.examples:
        yield Source("judged examples", folder / recipe.rank.judge.examples, "rankings", ("rank",))
    if recipe.rank.by == "rules":
        for one in recipe.rank.rules:
            if isinstance(one, RightAnswer):
                yield Source("right results", folder / one.answers, "demonstrations", ("rank",))


def of_milford(loaded: Loaded, path: Path, seen: Seen, judged: bool, watched: bool) -> None:
    """The starter world's people and judge, if they are asked, know their own town and nothing else."""
    recipe = loaded.recipe
    if judged and recipe.evaluate.judge == "starter":
        because = "`evaluate.judge` is starter. Name a reward model's folder there"
    elif watched and recipe.learning.watch.judge == "starter":
        because = "`learning.watch.judge` is starter. Name a reward model's folder there, or none"
    elif recipe.rank.by == "panel":
        because = "`rank.by` is panel. Set it to file and name people's rankings"
    else:
        return
    if seen.strange:
        examples = "".join(f"\n  {example}" for example in seen.examples)
        raise JudgeError(
            f"{path}: {seen.strange:,} of {seen.count:,} prompts are not of the starter world, so nobody there "
            f"can judge them, but {because}, or take these out:{examples}"
        )


def warn(path: Path, warnings: Sequence[str], say: Callable[[str], None]) -> None:
    """Tell what is odd about a file: a few kinds, and how many more there are."""
    for line in warnings[:WARNINGS]:
        say(line)
    if len(warnings) > WARNINGS:
        say(f"{path}: {len(warnings) - WARNINGS} more warnings of this kind.")


def plain(prompt: Prompt) -> str:
    """A prompt's words, whatever their case and spacing."""
    return "\n".join(" ".join(message.content.casefold().split()) for message in prompt.messages)


def shown(prompt: Prompt) -> str:
    """The last turn of a prompt, on one line."""
    text = " ".join(prompt.messages[-1].content.split())
    return text if len(text) <= ONE_TURN else f"{text[:ONE_TURN]} ..."


def check_release(loaded: Loaded, wanted: set[str]) -> None:
    """Refuse an earlier run that is none, if the gate will be held against it."""
    if "gate" in wanted:
        release(loaded)
