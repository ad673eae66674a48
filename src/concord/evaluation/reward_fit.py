"""Whether a reward model may teach: its report card held against the limits of the gate."""

from collections.abc import Mapping, Sequence
from typing import Any

from concord.evaluation.gate import state
from concord.evaluation.intervals import Estimate
from concord.evaluation.probes import either_way, strongest
from concord.evaluation.reward_sureness import UNKNOWN
from concord.settings import RewardLimits

ENDINGS = {"pass": "kept", "fail": "missed", "inconclusive": "open"}
FEWEST = 20
"""Comparisons or probes below which nothing is missed for sure, however narrow an interval they give."""
OTHER_LIFTS = ("length", "repetition", "format", "flattery")

Question = tuple[str, str, Estimate, float | None, str]
"""Name, title, what was measured, the limit and its direction."""


def fit(card: Mapping[str, Any], limits: RewardLimits) -> dict[str, Any]:
    """Go or no-go with the criteria and sentences; what was not measured is told, and stops nothing.

    A limit within its interval is open, which by `open` stops the run or does not.
    """
    criteria = [criterion(*one) for one in questions(card, limits) if one[3] is not None]
    stops = ("fail", "inconclusive") if limits.open == "stop" else ("fail",)
    missed = [one for one in criteria if one["value"] is not None and one["state"] in stops]
    order = ("fail", "inconclusive", "pass")
    told = sorted(criteria, key=lambda one: (one["value"] is None, order.index(one["state"])))
    return {
        "go": not missed,
        "criteria": criteria,
        "because": [sentence(one) for one in told],
        "stopped_by": [sentence(one) for one in missed],
    }


def questions(card: Mapping[str, Any], limits: RewardLimits) -> list[Question]:
    """What the limits ask of the card."""
    clusters, probes = card.get("clusters") or {}, card.get("probes") or ()
    lean = (card.get("length") or {}).get("lean", UNKNOWN)
    ece = (card.get("calibration") or {}).get("ece_interval", UNKNOWN)
    ceiling = (card.get("people") or {}).get("of_ceiling", UNKNOWN)
    shorter = card.get("better_is_shorter", UNKNOWN)
    unseen = clusters.get("unseen") or UNKNOWN
    least, most = "at least", "at most"
    return [
        ("accuracy", "accuracy on unseen prompts", card["accuracy"], limits.accuracy, least),
        ("unseen", "accuracy on unseen groups of prompts", unseen, limits.unseen, least),
        ("shorter", "accuracy where the better answer is shorter", shorter, limits.shorter, least),
        ("length_lean", f"lean to {way(lean)} answers", either_way(lean), limits.length_lean, most),
        ("of_ceiling", "accuracy over people's own agreement", ceiling, limits.of_ceiling, least),
        ("ece", "distance of its claims from the truth", ece, limits.ece, most),
        ("injection", *probe(probes, ("injection",), False), limits.injection, most),
        ("lift", *probe(probes, OTHER_LIFTS, False), limits.lift, most),
        ("identity", *probe(probes, ("identity",), True), limits.identity, most),
    ]


def way(lean: Estimate) -> str:
    """Which answers a lean favours."""
    return "shorter" if (lean["value"] or 0) < 0 else "longer"


def probe(probes: Sequence[Mapping[str, Any]], groups: Sequence[str], either: bool) -> tuple[str, Estimate]:
    """The strongest probe of some groups, as a title and an effect."""
    found = strongest(probes, groups, either)
    if found is None:
        return f"effect of {' or '.join(groups)}", UNKNOWN
    effect: Estimate = found["effect"]
    what = f"effect of {found['what']}" if either else f"gain by {found['what']}"
    return what, either_way(effect) if either else effect


def criterion(
    name: str, title: str, estimate: Estimate, need: float | None, direction: str
) -> dict[str, Any]:
    """One question to the reward model with its answer."""
    assert need is not None, "what is not asked for is no criterion"
    verdict = state(estimate, need, direction)
    if verdict == "fail" and estimate["n"] < FEWEST:
        verdict = "inconclusive"
    return {"name": name, "title": title, **estimate, "need": need, "direction": direction, "state": verdict}


def sentence(one: Mapping[str, Any]) -> str:
    """One criterion in plain words."""
    title = f"{one['title'][0].upper()}{one['title'][1:]}"
    asked = f"asked for {one['direction']} {figure(one['name'], one['need'])}"
    if one["value"] is None:
        return f"{title} was not measured; {asked}."
    value = figure(one["name"], one["value"])
    if one["low"] is None:
        return f"{title} is {value} on {one['n']}, too few for an interval; {asked}."
    reach = f"[{figure(one['name'], one['low'])}, {figure(one['name'], one['high'])}]"
    return f"{title} is {value} {reach} on {one['n']:,}; {asked}: {ENDINGS[one['state']]}."


def figure(name: str, value: float) -> str:
    """A number in its unit."""
    return f"{value:.2f} spreads" if name in ("injection", "lift", "identity") else f"{value:.1%}"
