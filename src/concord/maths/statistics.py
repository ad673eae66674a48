"""Estimates with honest error bars, from numbers alone (numpy, no torch)."""

import math
from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import ArrayLike

ROUNDING = 1e-14
"""What sums of so many numbers lose at most, for each and as a share of the largest."""


def best_of_n_kl(n: int) -> float:
    """How far keeping the best of n samples moves a policy, at most.

    int -> float:  log n - (n - 1) / n (exact without ties; else an upper bound, Beirami et al. 2024).
    """
    if n < 1:
        raise ValueError(f"n is {n}; the best of n needs at least one sample")
    return math.log(n) - (n - 1) / n


def best_of_n_gold(proxy: ArrayLike, gold: ArrayLike, n: int) -> float:
    """The true quality to expect if a proxy picks the best of n samples of one prompt.

    proxy [M], gold [M], n in 1..M -> float:  sum_i C(i-1, n-1) / C(M, n) g_(i), samples in rising order of
    proxy. It is the mean over all choices of n of the M, so it is unbiased and has no Monte Carlo noise
    (Gao et al. 2023). Among equal proxies any may be picked: they share their weight.
    """
    seen, true = np.asarray(proxy, dtype=float), np.asarray(gold, dtype=float)
    count = len(seen)
    if seen.ndim != 1 or seen.shape != true.shape or not 1 <= n <= count:
        raise ValueError(f"proxy {seen.shape} and gold {true.shape} must be equally long lists of >= n = {n}")
    ranks = np.arange(count, 1, -1)
    falling = np.cumprod(np.concatenate(([n / count], np.maximum(ranks - n, 0) / (ranks - 1))))
    weights = falling[::-1]
    tie = np.unique(seen, return_inverse=True)[1].reshape(-1)
    size = np.bincount(tie)
    shared = np.bincount(tie, weights=weights[np.argsort(np.argsort(seen, kind="stable"))]) / size
    return float(shared[tie] @ true)


def gap_recovered(weak: float, student: float, ceiling: float) -> float:
    """How much of the way from a weak supervisor to a strong model's own best a student of the weak one has gone.

    three marks -> float:  (student - weak) / (ceiling - weak) (Burns et al. 2023; book, 4.11). 0 is no better than
    the supervisor, 1 as good as the strong model taught by better labels. A ceiling that is not above the
    supervisor leaves no gap: ValueError.
    """
    if not ceiling > weak:
        raise ValueError(f"the ceiling's mark {ceiling} is not above the weak one's {weak}; there is no gap")
    return (student - weak) / (ceiling - weak)


def distinct(texts: Sequence[str], n: int) -> float:
    """How varied some answers are: the share of their runs of n words that are different ones.

    texts -> float in 0..1:  distinct n-grams / all n-grams, over all texts together (Li et al. 2016); nan if none
    has n words.
    """
    runs = [
        tuple(words[place : place + n])
        for words in map(str.split, texts)
        for place in range(len(words) - n + 1)
    ]
    return len(set(runs)) / len(runs) if runs else math.nan


def cluster_interval(
    values: ArrayLike, clusters: ArrayLike, level: float = 0.95
) -> tuple[float, float, float]:
    """A mean and the range that it can be trusted to, when values of one cluster tell partly the same.

    values [M], clusters [M] (labels, such as prompt ids) -> (mean, low, high):  mean -+ t e, with e of
    `cluster_error` and t of G - 1 degrees of freedom. With one value a cluster it is Student's interval. One
    cluster shows no spread: (mean, -inf, inf).
    """
    mean, error, count = cluster_error(values, clusters)
    if count == 1:
        return mean, -math.inf, math.inf
    reach = student_quantile(level, count - 1) * error
    return mean, mean - reach, mean + reach


def cluster_error(values: ArrayLike, clusters: ArrayLike) -> tuple[float, float, int]:
    """A mean, its standard error when values of one cluster tell partly the same, and how many clusters there are.

    values [M], clusters [M] -> (mean, e, G):  e^2 = G / (G - 1) sum_g (sum of cluster g's deviations)^2 / M^2. With
    one value a cluster it is the sample's standard deviation over sqrt(M). One cluster shows no spread: inf. Deviations
    that are rounding alone are none: 0.
    """
    numbers = np.asarray(values, dtype=float)
    index = np.unique(np.asarray(clusters), return_inverse=True)[1].reshape(-1)
    if numbers.ndim != 1 or len(numbers) == 0 or index.shape != numbers.shape:
        raise ValueError(f"values {numbers.shape} and clusters {index.shape} must be equally long lists")
    mean = float(numbers.mean())
    sums = np.bincount(index, weights=numbers - mean)
    count = len(sums)
    if count == 1:
        return mean, math.inf, 1
    if np.abs(sums).max() <= ROUNDING * np.abs(numbers).max() * len(numbers):
        return mean, 0.0, count
    return mean, math.sqrt(count / (count - 1) * float(sums @ sums)) / len(numbers), count


@cache
def student_quantile(level: float, freedom: int) -> float:
    """How many standard errors hold a given share of chance, if the error itself is an estimate.

    level in 0..1, freedom >= 1 -> t with P(|T| <= t) = level under Student's t distribution.
    Found by halving the angle whose tangent is t / sqrt(freedom).
    """
    if not 0 < level < 1 or freedom < 1:
        raise ValueError(f"level is {level} and freedom {freedom}; they must lie in (0, 1) and above 0")
    below, above = 0.0, math.pi / 2
    for _ in range(60):
        angle = (below + above) / 2
        below, above = (angle, above) if _student_share(angle, freedom) < level else (below, angle)
    return math.sqrt(freedom) * math.tan((below + above) / 2)


def _student_share(angle: float, freedom: int) -> float:
    """P(|T| <= sqrt(freedom) tan angle): the finite sums of Abramowitz and Stegun 26.7.3 and 26.7.4."""
    odd = freedom % 2
    steps = np.arange(1 + odd, freedom - 2 + odd, 2)
    ratios = steps / (steps + 1) * math.cos(angle) ** 2
    series = 1.0 + float(np.cumprod(ratios).sum())
    if not odd:
        return math.sin(angle) * series
    tail = math.sin(angle) * math.cos(angle) * series if freedom > 1 else 0.0
    return 2 / math.pi * (angle + tail)
