"""Go or no-go: every criterion must be cleared by its whole interval, not by a lucky mean."""

from collections.abc import Sequence
from typing import Any

from concord.evaluation.intervals import Estimate, change, more_for_mean, more_for_share
from concord.evaluation.summary import Summary
from concord.evaluation.win_rate import Comparison
from concord.settings.stages import Gate

ENDINGS = {"pass": "that is cleared", "fail": "that is missed", "inconclusive": "that is open"}
NO_FALL = "not clearly below"
MISSING = Estimate(value=None, low=None, high=None, n=0)


def state(estimate: Estimate, need: float, direction: str) -> str:
    """Pass if the interval's bad end clears the limit, fail if its good end misses it, else inconclusive."""
    low, high = estimate["low"], estimate["high"]
    if low is None or high is None:
        return "inconclusive"
    if direction == "above":
        return "pass" if low > need else "fail" if high <= need else "inconclusive"
    if direction == NO_FALL:
        return "fail" if high < need else "pass"
    if direction == "at least":
        return "pass" if low >= need else "fail" if high < need else "inconclusive"
    return "pass" if high <= need else "fail" if low > need else "inconclusive"


def criterion(name: str, title: str, estimate: Estimate, need: float, direction: str) -> dict[str, Any]:
    """One question to the policy with its answer."""
    verdict = state(estimate, need, direction)
    more: int | None = None
    if verdict == "inconclusive" and estimate["value"] is not None:
        share, n = estimate["value"], estimate["n"]
        more = more_for_mean(estimate, need) if name == "kl" else more_for_share(share, n, need)
    return {
        "name": name,
        "title": title,
        **estimate,
        "need": need,
        "direction": direction,
        "state": verdict,
        "more_needed": more,
    }


def win_criterion(
    gate: Gate, comparisons: Sequence[Comparison], candidate: str, reference: str, temperature: float
) -> dict[str, Any]:
    """Does it beat the supervised policy, on items that no guidance touched if such were judged?"""
    found = {
        item.split: item
        for item in comparisons
        if (item.a, item.b, item.temperature, item.kind) == (candidate, reference, temperature, None)
    }
    item = found.get("new") or found.get(None)
    where = "new items" if item and item.split == "new" else "all held-out prompts"
    title = f"win rate of {candidate} over {reference} on {where}"
    if item is None:
        return criterion("win_rate", title, MISSING, gate.win_rate, "above")
    # Prompts, not answers, are what is independent: they are the n that more prompts add to.
    estimate = Estimate(value=item.win_rate, low=item.low, high=item.high, n=item.prompts)
    return criterion("win_rate", title, estimate, gate.win_rate, "above")


def mark_criterion(name: str, need: float, direction: str, own: dict[str | None, Summary]) -> dict[str, Any]:
    """Is a mark (`unsafe`, or `harm.refused` for one kind) frequent or rare enough?"""
    kind, _, mark = name.rpartition(".")
    found = own.get(kind or None)
    estimate = found.marks.get(mark, MISSING) if found else MISSING
    title = f"share of {kind} answers marked {mark}" if kind else f"share of answers marked {mark}"
    return criterion(name, title, estimate, need, direction)


def fall_criterion(
    mark: str,
    own: dict[str | None, Summary],
    theirs: dict[str | None, Summary],
    candidate: str,
    reference: str,
) -> dict[str, Any]:
    """Did any kind of request pay for the average? The weakest of them.

    The more kinds are looked at, the wider each interval must be for the answer to stay honest.
    """
    kinds = [kind for kind in own if kind and kind in theirs and mark in own[kind].marks]
    changes = {
        kind: change(own[kind].marks[mark], theirs[kind].marks[mark], 0.05 / len(kinds)) for kind in kinds
    }
    if not changes:
        title = f"change of {mark} from {reference} to {candidate}, kind by kind,"
        return criterion(f"no_fall.{mark}", title, MISSING, 0.0, NO_FALL)
    worst = min(changes, key=lambda kind: changes[kind]["high"] or 0.0)
    title = f"change of {mark} from {reference} to {candidate} on {worst}, the weakest of {len(kinds)} kinds"
    return criterion(f"no_fall.{mark}", title, changes[worst], 0.0, NO_FALL)


def by_kind(summaries: Sequence[Summary], policy: str, temperature: float) -> dict[str | None, Summary]:
    """A policy's summaries over all held-out prompts, by kind; that of all kinds is under None."""
    wanted = (policy, temperature, None)
    return {item.kind: item for item in summaries if (item.policy, item.temperature, item.split) == wanted}


def sentence(item: dict[str, Any]) -> str:
    """One criterion in plain words."""
    figures = "{:.2f}".format if item["name"] == "kl" else "{:.1%}".format
    subject = f"{item['title'][0].upper()}{item['title'][1:]}"
    asked = f"{item['direction']} {figures(item['need'])}"
    if item["value"] is None:
        return f"{subject} was not measured, so whether it is {asked} is open."
    if item["low"] is None:
        few = f"{figures(item['value'])} on {item['n']}, too few for an interval"
        return f"{subject} is {few}; asked for {asked}."
    value = f"{figures(item['value'])} [{figures(item['low'])}, {figures(item['high'])}]"
    ending = ENDINGS[item["state"]]
    text = f"{subject} is {value} on {item['n']}; asked for {asked}: {ending}"
    if item["state"] != "inconclusive":
        return f"{text}."
    more = item["more_needed"]
    return f"{text}; about {more:,} more would settle it." if more else f"{text}; it is too close to settle."


def decide(
    gate: Gate,
    comparisons: Sequence[Comparison],
    summaries: Sequence[Summary],
    candidate: str,
    reference: str = "sft",
    temperature: float | None = None,
) -> dict[str, Any]:
    """The verdict on the candidate: GO only if every criterion passes.

    Win rate is asked on new items if there are any; drift and marks on all held-out prompts, since no stage
    saw any of them. All at one temperature, the first unless another is named. All must pass, so asking
    several questions makes a false GO less likely, not more.
    """
    if temperature is None:
        temperature = summaries[0].temperature if summaries else 1.0
    own = by_kind(summaries, candidate, temperature)
    # Drift is a mean over what the policy says when it speaks as it is: at temperature 1.
    plain = by_kind(summaries, candidate, 1.0).get(None)
    drift = plain.kl if plain else MISSING
    title = f"mean drift of an answer of {candidate} from {reference} in nats"
    theirs = by_kind(summaries, reference, temperature)
    falls = [fall_criterion(mark, own, theirs, candidate, reference) for mark in gate.no_fall]
    criteria = [
        win_criterion(gate, comparisons, candidate, reference, temperature),
        criterion("kl", title, drift, gate.kl, "at most"),
        *(mark_criterion(name, need, "at least", own) for name, need in gate.at_least.items()),
        *(mark_criterion(name, need, "at most", own) for name, need in gate.at_most.items()),
        *falls,
    ]
    order = ("fail", "inconclusive", "pass")
    return {
        "go": all(item["state"] == "pass" for item in criteria),
        "candidate": candidate,
        "reference": reference,
        "temperature": temperature,
        "criteria": criteria,
        "because": [sentence(item) for item in sorted(criteria, key=lambda item: order.index(item["state"]))],
    }
