"""The models that a recipe names: a folder that is not there is told before anything starts."""

from collections.abc import Iterator

from concord.errors import ModelError
from concord.runs import Loaded
from concord.settings import Distill
from concord.stages.contestants import contestants, rivals


def models(loaded: Loaded, judged: bool, watched: set[str]) -> Iterator[tuple[str, str, set[str]]]:
    """The models that a recipe names, each with its setting and the task that needs it."""
    rank, evaluate = loaded.recipe.rank, loaded.recipe.evaluate
    yield "base", loaded.recipe.base, {"sft"}
    yield from teachers(loaded)
    if judged:
        if isinstance(evaluate.judge, str):
            yield "evaluate.judge", evaluate.judge, set()
        elif evaluate.judge.model:
            yield "evaluate.judge.model", evaluate.judge.model, set()
        for name, one in contestants(loaded).items():
            if one.endpoint is None:
                setting = f"evaluate.contestants.{name}.{'folder' if one.run is None else 'run'}"
                named = one.folder if one.run is None else f"{one.run}/{one.policy}/model"
                yield setting, str(named), set()
    if (judge := loaded.recipe.learning.watch.judge) is not None:
        yield "learning.watch.judge", judge, watched
    if rank.by == "scorer" and rank.scorer:
        yield "rank.scorer", rank.scorer, {"rank"}
    if rank.by == "judge" and rank.judge.model:
        yield "rank.judge.model", rank.judge.model, {"rank"}


def teachers(loaded: Loaded) -> Iterator[tuple[str, str, set[str]]]:
    """The models that the candidate and its rivals are taught by."""
    learners = {
        "align": loaded.recipe.align,
        **{f"rivals/{name}": one for name, one in rivals(loaded).items()},
    }
    for task, method in learners.items():
        if isinstance(method, Distill):
            yield f"{task.replace('/', '.')}.teacher", method.teacher, {task}


def refuse_missing(loaded: Loaded, setting: str, named: str) -> None:
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
