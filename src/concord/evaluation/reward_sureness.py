"""Whether a reward model is as sure of itself as it may be: its ECE with an interval, and its temperature."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from scipy.stats import norm

from concord.evaluation.intervals import Estimate
from concord.evaluation.reward_quality import BINS, Pair

RESAMPLES, FEW = 200, 5
UNKNOWN = Estimate(value=None, low=None, high=None, n=0)

Floats = NDArray[np.float64]


def sureness(found: Sequence[Pair], seed: int = 0) -> dict[str, Any]:
    """ECE with its interval, the temperature that would mend it, and the log loss at that temperature."""
    leads = np.array([pair.lead for pair in found])
    credit = np.array([pair.credit for pair in found])
    prompts = np.unique([pair.prompt for pair in found], return_inverse=True)[1].reshape(-1)
    warm = temperature(leads, prompts)
    scaled = None if warm["value"] is None else float(np.logaddexp(0, -leads / warm["value"]).mean())
    return {"ece": expected(leads, credit, prompts, seed), "temperature": warm, "nll_scaled": scaled}


def ece(leads: Floats, credit: Floats) -> float:
    """Mean distance of what is claimed, sigma(|lead|), and what is right, over bins of equally many comparisons."""
    claims = expit(np.abs(leads))
    order = np.argsort(claims, kind="stable")
    parts = [part for part in np.array_split(order, min(BINS, len(order))) if len(part)]
    apart = sum(len(part) * abs(claims[part].mean() - credit[part].mean()) for part in parts)
    return float(apart / len(order))


def expected(leads: Floats, credit: Floats, prompts: NDArray[np.int64], seed: int) -> Estimate:
    """ECE less what chance adds to it, with an interval, both by a bootstrap over prompts.

    One prompt shows neither, nor do fewer than five comparisons a bin: resamples of those hardly differ from them.

    Few comparisons make even a faultless model look off, and resamples of them add as much again: that is taken off.
    The ends lie 1.96 standard errors away, and none of the three below 0.
    """
    value, groups = ece(leads, credit), int(prompts.max()) + 1
    if groups < 2 or len(leads) < FEW * BINS:
        return Estimate(value=value, low=None, high=None, n=len(leads))
    rows = np.split(np.argsort(prompts, kind="stable"), np.cumsum(np.bincount(prompts))[:-1])
    random = np.random.default_rng(seed)
    again = []
    for _ in range(RESAMPLES):
        drawn = np.concatenate([rows[place] for place in random.integers(groups, size=groups)])
        again.append(ece(leads[drawn], credit[drawn]))
    middle, reach = max(0.0, 2 * value - float(np.mean(again))), norm.ppf(0.975) * float(np.std(again))
    return Estimate(value=middle, low=max(0.0, middle - reach), high=middle + reach, n=len(leads))


def temperature(leads: Floats, prompts: NDArray[np.int64]) -> Estimate:
    """T under which sigma(lead / T) is the likeliest: a logistic regression with one slope, 1 / T, by statsmodels.

    Above 1 the model claims too much, below 1 too little. A model that is never wrong, or no better than chance,
    has none.
    """
    import statsmodels.api as sm

    if not (leads < 0).any() or not (leads > 0).any():
        return Estimate(**{**UNKNOWN, "n": len(leads)})
    turned = np.where(
        np.arange(len(leads)) % 2, -1.0, 1.0
    )  # which of two answers counts as the first is no matter
    model = sm.GLM((turned + 1) / 2, (turned * leads)[:, None], family=sm.families.Binomial())
    clustered = prompts.max() > 0
    fit = model.fit(cov_type="cluster", cov_kwds={"groups": prompts}) if clustered else model.fit()
    slope, (low, high) = float(fit.params[0]), fit.conf_int()[0]
    if slope <= 0:
        return Estimate(**{**UNKNOWN, "n": len(leads)})
    ends = (float(1 / high), float(1 / low)) if clustered and low > 0 else (None, None)
    return Estimate(value=1 / slope, low=ends[0], high=ends[1], n=len(leads))
