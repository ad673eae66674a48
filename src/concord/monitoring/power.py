"""What would have been seen: the smallest drift that these windows find four times out of five."""

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence

import numpy as np

from concord.monitoring.thumbs import turns

POWER, TRIES = 0.8, 60
STEPS = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.5, 2.0)
LONGEST = 4000
"""Thumbs of a stream that is tried out; a longer one sees at least as much."""


def smallest(finds: Callable[[float], bool], steps: Sequence[float] = STEPS) -> float | None:
    """The first of rising steps that is found often enough, for a larger one is found more often; None if none is."""

    def often(step: float) -> bool:
        return sum(finds(step) for _ in range(TRIES)) >= POWER * TRIES

    place = bisect_left(steps, True, key=often)
    return steps[place] if place < len(steps) else None


def least_shift(reference: Sequence[float], n: int, alpha: float, seed: int) -> float | None:
    """The shift, in standard deviations of the reference, that Kolmogorov and Smirnov's test would find: tried out."""
    from scipy import stats

    values, rng = np.asarray(reference, float), np.random.default_rng(seed)
    spread = float(values.std())
    if spread == 0:
        return None

    def finds(step: float) -> bool:
        moved = rng.choice(values, n) + step * spread
        return bool(stats.ks_2samp(values, moved, method="asymp").pvalue < alpha)

    return smallest(finds)


def least_rise(share: float, before: int, now: int, alpha: float) -> float | None:
    """The share that would have been told from the one before; None if not even all would."""
    from statsmodels.stats.power import NormalIndPower

    effect = float(NormalIndPower().solve_power(nobs1=now, alpha=alpha, power=POWER, ratio=before / now))
    angle = np.arcsin(np.sqrt(share)) + effect / 2
    return float(np.sin(angle) ** 2) if angle <= np.pi / 2 else None


def least_auc(before: int, now: int, alpha: float) -> float:
    """How well prompts would have to be told apart for that to be no chance."""
    from scipy import stats

    reach = float(stats.norm.isf(alpha)) + float(stats.norm.ppf(POWER))
    return min(1.0, 0.5 + reach * math.sqrt((before + now + 1) / (12 * before * now)))


def least_fall(share: float, n: int, delta: float, seed: int) -> float | None:
    """The fall of thumbs up, in the middle of the stream, that ADWIN would have noticed: tried out."""
    rng, half = np.random.default_rng(seed), min(n, LONGEST) // 2

    def finds(step: float) -> bool:
        stream = np.concatenate([rng.random(half) < share, rng.random(half) < max(0.0, share - step)])
        return any(turn.fell for turn in turns(stream.tolist(), delta))

    return smallest(finds, [step for step in STEPS if step <= share])
