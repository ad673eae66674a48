"""Stage reward: rankings become a scorer, judged on rankings that it never saw."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any

from concord.algorithms import reward
from concord.algorithms.stopping import parted
from concord.errors import ModelError
from concord.models import RewardModel
from concord.records import Ranking
from concord.records.files import write_rows
from concord.scoring import Learned
from concord.stages.bench import Bench
from concord.stages.learn import learn

EXAMPLES = 8
TOGETHER = 4096
"""Rankings that are scored at once."""


def work(bench: Bench, folder: Path, key: str) -> None:
    """Learn from most rankings, score the rest, and prove that the saved model gives the same scores."""
    asked = bench.recipe.reward
    shown, kept = parted(bench.rankings, asked.hold_out, bench.recipe.seed)
    model = RewardModel.load(bench.model("sft"), bench.compute, bench.learning.adapter)
    bench.tell("The reward model", model.trunk)
    course = reward.build(asked, bench, model, shown)
    learn(course, bench, folder, key)
    model.save(folder / "model")
    scorer = Learned(model, bench.learning.micro_tokens)
    prove(folder / "model", scorer, list(islice(chain(kept, shown), EXAMPLES)), bench)
    write_rows(folder / "held_out.jsonl", scored(kept, scorer))


def prove(folder: Path, scorer: Learned, examples: Sequence[Ranking], bench: Bench) -> None:
    """Load the saved model again: it must score as the one that was learned."""
    completions = [one for ranking in examples for one in ranking.completions]
    before = scorer.score(completions)
    after = Learned(RewardModel.load(folder, bench.compute), scorer.micro_tokens).score(completions)
    worst = max(abs(a - b) for a, b in zip(before, after, strict=True))
    tolerance = 1e-2 if bench.learning.adapter else 1e-5  # merging adapters rounds each weight once
    if worst > tolerance:
        raise ModelError(
            f"The reward model in {folder} scores differently after saving (by {worst:.3g}). "
            "This is a fault of Concord or of the model family: please report it with the family's name."
        )


def scored(rankings: Iterable[Ranking], scorer: Learned) -> Iterator[dict[str, Any]]:
    """Rankings beside the model's scores, for its report card."""
    left = iter(rankings)
    while some := list(islice(left, TOGETHER)):
        flat = iter(scorer.score([one for ranking in some for one in ranking.completions]))
        for ranking in some:
            yield {
                "prompt_id": ranking.prompt.id,
                "kind": ranking.prompt.tags[0] if ranking.prompt.tags else None,
                "split": ranking.prompt.tags[1] if len(ranking.prompt.tags) > 1 else None,
                "texts": [one.text for one in ranking.completions],
                "tiers": [list(tier) for tier in ranking.tiers],
                "scores": [next(flat) for _ in ranking.completions],
            }
