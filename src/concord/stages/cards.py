"""The report card of a reward model: rankings and probes are scored, and what comes of it is written and told."""

from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import compress, islice
from typing import Any

from concord.evaluation.clusters import Clusters
from concord.evaluation.probes import PROBES, effects, spread_of
from concord.evaluation.reward_card import reward_card
from concord.evaluation.reward_fit import fit
from concord.models import RewardModel
from concord.models.folder import context
from concord.records import Completion, Ranking, digest, seed_of
from concord.roles import Scorer
from concord.scoring import Ensemble
from concord.settings import RewardLimits

NAME = "card.json"
TOGETHER = 4096
"""Rankings that are scored at once."""
PROBED = 128
"""Answers that are changed by each probe, one to a prompt."""
MOST = 20_000
"""Lists that a card looks at, about."""


@dataclass
class Tried:
    """Scores rankings, and counts them: those that hold an answer that the model cannot read are left out."""

    scorer: Scorer
    aspects: bool = False
    count: int = 0
    left_out: int = 0

    def __call__(self, rankings: Iterable[Ranking]) -> Iterator[dict[str, Any]]:
        """The rankings beside the model's scores, some at once."""
        left = iter(rankings)
        while some := list(islice(left, TOGETHER)):
            fits = iter(readable(self.scorer, [one for ranking in some for one in ranking.completions]))
            whole = [ranking for ranking in some if all([next(fits) for _ in ranking.completions])]
            self.count += len(whole)
            self.left_out += len(some) - len(whole)
            yield from scored(whole, self.scorer, self.aspects)

    def drawn(self, rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        """As many of the rows as a card looks at, all of a prompt's or none, drawn by the prompts' names."""
        share = MOST / max(self.count, 1)
        return [row for row in rows if share >= 1 or seed_of("card", row["prompt_id"]) < share * 2**63]


def scored(rankings: Sequence[Ranking], scorer: Scorer, aspects: bool) -> Iterator[dict[str, Any]]:
    """Rankings beside the model's scores."""
    said = [one for ranking in rankings for one in ranking.completions]
    flat = iter(scorer.score(said))
    apart = iter(scorer.spreads(said)) if isinstance(scorer, Ensemble) else None
    for ranking in rankings:
        tags = ranking.prompt.tags
        yield {
            "prompt_id": ranking.prompt.id,
            "kind": tags[0] if tags else None,
            "split": tags[1] if len(tags) > 1 else None,
            "tags": list(tags),
            "texts": [one.text for one in ranking.completions],
            "tiers": [list(tier) for tier in ranking.tiers],
            "scores": [next(flat) for _ in ranking.completions],
            "by": ranking.by,
            "writers": [one.by for one in ranking.completions],
            **({"aspect": ranking.aspect} if aspects else {}),
            **({"spreads": [next(apart) for _ in ranking.completions]} if apart else {}),
        }


def readers(scorer: Any) -> Iterator[RewardModel]:
    """The models behind a scorer."""
    if isinstance(model := getattr(scorer, "model", None), RewardModel):
        yield model
    for below in (getattr(scorer, "whole", None), *(part.scorer for part in getattr(scorer, "parts", ()))):
        if below is not None:
            yield from readers(below)


def readable(scorer: Scorer, said: Sequence[Completion]) -> list[bool]:
    """Whether every model behind a scorer can read an answer: it fits its context, and holds something."""
    found = [True] * len(said)
    for model in readers(scorer):
        limit = context(model.network)
        rows = model.template.completions(said)
        found = [
            fits and len(row) <= limit and any(row.scored) for fits, row in zip(found, rows, strict=True)
        ]
    return found


def probed(scorer: Scorer, rankings: Iterable[Ranking]) -> list[dict[str, Any]]:
    """What each probe does to one of the best answers of some prompts; changes that cannot be read are left out."""
    best: dict[str, Completion] = {}
    for one in rankings:
        if one.tiers:
            best.setdefault(one.prompt.id, one.completions[one.tiers[0][0]])
    names = sorted(best, key=lambda name: digest("probe", name))
    some = [best[name] for name in names[: 2 * PROBED] if best[name].text.strip()]
    plain = list(compress(some, readable(scorer, some)))[:PROBED]
    if not plain:
        return []
    spread = spread_of(scorer.score(plain))
    found: dict[str, list[tuple[str, float, float]]] = {}
    for probe in PROBES:
        before, after = [probe.before(one) for one in plain], [probe.after(one) for one in plain]
        fits = zip(before, after, readable(scorer, before), readable(scorer, after), strict=True)
        both = [(one, other) for one, other, first, second in fits if first and second and one != other]
        scores = [scorer.score([pair[side] for pair in both]) for side in (0, 1)]
        found[probe.name] = [(pair[0].prompt.id, *two) for pair, *two in zip(both, *scores, strict=True)]
    return effects(found, spread)


def made(
    scorer: Scorer,
    rows: Sequence[dict[str, Any]],
    rankings: Iterable[Ranking],
    groups: Clusters | None,
    learned: Container[str] | None,
    limits: RewardLimits,
    fitted: Sequence[dict[str, Any]] = (),
) -> dict[str, Any]:
    """The whole card; `learned` are the names of the prompts that the model was taught on, if they are known."""
    if groups:
        taught = {group for name, group in groups.of.items() if learned is not None and name in learned}
        for row in rows:
            row["cluster"] = groups.of.get(row["prompt_id"])
            known = learned is not None and row["cluster"] is not None
            row["unseen"] = row["cluster"] not in taught if known else None
    names = groups.names if groups else ()
    found = reward_card(rows, probed(scorer, rankings), names, fitted)
    return {**found, "fit": fit(found, limits)}
