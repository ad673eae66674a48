"""Ranges that a share or a mean can be trusted to, whether or not some values share a prompt."""

import math
from collections.abc import Sequence
from functools import lru_cache
from statistics import NormalDist
from typing import TypedDict

from concord.maths.statistics import cluster_interval

COUNTED = frozenset((0.0, 0.5, 1.0))
"""Outcomes that can be counted: lost, tied, won."""

WIDE = NormalDist().inv_cdf(0.975)
"""Standard errors on either side that hold 95 % of chance."""
CERTAIN = 1e-9
"""An interval of a share so narrow is one without spread: all prompts tell the same, but for rounding."""
FAR = 1_000_000
"""More prompts than anyone would judge: beyond this a question counts as open."""


class Estimate(TypedDict):
    """A value, the ends of its 95 % interval (None if there is none), and how many numbers it rests on."""

    value: float | None
    low: float | None
    high: float | None
    n: int


@lru_cache(maxsize=4096)
def wilson(count: float, n: int, alpha: float = 0.05) -> tuple[float, float]:
    """Wilson's interval of a share, 95 % if nothing else is said: honest also near 0 and 1 and for few answers."""
    from statsmodels.stats.proportion import proportion_confint  # slow to load, and few stages need it

    low, high = proportion_confint(count, n, alpha=alpha, method="wilson")
    return float(low), float(high)


def share(values: Sequence[float], clusters: Sequence[str]) -> Estimate:
    """A share with its interval: Wilson if every prompt counts once, else clustered by prompt.

    Chances that a judge gives are no counts, so they have Student's interval and not Wilson's.
    """
    count = len(values)
    if count == 0:
        return Estimate(value=None, low=None, high=None, n=0)
    prompts = len(set(clusters))
    mean = sum(values) / count
    if prompts == count and COUNTED.issuperset(values):
        low, high = wilson(sum(values), count)
    else:
        _, low, high = cluster_interval(values, clusters)
        if high - low < CERTAIN:  # no spread would claim certainty; the prompts are what is independent
            low, high = wilson(mean * prompts, prompts)
    return Estimate(value=mean, low=max(0.0, low), high=min(1.0, high), n=count)


def change(after: Estimate, before: Estimate, alpha: float) -> Estimate:
    """The difference of two shares of different answers, with Newcombe's interval."""
    from statsmodels.stats.proportion import confint_proportions_2indep

    a, b = after["value"] or 0.0, before["value"] or 0.0
    counts = a * after["n"], after["n"], b * before["n"], before["n"]
    low, high = confint_proportions_2indep(*counts, method="newcomb", compare="diff", alpha=alpha)
    return Estimate(value=a - b, low=float(low), high=float(high), n=after["n"])


def difference(after: Estimate, before: Estimate) -> Estimate:
    """The difference of two estimates of different answers, each with an interval of its own.

    L = (a - b) - sqrt((a - la)^2 + (ub - b)^2), and U alike: Newcombe's way for any two intervals (MOVER). With
    Wilson's intervals of two shares it is what `change` computes; clustered and asymmetric ones keep their shape.
    """
    a, la, ua = after["value"], after["low"], after["high"]
    b, lb, ub = before["value"], before["low"], before["high"]
    if a is None or b is None:
        return Estimate(value=None, low=None, high=None, n=0)
    low = high = None
    if la is not None and ua is not None and lb is not None and ub is not None:
        low, high = a - b - math.hypot(a - la, ub - b), a - b + math.hypot(ua - a, b - lb)
    return Estimate(value=a - b, low=low, high=high, n=after["n"])


def more_for_difference(after: Estimate, before: Estimate, need: float, grows: bool) -> int | None:
    """How many more answers would settle a difference, if only ours become more, or both alike (`grows`).

    None if it lies on the limit, or if the other side's own interval is wider than what is to be told apart.
    """
    found = difference(after, before)
    value, low, high = found["value"], found["low"], found["high"]
    if value is None or low is None or high is None:
        return None
    # The end that must clear the limit, as the root of the squares of our distance and of theirs.
    up = value < need
    ours = (
        ((after["high"] or 0.0) - (after["value"] or 0.0))
        if up
        else (after["value"] or 0.0) - (after["low"] or 0.0)
    )
    whole = high - value if up else value - low
    theirs = max(0.0, whole**2 - ours**2)
    room = (value - need) ** 2
    wanted = (
        (whole**2 / room if room else math.inf)
        if grows
        else ours**2 / (room - theirs)
        if room > theirs
        else math.inf
    )
    many = after["n"] * wanted
    return max(1, math.ceil(many) - after["n"]) if many < FAR else None


def mean(
    values: Sequence[float],
    clusters: Sequence[str],
    level: float = 0.95,
    bounds: tuple[float, float] | None = None,
) -> Estimate:
    """A mean with its interval, clustered by prompt; with one prompt there is a mean but no interval.

    Where bounds of the values are told and all prompts tell the same, no spread is not taken for certainty: by
    Wilson a share u of other prompts may differ, each as far as the bounds let it. No bounds, no interval then.
    """
    if not values:
        return Estimate(value=None, low=None, high=None, n=0)
    value, low, high = cluster_interval(values, clusters, level)
    if bounds is not None and low == high:
        other = wilson(0, len(set(clusters)), 1 - level)[1]
        low, high = value - other * (value - bounds[0]), value + other * (bounds[1] - value)
    known = math.isfinite(low)
    return Estimate(value=value, low=low if known else None, high=high if known else None, n=len(values))


def more_for_share(value: float, n: int, need: float) -> int | None:
    """How many more independent answers would settle a share against a limit, if it stays as it is.

    Wilson's interval leaves the limit as soon as (value - need)^2 n > z^2 need (1 - need). None if the share lies on
    the limit, where no number of answers settles it.
    """
    if value == need:
        return None
    enough = math.floor(WIDE**2 * need * (1 - need) / (value - need) ** 2) + 1
    return max(1, enough - n) if enough < FAR else None


def more_for_mean(estimate: Estimate, need: float) -> int | None:
    """How many more answers would settle a mean against a limit: widths shrink with the root of n."""
    value, low, high = estimate["value"], estimate["low"], estimate["high"]
    if value is None or low is None or high is None or value == need:
        return None
    wanted = estimate["n"] * ((high - low) / 2 / (value - need)) ** 2
    return max(1, math.ceil(wanted) - estimate["n"]) if wanted < FAR else None


def more_prompts(estimate: Estimate, prompts: int, half: float) -> int | None:
    """About how many more prompts would narrow an interval to so much on either side; 0 if it is as narrow already.

    Widths shrink with the root of the number of prompts, whether or not a prompt was answered more than once. None
    where there is no interval yet.
    """
    low, high = estimate["low"], estimate["high"]
    if low is None or high is None:
        return None
    wanted = prompts * ((high - low) / 2 / half) ** 2
    return max(0, math.ceil(wanted) - prompts) if wanted < FAR else None


def more_to_lead(estimate: Estimate, prompts: int, need: float = 0.5) -> int | None:
    """About how many more prompts would show on which side of a limit a share lies; 0 if that is shown already."""
    value, low, high = estimate["value"], estimate["low"], estimate["high"]
    if value is None or low is None or high is None or value == need:
        return None
    if low > need or high < need:
        return 0
    if prompts == estimate["n"]:
        return more_for_share(value, prompts, need)
    more = more_prompts(estimate, prompts, abs(value - need))
    return more if more is None else max(1, more)
