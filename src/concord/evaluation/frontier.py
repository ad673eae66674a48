"""The frontier of gain and drift: which policies give the most for the drift that they cost."""

from collections.abc import Sequence
from typing import Any

from concord.evaluation.summary import Summary

SIDES = ("gold", "proxy")
"""What is gained: the judge's score, and the reward model's."""


def frontier(summaries: Sequence[Summary], temperature: float) -> list[dict[str, Any]]:
    """Every policy whose drift was measured, the least drifted first, and whether another gives more for less.

    Best-of-n is not among them: its drift is an upper bound, which no measured drift can be held against.
    """
    found: list[dict[str, Any]] = [
        {"policy": one.policy, "kl": one.kl, "gold": one.gold, "proxy": one.proxy}
        for one in summaries
        if (one.temperature, one.split, one.kind) == (temperature, None, None)
        and one.kl["value"] is not None
        and one.gold["value"] is not None
    ]
    found.sort(key=lambda item: item["kl"]["value"])
    for item in found:
        item["on"] = {side: not any(above(other, item, side) for other in found) for side in SIDES}
    return found


def above(one: dict[str, Any], other: dict[str, Any], side: str) -> bool:
    """Whether one policy gives as much for as little drift as another, and more for less in one of the two."""
    gain, rival = one[side]["value"], other[side]["value"]
    if gain is None or rival is None:
        return False
    drift, theirs = one["kl"]["value"], other["kl"]["value"]
    return bool(gain >= rival and drift <= theirs and (gain > rival or drift < theirs))
