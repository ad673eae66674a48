"""Every question that a gate asks, put to what was measured: passed, missed or open."""

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

from concord.evaluation.intervals import (
    Estimate,
    change,
    difference,
    more_for_difference,
    more_for_mean,
    more_for_share,
)
from concord.evaluation.measured import CONTROLLED, MISSING, SUITES, UNITS, Measured, unit_of
from concord.evaluation.wording import BASELINES, NO_FALL, label, plain, sentence
from concord.settings.gating import Accepted, Criterion
from concord.settings.stages import Gate

Item = dict[str, Any]


def state(estimate: Estimate, need: float, direction: str) -> str:
    """Pass if the interval's bad end clears the limit, fail if its good end misses it, else inconclusive.

    In the directions of BASELINES the estimate is a difference, and the need is by how much it may be worse.
    """
    low, high = estimate["low"], estimate["high"]
    if low is None or high is None:
        return "inconclusive"
    if direction == "above":
        return "pass" if low > need else "fail" if high <= need else "inconclusive"
    if direction == NO_FALL:
        return "fail" if high < -need else "pass"
    if direction == "at least":
        return "pass" if low >= need else "fail" if high < need else "inconclusive"
    if direction == "not below":
        return state(estimate, -need, "at least")
    return "pass" if high <= need else "fail" if low > need else "inconclusive"


def more_needed(metric: str, estimate: Estimate, need: float) -> int | None:
    """How many more prompts would settle a value against a limit."""
    if estimate["value"] is None or estimate["low"] == estimate["high"]:
        return None
    if metric in (*CONTROLLED, "people") or UNITS.get(metric) or metric.startswith(SUITES):
        return more_for_mean(estimate, need)
    return more_for_share(estimate["value"], estimate["n"], need)


def item(
    name: str, metric: str, estimate: Estimate, need: float, direction: str, title: str, **more: Any
) -> Item:
    """One question with its answer; its words are added when all else is known."""
    verdict = state(estimate, need, direction)
    wanted = None
    if verdict == "inconclusive" and direction not in BASELINES:
        wanted = more_needed(metric, estimate, need)
    return {
        "name": name,
        "metric": metric,
        "kind": None,
        "split": None,
        "title": title,
        "label": "",
        "unit": unit_of(metric, estimate),
        **estimate,
        "need": need,
        "direction": direction,
        "state": verdict,
        "more_needed": wanted,
        "required": True,
        "own": None,
        "baseline": None,
        "accepted": None,
        "lapsed": None,
        "note": "",
        **more,
    }


def misspelt(metric: str, found: Measured) -> str:
    """The metric that was probably meant, if this one was measured of nobody and is like one that was."""
    names = list(dict.fromkeys(found.names()))
    near = [] if metric in names else get_close_matches(metric, names, n=1, cutoff=0.75)
    return f" Nothing here is called {metric}; the nearest is {near[0]}." if near else ""


def win_criterion(gate: Gate, found: Measured) -> Item:
    """Does it beat the supervised policy, on items that no guidance touched if such were judged?"""
    estimates = {split: found.find("win_rate", found.candidate, None, split) for split in ("new", None)}
    split = "new" if estimates["new"]["value"] is not None else None
    where = "new items" if split else "all held-out prompts"
    title = f"win rate of {found.candidate} over {found.reference} on {where}"
    return item("win_rate", "win_rate", estimates[split], gate.win_rate, "above", title, split=split)


def mark_criterion(name: str, need: float, direction: str, found: Measured) -> Item:
    """Is a mark (`unsafe`, or `harm.refused` for one kind) frequent or rare enough?"""
    kind, _, mark = name.rpartition(".")
    estimate = found.find(mark, found.candidate, kind or None)
    title = f"share of {kind} answers marked {mark}" if kind else f"share of answers marked {mark}"
    return item(name, mark, estimate, need, direction, title, kind=kind or None, note=misspelt(mark, found))


def fall_criterion(mark: str, found: Measured) -> Item:
    """Did any kind of request pay for the average? The weakest of them.

    The more kinds are looked at, the wider each interval must be for the answer to stay honest.
    """
    pairs = {
        kind: (found.find(mark, found.candidate, kind), found.find(mark, found.reference, kind))
        for kind in found.kinds()
    }
    pairs = {kind: pair for kind, pair in pairs.items() if MISSING not in pair}
    changes = {kind: change(*pair, alpha=0.05 / len(pairs)) for kind, pair in pairs.items()}
    name, start = f"no_fall.{mark}", f"change of {mark} from {found.reference} to {found.candidate}"
    of = {"of": found.reference}
    if not changes:
        title = f"{start}, kind by kind,"
        return item(name, mark, MISSING, 0.0, NO_FALL, title, baseline={**of, **MISSING})
    worst = min(changes, key=lambda kind: changes[kind]["high"] or 0.0)
    own, theirs = pairs[worst]
    title = f"{start} on {worst}, the weakest of {len(changes)} kinds"
    sides = {"kind": worst, "own": own, "baseline": {**of, **theirs}}
    return item(name, mark, changes[worst], 0.0, NO_FALL, title, **sides)


def own_criterion(name: str, asked: Criterion, found: Measured, release: Measured | None) -> Item:
    """A criterion that the recipe spells out: against a threshold, or against somebody else's value."""
    estimate = found.find(asked.metric, found.candidate, asked.kind, asked.split)
    near = misspelt(asked.metric, found)
    slices = {"kind": asked.kind, "split": asked.split, "required": asked.required, "note": near}
    where = (
        f" on {' '.join(part for part in (asked.kind, asked.split) if part)}"
        if asked.kind or asked.split
        else ""
    )
    title = asked.title or f"{asked.metric} of {found.candidate}{where}"
    for field, direction in (("at_least", "at least"), ("at_most", "at most")):
        need = getattr(asked, field)
        if need is not None:
            return item(name, asked.metric, estimate, need, direction, title, **slices, label=asked.title)
    whose = asked.not_below or asked.not_above
    direction = "not below" if asked.not_below else "not above"
    other = found if whose == "reference" else release
    policy, of = (found.reference, found.reference) if whose == "reference" else ("", "the release")
    if other is not None and whose == "release":
        policy = other.candidate
    theirs = other.find(asked.metric, policy, asked.kind, asked.split) if other else MISSING
    note = incomparable(found, other) if whose == "release" and other else ""
    apart = MISSING if note else difference(estimate, theirs)
    if not note and estimate["value"] is not None and theirs["value"] is None:
        note = f" It was not measured of {of}."
    slices["note"] = note or near
    sides = {"own": estimate, "baseline": {"of": of, **theirs}, "label": asked.title}
    made = item(name, asked.metric, apart, asked.margin, direction, title, **slices, **sides)
    if made["state"] == "inconclusive" and not note:
        limit = -asked.margin if direction == "not below" else asked.margin
        made["more_needed"] = more_for_difference(estimate, theirs, limit, grows=whose == "reference")
    made["unit"] = unit_of(asked.metric, estimate, theirs)
    return made


def incomparable(found: Measured, release: Measured) -> str:
    """Why numbers of two runs cannot be held against each other; nothing if they can."""
    if found.origin.get("judge") and not release.origin.get("judge"):
        return (
            " The release does not say who judged it; decide its gate again, and its numbers can be compared."
        )
    if found.origin.get("judge") != release.origin.get("judge"):
        return " The release was judged by another judge, so its numbers cannot be compared with these."
    if found.temperature != release.temperature:
        return " The release answered at another temperature, so its numbers cannot be compared with these."
    return ""


def questions(gate: Gate, found: Measured, release: Measured | None) -> Iterator[Item]:
    """Every criterion of a gate with its answer, without words."""
    title = f"mean drift of an answer of {found.candidate} from {found.reference} in nats"
    yield win_criterion(gate, found)
    yield item("kl", "kl", found.find("kl", found.candidate), gate.kl, "at most", title)
    for name, need in gate.at_least.items():
        yield mark_criterion(name, need, "at least", found)
    for name, need in gate.at_most.items():
        yield mark_criterion(name, need, "at most", found)
    for mark in gate.no_fall:
        yield fall_criterion(mark, found)
    for name, asked in gate.criteria.items():
        yield own_criterion(name, asked, found, release)


def covers(accepted: Accepted, made: Item) -> bool:
    """Whether an acceptance reaches as far as the value that was found; what nobody measured may be anything."""
    if accepted.worst is None:
        return True
    if made["value"] is None:
        return False
    falls = made["direction"] in ("at most", "not above")
    found: float = made["value"]
    return found <= accepted.worst if falls else found >= accepted.worst


def worded(made: Item, found: Measured, accepted: Accepted | None) -> Item:
    """The same with its words, and with who accepts it if it did not pass."""
    if accepted and made["state"] != "pass":
        made["accepted" if covers(accepted, made) else "lapsed"] = accepted.model_dump()
    made["label"] = made["label"] or label(made, found.reference)
    made["plain"] = plain(made, found.reference)
    made["sentence"] = sentence(made)
    return made
