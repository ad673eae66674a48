"""Measures of agreement, each by a library that is made for it; here is only how they are asked."""

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from concord.maths.statistics import cluster_error

Floats = NDArray[np.float64]
Level = Literal["nominal", "ordinal", "interval"]
RESAMPLES = 400


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with the ends of its 95 % interval, and how many numbers it rests on."""

    value: float
    low: float
    high: float
    n: int


def krippendorff(table: ArrayLike, level: Level = "ordinal") -> float | None:
    """Krippendorff's alpha of raters [R] by units [U], nan where missing; None where no unit has two raters."""
    import evalica
    import pandas as pd

    frame = pd.DataFrame(np.asarray(table, dtype=float))
    if frame.empty or not (frame.notna().sum(axis=0) > 1).any():
        return None
    return float(evalica.alpha(frame, level).alpha)


def alpha(
    table: Floats, tasks: NDArray[np.int64], seed: int = 0, resamples: int = RESAMPLES
) -> Estimate | None:
    """Alpha of pair outcomes with an interval by a bootstrap over tasks: those of one task are not independent."""
    from scipy.stats import bootstrap

    value = krippendorff(table)
    if value is None:
        return None
    columns = [np.flatnonzero(tasks == task) for task in np.unique(tasks)]
    units = int((np.sum(~np.isnan(table), axis=0) > 1).sum())
    if len(columns) < 2:
        return Estimate(value, -1.0, 1.0, units)

    def again(drawn: Any) -> float:
        found = krippendorff(table[:, np.concatenate([columns[int(place)] for place in drawn])])
        return value if found is None else found

    drawn = bootstrap(
        (np.arange(len(columns)),), again, n_resamples=resamples, vectorized=False, method="percentile",
        rng=np.random.default_rng(seed),
    )  # fmt: skip
    return Estimate(value, float(drawn.confidence_interval.low), float(drawn.confidence_interval.high), units)


@lru_cache(maxsize=65536)
def kendall(one: tuple[float, ...], other: tuple[float, ...]) -> float | None:
    """Kendall's tau-b of two lists of ranks; None where one of them is all ties."""
    return _correlation("kendalltau", one, other)


@lru_cache(maxsize=65536)
def spearman(one: tuple[float, ...], other: tuple[float, ...]) -> float | None:
    """Spearman's correlation of two lists of ranks; None where one of them is all ties."""
    return _correlation("spearmanr", one, other)


def _correlation(name: str, one: Sequence[float], other: Sequence[float]) -> float | None:
    from scipy import stats

    if len(one) < 2 or len(set(one)) == 1 or len(set(other)) == 1:
        return None
    call: Callable[..., Any] = getattr(stats, name)
    return float(call(one, other).statistic)


def cohen(one: Sequence[float], other: Sequence[float], weighted: bool = False) -> float | None:
    """Cohen's kappa of two raters over the same units, with quadratic weights if asked; None where undefined."""
    from statsmodels.stats.inter_rater import cohens_kappa

    labels = sorted({*one, *other})
    place = {label: number for number, label in enumerate(labels)}
    table = np.zeros((len(labels), len(labels)))
    for a, b in zip(one, other, strict=True):
        table[place[a], place[b]] += 1
    if len(labels) < 2:
        return None
    found = float(cohens_kappa(table, wt="quadratic" if weighted else None, return_results=False))
    return found if math.isfinite(found) else None


def fleiss(units: ArrayLike) -> float | None:
    """Fleiss' kappa of units [U] by raters [R]; None where all say the same of everything."""
    from statsmodels.stats.inter_rater import aggregate_raters, fleiss_kappa

    counts, labels = aggregate_raters(np.asarray(units))
    return float(fleiss_kappa(counts)) if len(labels) > 1 else None


def share_interval(
    values: Sequence[float], clusters: Sequence[int] | Sequence[str], level: float = 0.95
) -> Estimate | None:
    """A share with an interval clustered by task: a linear model of nothing but its mean, by statsmodels."""
    import statsmodels.api as sm
    from statsmodels.stats.proportion import proportion_confint

    numbers = np.asarray(values, dtype=float)
    groups = len(set(clusters))
    if not len(numbers):
        return None
    mean = float(numbers.mean())
    if cluster_error(numbers, clusters)[1] in (0, math.inf):  # no spread would claim certainty
        low, high = proportion_confint(mean * groups, groups, alpha=1 - level, method="wilson")
        return Estimate(mean, float(low), float(high), len(numbers))
    model = sm.OLS(numbers, np.ones(len(numbers)))
    fit = model.fit(cov_type="cluster", cov_kwds={"groups": np.asarray(clusters)}, use_t=True)
    low, high = fit.conf_int(1 - level)[0]
    return Estimate(mean, max(0.0, float(low)), min(1.0, float(high)), len(numbers))


def reliability(own: Floats, others: Floats, clusters: Sequence[int]) -> Estimate | None:
    """How strongly a person's comparisons follow what all others think: a Bradley-Terry model with one slope.

    P(the first is better) = sigma(slope * m), m in -1..1 what the others think on average. 0 is chance, below
    0 upside down. One tie against a unanimous panel is added, so that it stays finite.
    """
    import statsmodels.api as sm

    if len(own) < 10 or len(set(clusters)) < 5 or not np.any(others):
        return None
    y = np.append((own + 1) / 2, 0.5)
    groups = np.append(np.asarray(clusters), max(clusters) + 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a tie is half a win, which the family calls strange
        model = sm.GLM(y, np.append(others, 1.0)[:, None], family=sm.families.Binomial())
        fit = model.fit(cov_type="cluster", cov_kwds={"groups": groups})
    low, high = fit.conf_int()[0]
    return Estimate(float(fit.params[0]), float(low), float(high), len(own))
