"""Gao et al.'s laws of over-optimisation: how a judge's score goes on as a policy drifts, and where it peaks.

With d the root of the drift in nats, best-of-n gains d (a - b d) and reinforcement learning d (a - b log d)
(Gao, Schulman and Hilton 2023, arXiv 2210.10760). Both are linear in a and b. The peaks follow by derivation:
d = a / 2b, and d = exp(a / b - 1); there is none unless b > 0.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from concord.evaluation.intervals import Estimate

Numbers = NDArray[np.float64]

DRAWS = 1000
"""Times that prompts, or looks, are drawn anew."""
FEWEST = 3
"""Points that a law of two numbers needs so that something is left to tell how sure it is."""


@dataclass(frozen=True)
class Law:
    """A law that is linear in its two numbers."""

    bend: Callable[[Numbers], Numbers]
    """What `-b` is multiplied by; `a` is multiplied by d."""
    top: Callable[[Numbers, Numbers], Numbers]
    """Where it peaks, if b > 0."""

    def columns(self, d: Numbers) -> Numbers:
        """[..., K] -> [..., K, 2]: what a and b are multiplied by."""
        return np.stack([d, -self.bend(d)], axis=-1)

    def gain(self, d: ArrayLike, a: float, b: float) -> Numbers:
        """The gain at each d."""
        at = np.asarray(d, dtype=float)
        return a * at - b * self.bend(at)

    def peak(self, a: ArrayLike, b: ArrayLike) -> Numbers:
        """The d of the peak; infinity where the gain only grows, 0 where it only falls."""
        first, second = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
        with np.errstate(all="ignore"):
            top = np.maximum(self.top(first, np.where(second > 0, second, 1.0)), 0.0)
        return np.where(second > 0, top, np.inf)


def log_bend(d: Numbers) -> Numbers:
    """d log d, 0 at 0."""
    return d * np.log(np.where(d > 0, d, 1.0))


LAWS = {
    "best-of-n": Law(np.square, lambda a, b: a / (2 * b)),
    "rl": Law(log_bend, lambda a, b: np.exp(a / b - 1)),
}


def fitted(
    name: str, d: ArrayLike, gain: ArrayLike, errors: ArrayLike | None = None
) -> dict[str, Any] | None:
    """A law's two numbers with 95 % intervals, by least squares weighted by the gains' standard errors.

    d, gain, errors [K] -> {"law", "a", "b", "peak"}, the peak as a d or None; None if too few points, or only ones at
    the same drift, are there. Points without drift are where every law begins and tell nothing.
    """
    from statsmodels.regression.linear_model import WLS  # slow to load, and few stages need it

    at, values = np.asarray(d, dtype=float), np.asarray(gain, dtype=float)
    there, weights = at > 0, weights_of(at, errors)
    if not enough(at):
        return None
    found = WLS(values[there], LAWS[name].columns(at[there]), weights=weights[there]).fit()
    low, high = found.conf_int().T
    count = int(there.sum())
    numbers = {
        letter: Estimate(
            value=float(found.params[place]), low=plain(low[place]), high=plain(high[place]), n=count
        )
        for place, letter in enumerate("ab")
    }
    return {"law": name, **numbers, "peak": plain(LAWS[name].peak(*found.params))}


def spread(gain: Estimate) -> float:
    """Half an interval's width, which is in proportion to its standard error; nan if there is none."""
    return math.nan if gain["low"] is None or gain["high"] is None else (gain["high"] - gain["low"]) / 2


def enough(d: ArrayLike) -> bool:
    """Whether points lie at drifts enough, and different enough, for a law to be fitted."""
    at = np.asarray(d, dtype=float)
    return len(np.unique(at[at > 0].round(6))) >= FEWEST


def weights_of(d: Numbers, errors: ArrayLike | None) -> Numbers:
    """How much each point counts: by its standard error, if all that tell something have one."""
    if errors is None:
        return np.ones(len(d))
    spread = np.asarray(errors, dtype=float)
    known = spread[d > 0]
    if not (np.isfinite(known).all() and (known > 0).all()):
        return np.ones(len(d))
    return 1 / np.square(np.where(d > 0, spread, 1.0))


def by_prompts(
    name: str, kl: ArrayLike, gold: ArrayLike, errors: ArrayLike | None = None, seed: int = 0
) -> dict[str, Any]:
    """Where the peak lies and whether the last look is past it, over prompts drawn anew.

    kl, gold [K looks, P prompts], the first look without drift -> {"peak": Estimate of d, "past_peak": chance}. A
    prompt that is drawn is drawn for all looks, so that what they share is shared in each draw.
    """
    drift, score = np.asarray(kl, dtype=float), np.asarray(gold, dtype=float)
    chance = np.random.default_rng(seed)
    count = drift.shape[1]
    drawn = chance.multinomial(count, np.full(count, 1 / count), size=DRAWS) / count
    d = np.sqrt(np.maximum(drawn @ drift.T, 0.0))
    gains = drawn @ (score - score[:1]).T
    return located(name, d, gains, weights_of(np.sqrt(np.maximum(drift.mean(1), 0.0)), errors), count)


def by_looks(
    name: str, d: ArrayLike, gain: ArrayLike, errors: ArrayLike | None = None, seed: int = 0
) -> dict[str, Any] | None:
    """The same where only each look's mean is known: over looks drawn anew, the last of them always kept.

    None if the looks are too few for a law.
    """
    at, values = np.asarray(d, dtype=float), np.asarray(gain, dtype=float)
    if not enough(at):
        return None
    weights = weights_of(at, errors)
    places = np.random.default_rng(seed).integers(0, len(at), size=(DRAWS, len(at)))
    places[:, -1] = len(at) - 1
    return located(name, at[places], values[places], weights[places], len(at))


def located(name: str, d: Numbers, gains: Numbers, weights: Numbers, n: int) -> dict[str, Any]:
    """The peaks of many draws [B, K] in one interval, and the share of draws whose last look is past its peak."""
    root = np.sqrt(np.broadcast_to(weights, d.shape))[..., None]
    numbers = (np.linalg.pinv(LAWS[name].columns(d) * root) @ (gains[..., None] * root))[..., 0]
    peaks = LAWS[name].peak(numbers[:, 0], numbers[:, 1])
    low, middle, high = np.quantile(peaks, (0.025, 0.5, 0.975), method="nearest")
    peak = Estimate(value=plain(middle), low=plain(low), high=plain(high), n=n)
    return {"peak": peak, "past_peak": float((peaks < d[:, -1]).mean())}


def drawn(
    name: str, a: float, b: float, most: float, points: int = 60
) -> tuple[Sequence[float], Sequence[float]]:
    """A fitted law as a line from no drift to the most."""
    d = np.linspace(0.0, most, points)
    return d.tolist(), LAWS[name].gain(d, a, b).tolist()


def plain(value: Any) -> float | None:
    """A number as JSON can hold it."""
    return float(value) if math.isfinite(value) else None
