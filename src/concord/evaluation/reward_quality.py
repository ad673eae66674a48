"""A report card for a reward model: how often, where and how surely it agrees with those who ranked."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit
from scipy.stats import pearsonr

from concord.evaluation.intervals import Estimate, share

Listed = Mapping[str, Any]
"""Answers to one prompt: prompt_id, kind, split, texts, scores, and tiers (best first) or gold scores.

What may be known besides: tags of the prompt, who ranked (`by`), and who wrote each answer (`writers`).
"""

EQUAL = 1e-9
"""Numbers closer than this are the same."""

BINS = 10
FEWEST = 3
"""Fewer points than this make no correlation."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two answers to one prompt of which one is known to be better."""

    prompt: str
    kind: str | None
    split: str | None
    gap: str
    """How far apart the two were, in words."""
    lead: float
    """Score of the better one less score of the worse one."""
    longer: int
    """Words of the better one less words of the worse one."""
    item: Listed
    """The list that it comes from."""
    places: tuple[int, int]
    """Where in the list the better one and the worse one stand."""

    @property
    def credit(self) -> float:
        """1 if the model is right, 0 if it is wrong, and a half if it cannot tell."""
        return 0.5 if self.lead == 0 else float(self.lead > 0)


def ordered(item: Listed) -> Iterator[tuple[int, int, str]]:
    """The comparisons of one list as (better, worse, gap): from people's tiers, else from gold scores."""
    tiers, gold = item.get("tiers"), item.get("gold")
    if tiers:
        for upper, tier in enumerate(tiers):
            for lower in range(upper + 1, len(tiers)):
                words = f"{lower - upper} {'place' if lower - upper == 1 else 'places'} apart"
                yield from ((better, worse, words) for better in tier for worse in tiers[lower])
    elif gold:
        for better, high in enumerate(gold):
            for worse, low in enumerate(gold):
                if high - low > EQUAL:
                    words = "up to 1 point apart" if high - low <= 1 else "more than 1 point apart"
                    yield better, worse, words


def pairs(lists: Sequence[Listed]) -> list[Pair]:
    """Every comparison that the lists imply, with what the reward model made of it."""
    found = []
    for item in lists:
        scores, lengths = item["scores"], [len(text.split()) for text in item["texts"]]
        for better, worse, gap in ordered(item):
            lead, longer = scores[better] - scores[worse], lengths[better] - lengths[worse]
            place = (item["prompt_id"], item.get("kind"), item.get("split"))
            found.append(Pair(*place, gap, float(lead), longer, item, (better, worse)))
    return found


def accuracy(found: Sequence[Pair]) -> Estimate:
    """The share of comparisons that the model gets right, with its interval clustered by prompt."""
    return share([pair.credit for pair in found], [pair.prompt for pair in found])


def accuracy_by(found: Sequence[Pair], key: Callable[[Pair], Iterable[str | None]]) -> dict[str, Estimate]:
    """The same for each group of comparisons; one may be in several groups, or in none."""
    groups: dict[str, list[Pair]] = {}
    for pair in found:
        for name in dict.fromkeys(key(pair)):
            if name:
                groups.setdefault(name, []).append(pair)
    return {name: accuracy(groups[name]) for name in sorted(groups)}


def calibration(found: Sequence[Pair]) -> dict[str, Any]:
    """Whether the model is right as often as it claims.

    Its claim that the better one is better is sigma(lead), which NLL and Brier score. ECE is the mean
    distance of claim and truth over ten bins of equally many comparisons.
    """
    leads = np.array([pair.lead for pair in found])
    claims, right = expit(np.abs(leads)), np.array([pair.credit for pair in found])
    order = np.argsort(claims, kind="stable")
    bins = [part for part in np.array_split(order, min(BINS, len(order))) if len(part)]
    points = [
        {"claimed": float(claims[part].mean()), "right": float(right[part].mean()), "n": len(part)}
        for part in bins
    ]
    ece = sum(point["n"] * abs(point["claimed"] - point["right"]) for point in points) / len(order)
    nll, brier = float(np.logaddexp(0, -leads).mean()), float(np.square(1 - expit(leads)).mean())
    return {"ece": float(ece), "nll": nll, "brier": brier, "bins": points}


def length_correlation(lists: Sequence[Listed]) -> float | None:
    """How strongly longer answers get higher scores within a prompt: 0 not at all, 1 entirely."""
    lengths: list[float] = []
    scores: list[float] = []
    for item in lists:
        counts = np.array([len(text.split()) for text in item["texts"]], dtype=float)
        lengths.extend(counts - counts.mean())
        scores.extend(np.array(item["scores"], dtype=float) - np.mean(item["scores"]))
    if len(scores) < FEWEST or np.std(lengths) < EQUAL or np.std(scores) < EQUAL:
        return None
    return float(pearsonr(lengths, scores).statistic)


def card(lists: Sequence[Listed]) -> dict[str, Any] | None:
    """The report card on some lists of answers, or None if they imply no comparison."""
    lists = [item for item in lists if len(item["texts"]) > 1]
    found = pairs(lists)
    if not found:
        return None
    return {
        "lists": len(lists),
        "pairs": len(found),
        "judged_by": "ranking" if any(item.get("tiers") for item in lists) else "judge",
        "accuracy": accuracy(found),
        "by_kind": accuracy_by(found, lambda pair: [pair.kind]),
        "by_split": accuracy_by(found, lambda pair: [pair.split]),
        "by_gap": accuracy_by(found, lambda pair: [pair.gap]),
        "better_is_shorter": accuracy([pair for pair in found if pair.longer < 0]),
        "better_is_longer": accuracy([pair for pair in found if pair.longer > 0]),
        "calibration": calibration(found),
        "length_correlation": length_correlation(lists),
    }
