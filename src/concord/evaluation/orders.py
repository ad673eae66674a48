"""Both orders: a judge that reads two answers may like the place better than the answer, so each pair is read twice."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from concord.evaluation.duels import Duel
from concord.evaluation.intervals import share


@dataclass(frozen=True, slots=True)
class Reading:
    """One look at two answers."""

    duel: Duel
    forth: bool | None
    """Whether the duel's first answer was shown first; None if nobody knows."""


def in_both(readings: Sequence[Reading]) -> tuple[list[Duel], dict[str, Any] | None]:
    """One duel for each two answers, the mean of both orders, and how much the order mattered.

    Each order counts as much as the other, however often it was read. There is no card if no order is known.
    """
    looks: dict[tuple[object, ...], list[Reading]] = {}
    for one in readings:
        duel = one.duel
        key = min((duel.a, duel.b, duel.texts), (duel.b, duel.a, duel.texts and duel.texts[::-1]), key=repr)
        looks.setdefault((duel.prompt, *key), []).append(one)
    duels, told = [], []
    for some in looks.values():
        first = some[0].duel
        seen: dict[bool | None, list[float]] = {}
        for one in some:
            straight = (one.duel.a, one.duel.texts) == (first.a, first.texts)
            value = one.duel.share if straight else 1 - one.duel.share
            shown = None if one.forth is None else one.forth == straight
            seen.setdefault(shown, []).append(value)
        means = {order: sum(values) / len(values) for order, values in seen.items()}
        duels.append(Duel(first.prompt, first.a, first.b, sum(means.values()) / len(means), first.texts))
        told.append((first.prompt, means))
    known = [(prompt, means) for prompt, means in told if set(means) - {None}]
    return duels, card(known, len(duels)) if known else None


def card(told: Sequence[tuple[str, dict[bool | None, float]]], total: int) -> dict[str, Any]:
    """How many pairs were read in both orders, how often these agree, and how often what stands first wins."""
    both = [(prompt, means[True], means[False]) for prompt, means in told if {True, False} <= set(means)]
    firsts = [
        (prompt, value if order else 1 - value)
        for prompt, means in told
        for order, value in means.items()
        if order is not None
    ]
    same = [float((forth - 0.5) * (back - 0.5) > 0 or forth == back) for _, forth, back in both]
    return {
        "pairs": total,
        "both": len(both),
        "consistent": share(same, [prompt for prompt, *_ in both]),
        "first": share([value for _, value in firsts], [prompt for prompt, _ in firsts]),
    }
