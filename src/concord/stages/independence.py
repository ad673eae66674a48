"""The judge must not have taught what it judges: not by another name either, so weights are compared by content."""

from collections.abc import Iterator
from pathlib import Path

from concord import formats
from concord.errors import SettingsError
from concord.runs import Loaded, Run
from concord.settings import Examining
from concord.stages.contestants import ai_judge, contestants
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
    asked = ai_judge(loaded)
    named = asked.model if asked else loaded.recipe.evaluate.judge
    by_name = list(namesakes(loaded, run, asked)) if asked else []
    if (asked is None and named == "starter") or named is None:
        return by_name
    judge = model_folder(loaded, str(named))
    own = weights(judge)
    by_content = [
        what
        for what, folder in teachers(loaded, run)
        if folder.resolve() in (judge.resolve(), *judge.resolve().parents) or own & weights(folder)
    ]
    return by_content or by_name


def namesakes(loaded: Loaded, run: Run, asked: Examining) -> Iterator[str]:
    """Who ranked or answers under the name of an AI judge: of a model elsewhere nothing but its name is known."""
    rank = loaded.recipe.rank
    if rank.by == "judge" and rank.judge.endpoint and alike(rank.judge.name, asked.name):
        yield "the AI judge that ranked (`rank.judge.endpoint`)"
    elif (ranked := run.path("rank") / "rankings.jsonl").is_file():
        ranked_by = (one.by for one in formats.Passage(ranked, "rankings") if one.source == "ai")
        by = {name.removeprefix("judge:") for name in ranked_by}
        if any(alike(name, asked.name) for name in by):
            yield "an AI judge that ranked what was learned from (`by` in its rankings)"
    for name, one in contestants(loaded).items():
        if one.endpoint and alike(one.endpoint.model, asked.name):
            yield f"the contestant {name}, whose answers it would compare"


def alike(one: str, other: str) -> bool:
    """Whether two names mean one model, at whatever address."""
    return one.casefold() == other.casefold()


def refuse_a_teacher(loaded: Loaded, run: Run) -> str | None:
    """Refuse a judge that has taught, unless somebody accepts it by name; then say who does, and why."""
    found = shared(loaded, run)
    if not found:
        return None
    asked, waiver = ai_judge(loaded), loaded.recipe.evaluate.waiver
    judge = asked.name if asked else loaded.recipe.evaluate.judge
    who = " and ".join(found)
    if waiver is None:
        raise SettingsError(
            f"{loaded.source}: `evaluate.judge` is {judge}, and {'it is' if asked else 'its weights are'} also {who}. "
            "Who has taught must not examine: it would praise what it taught. "
            f"Name another {'model' if asked else 'reward model'}, or accept it with "
            "`evaluate.waiver: {by: NAME, reason: WHY}`, which the report prints."
        )
    return f"the judge {judge} is also {who}. {waiver.by} accepts this: {waiver.reason}"
