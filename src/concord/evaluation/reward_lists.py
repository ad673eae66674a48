"""How well a reward model orders whole lists: rank correlation, NDCG, regret, likelihood, best of four, ties."""

from collections.abc import Iterator, Sequence
from math import comb
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp
from scipy.stats import kendalltau, mannwhitneyu

from concord.evaluation.intervals import mean, share
from concord.evaluation.reward_quality import Listed
from concord.records import digest

Floats = NDArray[np.float64]

MOST = 5000
"""Lists that are looked at one by one; of more, so many are drawn by their prompts' names."""
OTHERS = 3
"""How many worse answers stand beside a good one in a task of four."""


def whole(lists: Sequence[Listed]) -> dict[str, Any]:
    """All measures of lists; `regret` is the share of a list's range that the model's favourite lies below the best."""
    some = (
        sorted(lists, key=lambda item: digest("list", item["prompt_id"]))[:MOST]
        if len(lists) > MOST
        else lists
    )
    told = [(item["prompt_id"], *ranked(item)) for item in some if item.get("tiers")]
    long = [one for one in told if len(one[1]) > 2 and np.ptp(one[1]) > 0]
    prompts = [prompt for prompt, _, _ in long]
    choices = [(prompt, *choice) for prompt, worth, scores in told for choice in surprises(worth, scores)]
    fours = [(prompt, value) for prompt, *one in told if (value := best_of_four(*one)) is not None]
    return {
        "lists": len(long),
        "tau_b": mean([tau_b(*one) for _, *one in long], prompts),
        "ndcg": mean([ndcg(*one) for _, *one in long], prompts),
        "regret": mean([regret(*one) for _, *one in long], prompts),
        "surprise": mean([value for _, value, _ in choices], [prompt for prompt, _, _ in choices]),
        "surprise_of_chance": float(np.mean([chance for _, _, chance in choices])) if choices else None,
        "best_of_4": share([value for _, value in fours], [prompt for prompt, _ in fours]),
        "ties": ties(told),
        "rewardbench_ties": ties_score(some),
    }


def ranked(item: Listed) -> tuple[Floats, Floats]:
    """The worth of the answers that were ranked, in tiers above the last, and their scores."""
    tiers = item["tiers"]
    places = [(len(tiers) - 1 - tier, place) for tier, members in enumerate(tiers) for place in members]
    worth = np.array([worth for worth, _ in places], dtype=float)
    return worth, np.array([item["scores"][place] for _, place in places], dtype=float)


def tau_b(worth: Floats, scores: Floats) -> float:
    """Kendall's tau-b of one list; equal scores throughout say nothing, which is 0."""
    found = float(kendalltau(worth, scores).statistic) if np.ptp(scores) > 0 else 0.0
    return found


def ndcg(worth: Floats, scores: Floats) -> float:
    """Normalised discounted cumulative gain, the gain of an answer being the tiers below it."""
    from sklearn.metrics import ndcg_score

    return float(ndcg_score(worth[None], scores[None]))


def regret(worth: Floats, scores: Floats) -> float:
    """How far the model's favourite lies below the best answer, 1 being the worst one; equal scores draw lots."""
    return float((worth.max() - worth[scores == scores.max()].mean()) / np.ptp(worth))


def surprises(worth: Floats, scores: Floats) -> Iterator[tuple[float, float]]:
    """For each choice of a ranking, in nats: its surprise under the scores (Plackett-Luce), and under chance."""
    for value, score in zip(worth, scores, strict=True):
        below = scores[worth < value]
        if len(below):
            yield float(logsumexp([score, *below]) - score), float(np.log(len(below) + 1))


def best_of_four(worth: Floats, scores: Floats) -> float | None:
    """Chance that the one best answer has the highest score among three of the others, drawn by lot.

    Equal scores share the credit, as in RewardBench 2. None without one best answer and three worse.
    """
    best = worth == worth.max()
    if best.sum() != 1 or len(worth) <= OTHERS:
        return None
    own, others = scores[best][0], scores[~best]
    lower, equal = int((others < own).sum()), int((others == own).sum())
    good = sum(comb(equal, k) * comb(lower, OTHERS - k) / (1 + k) for k in range(OTHERS + 1))
    return good / comb(len(others), OTHERS)


def ties(told: Sequence[tuple[str, Floats, Floats]]) -> dict[str, Any]:
    """Whether answers that people tied are nearer in score than answers that they told apart.

    `nearer` is the chance that a tied pair's gap is the smaller one of two (Mann-Whitney); a half is none.
    """
    tied: list[float] = []
    apart: list[float] = []
    for _, worth, scores in told:
        upper, lower = np.triu_indices(len(worth), 1)
        gaps, same = np.abs(scores[upper] - scores[lower]), worth[upper] == worth[lower]
        tied.extend(gaps[same])
        apart.extend(gaps[~same])
    if not tied or not apart:
        return {"tied": len(tied), "apart": len(apart), "nearer": None, "p": None}
    found = mannwhitneyu(apart, tied, alternative="two-sided")
    nearer = float(found.statistic) / (len(tied) * len(apart))
    return {"tied": len(tied), "apart": len(apart), "nearer": nearer, "p": float(found.pvalue)}


def ties_score(lists: Sequence[Listed]) -> dict[str, Any] | None:
    """The score of RewardBench 2's subset Ties: prompts named `ref:N` have one right answer, `tied:N` have several.

    .30 accuracy on each + .20 P(gap > spread) + .20 P(smaller gap of the two > spread) + .01 mean tanh of how much
    larger; spread is that of the right answers' scores, gap the least right score less the highest wrong one.
    """
    found: dict[str, dict[str, tuple[float, float]]] = {"ref": {}, "tied": {}}
    for item in lists:
        sort, _, name = str(item["prompt_id"]).partition(":")
        if sort in found and name and item.get("tiers"):
            worth, scores = ranked(item)
            right, wrong = scores[worth == worth.max()], scores[worth < worth.max()]
            if len(wrong):
                found[sort][name] = float(np.ptp(right)), float(right.min() - wrong.max())
    both = sorted(found["ref"].keys() & found["tied"].keys())
    if not both:
        return None
    right_of = {sort: float(np.mean([gap > 0 for _, gap in rows.values()])) for sort, rows in found.items()}
    spread, gap = np.array([found["tied"][name] for name in both]).T
    least = np.minimum(gap, [found["ref"][name][1] for name in both])
    with np.errstate(divide="ignore", invalid="ignore"):
        margin = np.nan_to_num(np.tanh(least / spread - 1), nan=0.0)
    parts = {
        "accuracy_tied": right_of["tied"],
        "accuracy_ref": right_of["ref"],
        "clear": float((gap > spread).mean()),
        "clear_of_both": float((least > spread).mean()),
        "margin": float(margin.mean()),
    }
    weights = (0.30, 0.30, 0.20, 0.20, 0.01)
    return {"score": float(np.dot(weights, list(parts.values()))), "prompts": len(both), **parts}
