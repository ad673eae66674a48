"""The judge must not have taught what it judges: not by another name either, so weights are compared by content."""

from collections.abc import Iterator
from pathlib import Path

from concord.errors import SettingsError
from concord.runs import Loaded, Run
from concord.stages.contestants import contestants
from concord.stages.plan import content, model_folder

WEIGHTS = ("*.safetensors", "*.bin")


def teachers(loaded: Loaded, run: Run) -> Iterator[tuple[str, Path]]:
    """Everything that told a policy what is better, and the folder that it lies in."""
    rank, folder = loaded.recipe.rank, loaded.folder
    if rank.by == "scorer" and rank.scorer:
        yield "the model that ranked (`rank.scorer`)", folder / rank.scorer
    if rank.by == "judge" and rank.judge.model:
        yield "the AI judge that ranked (`rank.judge.model`)", model_folder(loaded, rank.judge.model)
    yield "the reward model of this run", run.path("reward")
    for name, one in contestants(loaded).items():
        if one.run is not None:
            yield f"the reward model that taught {name}", folder / one.run / "reward"


def weights(folder: Path) -> set[str]:
    """The sha256 of every file of weights in a folder and below it."""
    return (
        {content(file) for pattern in WEIGHTS for file in folder.rglob(pattern)} if folder.is_dir() else set()
    )


def shared(loaded: Loaded, run: Run) -> list[str]:
    """Whoever has taught and is the judge of the evaluation, too."""
    named = loaded.recipe.evaluate.judge
    if named == "starter":
        return []
    judge = loaded.folder / named
    own = weights(judge)
    return [
        what
        for what, folder in teachers(loaded, run)
        if folder.resolve() in (judge.resolve(), *judge.resolve().parents) or own & weights(folder)
    ]


def refuse_a_teacher(loaded: Loaded, run: Run) -> str | None:
    """Refuse a judge that has taught, unless somebody accepts it by name; then say who does, and why."""
    found = shared(loaded, run)
    if not found:
        return None
    judge, waiver = loaded.recipe.evaluate.judge, loaded.recipe.evaluate.waiver
    who = " and ".join(found)
    if waiver is None:
        raise SettingsError(
            f"{loaded.source}: `evaluate.judge` is {judge}, and its weights are also {who}. Who has taught must not "
            "examine: it would praise what it taught. Name another reward model, or accept it with "
            "`evaluate.waiver: {by: NAME, reason: WHY}`, which the report prints."
        )
    return f"the judge {judge} is also {who}. {waiver.by} accepts this: {waiver.reason}"
