"""Where chasing the reward model stops helping: what it believes against what an independent judge finds."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from concord.evaluation.answers import Row, meetings, number
from concord.evaluation.intervals import Estimate, mean
from concord.evaluation.scaling import by_prompts, fitted, spread
from concord.maths.statistics import best_of_n_gold, best_of_n_kl, distinct

SIDES = ("proxy", "gold")
MOST_POINTS = 160
"""A curve with more points than this is drawn from the means of neighbours."""


def says(proxy: Estimate, gold: Estimate) -> str:
    """What two differences say together; a difference counts only if its whole interval does."""
    rose, fell = clearly(proxy, 1), clearly(gold, -1)
    if rose and fell:
        return "over-optimised"
    if rose and clearly(gold, 1):
        return "helped"
    return "hurt" if fell and clearly(proxy, -1) else "unclear"


def clearly(change: Estimate, sign: int) -> bool:
    """Whether the whole interval of a change lies on one side of 0."""
    low, high = change["low"], change["high"]
    return low is not None and high is not None and (low > 0 if sign > 0 else high < 0)


def best_of_n(samples: Sequence[Mapping[str, Any]], sizes: Sequence[int] = ()) -> dict[str, Any] | None:
    """The curve of best-of-n from many scored samples of each prompt.

    A set of samples is {"prompt_id", "proxy": [M numbers], "gold": [M numbers]}, and "texts": [M] if it is to be
    told how varied they are (distinct runs of two words, prompt by prompt). Every point is an unbiased
    mean over all choices of n from the M. The last point is held against the best prompt by prompt.
    """
    samples = [sample for sample in samples if len(sample["proxy"]) > 0]
    if not samples:
        return None
    most = min(len(sample["proxy"]) for sample in samples)
    sizes = [n for n in sizes or [2**power for power in range(20)] if n <= most]
    prompts = [sample["prompt_id"] for sample in samples]
    values = {
        n: {name: [best_of_n_gold(one["proxy"], one[name], n) for one in samples] for name in SIDES}
        for n in sizes
    }
    points = [
        {"n": n, "kl": best_of_n_kl(n), **{name: mean(values[n][name], prompts) for name in SIDES}}
        for n in sizes
    ]
    peak = max(sizes, key=lambda n: (sum(values[n]["gold"]), -n))
    last = sizes[-1]
    # The peak was looked for among all sizes: each one more makes it likelier to be a lucky one.
    level = 1 - 0.05 / max(1, len(sizes) - 1)
    since = {
        name: mean(
            [b - a for a, b in zip(values[peak][name], values[last][name], strict=True)], prompts, level
        )
        for name in SIDES
    }
    fell = says(since["proxy"], since["gold"]) == "over-optimised"
    return {
        "points": points,
        "prompts": len(samples),
        "samples": most,
        "distinct": mean(*varied(samples)),
        "peak": peak,
        "since": since,
        "law": law([best_of_n_kl(n) for n in sizes], [values[n]["gold"] for n in sizes], prompts),
        "says": "over-optimised" if fell else "no clear fall",
    }


def law(
    kl: Sequence[float], gold: Sequence[Sequence[float]], prompts: Sequence[str]
) -> dict[str, Any] | None:
    """Gao et al.'s law of best-of-n through the judge's scores [sizes, prompts], the first being those of n = 1."""
    d = [math.sqrt(nats) for nats in kl]
    gains = [mean([now - then for then, now in zip(gold[0], row, strict=True)], prompts) for row in gold]
    errors = [spread(gain) for gain in gains]
    found = fitted("best-of-n", d, [gain["value"] or 0.0 for gain in gains], errors)
    if found is None:
        return None
    nats = [[one for _ in prompts] for one in kl]
    return {**found, **by_prompts("best-of-n", nats, gold, errors)}


def varied(samples: Sequence[Mapping[str, Any]]) -> tuple[list[float], list[str]]:
    """Of each prompt with texts of two words or more, the share of different runs of two words, and its name."""
    found = {sample["prompt_id"]: distinct(sample.get("texts", ()), 2) for sample in samples}
    known = {name: value for name, value in found.items() if not math.isnan(value)}
    return list(known.values()), list(known)


def drift(rows: Sequence[Row], policy: str, reference: str, temperature: float) -> dict[str, Any] | None:
    """What proxy and judge each think of a policy's answers against the reference's, prompt by prompt."""
    found = []
    for ours, theirs in meetings(rows, policy, reference, temperature):
        rise, gain = (apart(ours, theirs, name) for name in SIDES)
        if rise is not None and gain is not None:
            found.append((ours["prompt_id"], rise, gain))
    if not found:
        return None
    prompts = [prompt for prompt, _, _ in found]
    proxy, gold = (mean([item[place] for item in found], prompts) for place in (1, 2))
    return {"policy": policy, "reference": reference, "proxy": proxy, "gold": gold, "says": says(proxy, gold)}


def apart(ours: Row, theirs: Row, side: str) -> float | None:
    """By how much one answer scores above another; None if one of the two has no score."""
    after, before = number(ours.get(side)), number(theirs.get(side))
    return None if after is None or before is None else after - before


def training_curve(metrics: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Reward, drift and (if measured) gold over the steps of one training, from its metrics.jsonl.

    Long trainings are thinned by means of neighbours; a value that was not finite is left out, not drawn as
    0.
    """
    fields = {"kl": "kl", "proxy": "score", "gold": "gold"}
    points = [
        {"step": number(row.get("step")), **{name: number(row.get(field)) for name, field in fields.items()}}
        for row in metrics
    ]
    points = [p for p in points if p["step"] is not None and (p["kl"], p["proxy"], p["gold"]) != (None,) * 3]
    stride = math.ceil(len(points) / MOST_POINTS) if points else 1
    groups = [points[start : start + stride] for start in range(0, len(points), stride)]
    return [{name: middle([p[name] for p in group]) for name in ("step", *fields)} for group in groups]


def middle(values: Sequence[float | None]) -> float | None:
    """The mean of the values that are there."""
    there = [value for value in values if value is not None]
    return sum(there) / len(there) if there else None
