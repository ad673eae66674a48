"""A reward model of any making before any rankings: its report card, outside of a run."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from concord import formats
from concord.errors import ModelError, RecordError
from concord.evaluation.report import finite
from concord.models import choose
from concord.models.folder import check
from concord.records import Prompt
from concord.records.files import read_json
from concord.roles import Scorer
from concord.runs import Run, load
from concord.settings import Learning, RewardLimits
from concord.stages import cards, opinion, scorers
from concord.stages.bench import Bench
from concord.stages.guidance import grouped, guidance, taught

CLASSIFIER = "ForSequenceClassification"


def examine(folder: Path, file: Path, learned: Path | None = None) -> dict[str, Any]:
    """The card of a reward model on a file of rankings.

    What it learned from is known of a run's own model, or told by `learned`: then its fit is told apart from what it
    does on prompts that it has not seen, and groups of prompts of which it saw none are named. The limits are those
    of the run, or the usual ones.
    """
    scorer = scorer_in(folder)
    rankings = formats.read_rankings(file).records
    run = run_of(folder)
    seen = taught_on(run, learned)
    fresh = [one for one in rankings if seen is None or one.prompt.id not in seen]
    known = [one for one in rankings if seen is not None and one.prompt.id in seen]
    if not fresh:
        raise RecordError(
            f"{file} holds {len(rankings)} rankings, and the model has learned from the prompts of all of them, so "
            "nothing in it can tell whether it is right elsewhere. Give rankings of other prompts."
        )
    tried = cards.Tried(scorer)
    rows = tried.drawn(list(tried(fresh)))
    fitted = cards.Tried(scorer)
    old = fitted.drawn(list(fitted(known)))
    groups = grouped([*(seen or {}).values(), *(one.prompt for one in fresh)], run)
    limits = run.recipe.gate.reward if run else RewardLimits()
    card = cards.made(scorer, rows, fresh, groups, seen, limits, old)
    about = {"model": str(folder), "rankings": str(file), "left_out": tried.left_out + fitted.left_out}
    return dict(finite({**about, **card}))


def scorer_in(folder: Path) -> Scorer:
    """The scorer in a reward stage's folder, or in any folder of a classifier with labels for scores."""
    compute, budget = choose(), Learning().micro_tokens
    if (folder / "config.json").is_file():
        config = check(folder)
        if not any(str(name).endswith(CLASSIFIER) for name in config.get("architectures") or ()):
            raise ModelError(
                f"{folder} is a {', '.join(config.get('architectures') or ['model of no named kind'])}, not a reward "
                f"model: its head would score everything 0. Give the folder of a model {CLASSIFIER} with one label."
            )
        return scorers.made({"kind": "learned", "folder": "."}, folder, compute, budget)
    if opinion.there(folder):
        return scorers.made(opinion.described(folder), folder, compute, budget)
    raise ModelError(
        f"{folder} holds no reward model. Give a run's folder `reward`, or a Hugging Face folder of a model "
        f"{CLASSIFIER} with one label."
    )


def run_of(folder: Path) -> Bench | None:
    """The bench of the reward stage that made a model, if its folder lies in a run."""
    recipe = folder.parent / "resolved.yaml"
    if not recipe.is_file() or not (folder.parent / "run.json").is_file():
        return None
    loaded = load(recipe)
    # File names in a recipe count from the folder of the original, not of the run's copy.
    origin = Path(str(read_json(folder.parent / "run.json").get("recipe") or loaded.source.absolute()))
    return Bench(replace(loaded, folder=origin.parent), Run(folder.parent), "reward", lambda line: None)


def taught_on(run: Bench | None, learned: Path | None) -> dict[str, Prompt] | None:
    """The prompts that a model has learned from, by name; None if nobody knows."""
    if learned is not None:
        return {one.prompt.id: one.prompt for one in formats.read_rankings(learned).records}
    return {one.id: one for one in taught(run.recipe.reward, guidance(run))} if run else None
