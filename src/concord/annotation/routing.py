"""Which task is worth a person's time next: the one on which reward models of one kind disagree or cannot tell."""

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from concord.records import digest

Floats = NDArray[np.float64]
Measure = Literal["information", "spread", "gap"]
Scores = Sequence[Sequence[float]]
"""Scores of one task's answers: a row a member of the ensemble, a column an answer."""


def information(gaps: Floats) -> float:
    """Nats that a comparison would tell about which member is right.

    gaps [M, P] score differences -> mean over pairs of H(mean of sigma) - mean of H(sigma) (Houlsby et al. 2011).
    """
    chances = 1 / (1 + np.exp(-np.clip(gaps, -40, 40)))
    return float((_entropy(chances.mean(0)) - _entropy(chances).mean(0)).mean())


def spread(gaps: Floats) -> float:
    """How far the members' differences lie apart: gaps [M, P] -> mean over pairs of their standard deviation."""
    return float(gaps.std(0).mean())


def gap(gaps: Floats) -> float:
    """How near to a tie the closest comparison is: gaps [M, P] -> minus the smallest mean difference."""
    return -float(np.abs(gaps.mean(0)).min())


MEASURES: dict[Measure, Callable[[Floats], float]] = {
    "information": information,
    "spread": spread,
    "gap": gap,
}


def uncertainty(scores: Scores, by: Measure = "information") -> float:
    """How unsure an ensemble is of the order of one task's answers; higher is less sure."""
    table = np.asarray(scores, dtype=float)
    if table.ndim != 2 or table.shape[1] < 2 or not np.isfinite(table).all():
        raise ValueError(
            f"scores {table.shape} must be finite, a row a member and a column an answer, two or more"
        )
    gaps = np.stack(
        [table[:, one] - table[:, other] for one, other in combinations(range(table.shape[1]), 2)], 1
    )
    return MEASURES[by](gaps)


def ordered(tasks: Mapping[str, Scores], by: Measure = "information", seed: int = 0) -> list[str]:
    """The names of tasks, the most uncertain first; equal ones stand in an order drawn by the seed."""
    unsure = {name: uncertainty(scores, by) for name, scores in tasks.items()}
    return sorted(tasks, key=lambda name: (-unsure[name], digest(seed, name)))


def _entropy(chances: Floats) -> Floats:
    inside = np.clip(chances, 1e-12, 1 - 1e-12)
    found: Floats = -(inside * np.log(inside) + (1 - inside) * np.log(1 - inside))
    return np.where(np.isin(chances, (0.0, 1.0)), 0.0, found)
