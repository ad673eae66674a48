"""How far people agree with each other, which no reward model can much exceed, and how near it comes to that."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from math import comb
from typing import Any

import numpy as np

from concord.evaluation.intervals import Estimate, share
from concord.evaluation.reward_quality import Listed


def ceiling(
    lists: Sequence[Listed], accuracy: Mapping[str, tuple[float, int]], seed: int = 0
) -> dict[str, Any]:
    """How often two who ranked the same answers agree where both see a difference, and accuracy over that.

    `accuracy` is each prompt's credit and comparisons. The interval is a bootstrap over prompts.
    """
    alike, clusters = agreements(lists)
    agreed = share(alike, clusters)
    if not alike or not sum(alike):
        return {"agreement": agreed, "of_ceiling": Estimate(value=None, low=None, high=None, n=0)}
    prompts = sorted(accuracy.keys() | set(clusters))
    table = np.zeros((4, len(prompts)))
    place = {prompt: number for number, prompt in enumerate(prompts)}
    for prompt, (credit, count) in accuracy.items():
        table[:2, place[prompt]] = credit, count
    for prompt, value in zip(clusters, alike, strict=True):
        table[2:, place[prompt]] += value, 1
    drawn = np.random.default_rng(seed).multinomial(len(prompts), [1 / len(prompts)] * len(prompts), 1000)
    right, count, same, all_ = table @ drawn.T
    known = (count > 0) & (same > 0)
    ratios = right[known] / count[known] / (same[known] / all_[known])
    ends: tuple[float, float] | tuple[None, None] = (None, None)
    if len(prompts) > 1 and known.any():
        ends = float(np.quantile(ratios, 0.025)), float(np.quantile(ratios, 0.975))
    total = table.sum(1)
    value = float(total[0] / total[1] / (total[2] / total[3]))
    return {
        "agreement": agreed,
        "of_ceiling": Estimate(value=value, low=ends[0], high=ends[1], n=int(total[1])),
    }


def agreements(lists: Sequence[Listed]) -> tuple[list[float], list[str]]:
    """For any two people who see a difference between the same two answers: whether alike, and the prompt.

    Somebody named counts once for two answers; whoever is not named counts as somebody else each time.
    """
    votes: dict[tuple[str, str, str], dict[str, bool]] = {}
    for number, item in enumerate(lists):
        tier_of = {place: tier for tier, members in enumerate(item.get("tiers") or ()) for place in members}
        texts = sorted((item["texts"][place], tier) for place, tier in tier_of.items())
        for (one, mine), (other, theirs) in combinations(texts, 2):
            if one != other and mine != theirs:
                vote = votes.setdefault((item["prompt_id"], one, other), {})
                vote.setdefault(item.get("by") or f"#{number}", mine < theirs)
    values: list[float] = []
    clusters: list[str] = []
    for (prompt, _, _), said in votes.items():
        first = sum(said.values())
        second = len(said) - first
        same = comb(first, 2) + comb(second, 2)
        values += [1.0] * same + [0.0] * (first * second)
        clusters += [prompt] * (same + first * second)
    return values, clusters
