"""Before anything starts: every file that people brought is read whole, so that no fault comes up an hour later."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from concord import formats
from concord.errors import JudgeError, ModelError, RecordError
from concord.records import Prompt
from concord.runs import Loaded
from concord.settings import SFT
from concord.stages.plan import rivals
from concord.world import known

WARNINGS = 5
EXAMPLES = 3
ONE_TURN = 60
"""Characters of a prompt that an example shows."""


@dataclass(frozen=True)
class Source:
    """One file that people brought, and the tasks that read it."""

    what: str
    path: Path
    read: Callable[[Path], "formats.Rows[Any]"]
    tasks: tuple[str, ...]


def check(loaded: Loaded, names: Iterable[str], say: Callable[[str], None]) -> None:
    """Refuse to start these tasks if anything that they will read cannot be read."""
    wanted = set(names)
    judged = any(name.startswith("answers/") for name in wanted)
    if judged or "sft" in wanted:
        model_folder(loaded, "base", loaded.recipe.base)
    if judged:
        model_folder(loaded, "evaluate.judge", loaded.recipe.evaluate.judge)
    counts: dict[str, int] = {}
    learned: list[tuple[Path, formats.Rows[Any]]] = []
    for source in sources(loaded):
        # Whoever is judged must not have learned what it is judged on, so then all of them are read.
        if judged or wanted.intersection(source.tasks):
            rows = source.read(source.path)
            warn(source.path, rows.warnings, say)
            counts[source.what] = counts.get(source.what, 0) + len(rows)
            learned.append((source.path, rows))
            if source.what == "prompts":
                of_milford(loaded, source.path, rows, judged)
    if judged:
        path = loaded.folder / loaded.recipe.evaluate.prompts
        held_out = formats.read_prompts(path)
        warn(path, held_out.warnings, say)
        counts["held-out prompts"] = len(held_out)
        of_milford(loaded, path, held_out, judged)
        for other, rows in learned:
            refuse_overlap(path, held_out, other, rows)
    if counts:
        say(", ".join(f"{count:,} {what}" for what, count in counts.items()))


def sources(loaded: Loaded) -> Iterator[Source]:
    """The files that a recipe learns from."""
    recipe, folder = loaded.recipe, loaded.folder
    imitators = {name: rival for name, rival in rivals(loaded).items() if isinstance(rival, SFT)}
    others = tuple(f"rivals/{name}" for name in rivals(loaded) if name not in imitators)
    yield Source("demonstrations", folder / recipe.sft.demonstrations, formats.read_demonstrations, ("sft",))
    yield Source("prompts", folder / recipe.prompts, formats.read_prompts, ("sample", "align", *others))
    if recipe.rank.by == "file":
        yield Source("rankings", folder / str(recipe.rank.rankings), formats.read_rankings, ("rank",))
    for name, rival in imitators.items():
        task, path = f"rivals/{name}", folder / rival.demonstrations
        yield Source(f"demonstrations for {task}", path, formats.read_demonstrations, (task,))


def model_folder(loaded: Loaded, setting: str, named: str) -> None:
    """Refuse a model that is plainly not there; its weights are looked at when they are loaded."""
    if named == "starter":
        return
    folder = loaded.folder / named
    missing = "a folder" if not folder.is_dir() else "a Hugging Face model folder: it holds no config.json"
    if not (folder / "config.json").is_file():
        raise ModelError(
            f"{loaded.source}: `{setting}` is {named}, but {folder} is not {missing}. "
            "Give the path of a Hugging Face model folder, counted from the recipe, or `starter`."
        )


def of_milford(loaded: Loaded, path: Path, prompts: Sequence[Prompt], judged: bool) -> None:
    """The starter world's people and judge, if they are asked, know their own town and nothing else."""
    recipe = loaded.recipe
    strange = [prompt for prompt in prompts if not known(prompt)]
    if judged and recipe.evaluate.judge == "starter":
        because = "`evaluate.judge` is starter. Name a reward model's folder there"
    elif recipe.rank.by == "panel":
        because = "`rank.by` is panel. Set it to file and name people's rankings"
    else:
        return
    if strange:
        examples = "".join(f"\n  {prompt.id}: {shown(prompt)}" for prompt in strange[:EXAMPLES])
        raise JudgeError(
            f"{path}: {len(strange):,} of {len(prompts):,} prompts are not of the starter world, so nobody there "
            f"can judge them, but {because}, or take these out:{examples}"
        )


def warn(path: Path, warnings: Sequence[str], say: Callable[[str], None]) -> None:
    """Tell what is odd about a file: a few kinds, and how many more there are."""
    for line in warnings[:WARNINGS]:
        say(line)
    if len(warnings) > WARNINGS:
        say(f"{path}: {len(warnings) - WARNINGS} more warnings of this kind.")


def refuse_overlap(path: Path, held_out: Sequence[Prompt], other: Path, rows: Sequence[Any]) -> None:
    """A policy must not be judged on what it may have learned by heart."""
    met = {plain(row if isinstance(row, Prompt) else row.prompt) for row in rows}
    both = [prompt for prompt in held_out if plain(prompt) in met]
    if both:
        examples = "".join(f"\n  {prompt.id}: {shown(prompt)}" for prompt in both[:EXAMPLES])
        raise RecordError(
            f"{path}: {len(both):,} of {len(held_out):,} held-out prompts also stand in {other}, so the "
            "evaluation would reward learning by heart. Take them out of one of the two files; "
            f"case and white space do not count:{examples}"
        )


def plain(prompt: Prompt) -> str:
    """A prompt's words, whatever their case and spacing."""
    return "\n".join(" ".join(message.content.casefold().split()) for message in prompt.messages)


def shown(prompt: Prompt) -> str:
    """The last turn of a prompt, on one line."""
    text = " ".join(prompt.messages[-1].content.split())
    return text if len(text) <= ONE_TURN else f"{text[:ONE_TURN]} ..."
