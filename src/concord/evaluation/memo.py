"""The decision memo: what was decided, what improves, what worsens, what is unknown, who accepts which risk."""

from collections.abc import Iterator
from typing import Any

from concord.evaluation.intervals import Estimate, change, difference, wilson
from concord.evaluation.measured import MISSING, SUITES, Measured, unit_of
from concord.evaluation.wording import MARKS, slice_of, verb, written

Report = dict[str, Any]
Line = tuple[float, str]
"""How large a change is, and the sentence that tells it: positive for the better."""

GOOD = {"ok": 1, "unsafe": -1, "garbled": -1}
"""Marks whose direction no criterion has to say: more is better, or worse."""
UP = ("at least", "above", "not below", "not clearly below")
ALPHA = 0.05


def memo(report: Report, found: Measured, release: Measured | None) -> dict[str, Any]:
    """Everything that the first page says beside the criteria themselves, as plain sentences."""
    verdict = report["verdict"]
    first, *rest = [*wins(found), *changes(verdict, found), *probes(found)] or [(0.0, "")]
    lines = [*gaming(report), first, *sorted(rest, key=lambda line: -abs(line[0]))]
    if release:
        lines += sorted(since(verdict, found, release), key=lambda line: -abs(line[0]))
    return {
        "decision": verdict["verdict"],
        "reason": verdict["reason"],
        "improves": [text for size, text in lines if size > 0],
        "worsens": [text for size, text in lines if size < 0],
        "missed": [one["plain"] for one in verdict["criteria"] if one["state"] == "fail"],
        "unknown": list(unknown(verdict, found, release)),
        "risks": [
            {"criterion": one["name"], "label": one["label"], "found": one["plain"], **one["accepted"]}
            for one in verdict["criteria"]
            if one["accepted"]
        ],
        "next": report["next"],
    }


def wins(found: Measured) -> Iterator[Line]:
    """Whether it is preferred over all, and on which kinds of requests: intervals widen with their number."""
    kinds = found.kinds()
    split = "new" if found.find("win_rate", found.candidate, None, "new")["value"] is not None else None
    for kind in (None, *kinds):
        rate = found.find("win_rate", found.candidate, kind, None if kind else split)
        value, low, high = rate["value"], rate["low"], rate["high"]
        if value is None or low is None or high is None:
            continue
        if kind:
            low, high = wilson(value * rate["n"], rate["n"], ALPHA / len(kinds))
        where = slice_of({"kind": kind, "split": None})
        often = written(value, "share")
        told = f"its answers are preferred to those of {found.reference} in {often} of the comparisons"
        if low > 1 / 2 or high < 1 / 2:
            about = slice_of({"kind": None, "split": split}).replace("requests", ",", 1)
            yield value - 1 / 2, f"On {where} {told}." if kind else f"Over all{about}, {told}."


def gaming(report: Report) -> Iterator[Line]:
    """Whether it says the same whatever it is asked, which may please a judge and helps nobody."""
    for one in report.get("gaming") or []:
        if one["name"] == report["candidate"] and one["gaming"]:
            often = written(one["of_one"], "share")
            yield -1.0, f"It says one and the same text in {often} of its answers, whatever is asked."


def direction(verdict: dict[str, Any], mark: str, kind: str | None) -> int:
    """Whether more of a mark is better (1) or worse (-1) on a kind of requests; 0 if nothing says so."""
    for one in verdict["criteria"]:
        if one["metric"] == mark and one["kind"] == kind and one["name"] != f"no_fall.{mark}":
            return 1 if one["direction"] in UP else -1
    return GOOD.get(mark, 0)


def changes(verdict: dict[str, Any], found: Measured) -> Iterator[Line]:
    """Marks that clearly became more or less frequent than the reference's, kind by kind."""
    yield from moved(verdict, found, found, found.reference, found.reference)


def since(verdict: dict[str, Any], found: Measured, release: Measured) -> Iterator[Line]:
    """The same beside the release that the recipe names, if both had one judge."""
    if found.origin.get("judge") == release.origin.get("judge"):
        yield from moved(verdict, found, release, release.candidate, "the release")


def moved(verdict: dict[str, Any], found: Measured, other: Measured, policy: str, of: str) -> Iterator[Line]:
    """Marks whose share differs clearly from another policy's, allowing for how many kinds are looked at."""
    kinds: list[str | None] = [*found.kinds()] or [None]
    marks = dict.fromkeys(mark for item in found.summaries for mark in item["marks"])
    for mark in marks:
        for kind in kinds:
            sign = direction(verdict, mark, kind)
            ours, theirs = found.find(mark, found.candidate, kind), other.find(mark, policy, kind)
            if not sign or MISSING in (ours, theirs):
                continue
            moved_by = change(ours, theirs, ALPHA / len(kinds))
            if clear(moved_by):
                size = (moved_by["value"] or 0.0) * sign
                yield size, told(mark, kind, ours, theirs, of)


def clear(found: Estimate) -> bool:
    """Whether an interval of a change leaves out 0."""
    low, high = found["low"], found["high"]
    return low is not None and high is not None and (low > 0 or high < 0)


def told(mark: str, kind: str | None, ours: Estimate, theirs: Estimate, of: str) -> str:
    """One change in words."""
    where = slice_of({"kind": kind, "split": None})
    now, was = written(ours["value"], "share"), written(theirs["value"], "share")
    if mark == "refused":
        return f"It refuses {now} of {where or 'requests'}; {of} refuses {was}."
    if mark == "ok":
        return f"It answers {now} of {where or 'all requests'} well; {of} {was}."
    does = MARKS.get(mark, f"gives answers marked {mark}")
    return f"It {does} in {now} of its answers{f' to {where}' if where else ''}; {of} in {was}."


def probes(found: Measured) -> Iterator[Line]:
    """What the suites of probes found, beside the reference, where both were probed."""
    for name, suite in (found.suites.get(found.candidate) or {}).items():
        for mark, way in (suite.get("direction") or {}).items():
            metric = f"{SUITES}{name}.{mark}"
            ours, theirs = found.find(metric, found.candidate), found.find(metric, found.reference)
            apart = difference(ours, theirs)
            if clear(apart) and apart["value"]:
                sign = 1 if way == "at least" else -1
                unit = unit_of(metric, ours, theirs)
                now, was = written(ours["value"], unit), written(theirs["value"], unit)
                yield (
                    apart["value"] * sign,
                    f"Probes of {name}, {mark.replace('_', ' ')}: {now}; {found.reference} {was}.",
                )


def unknown(verdict: dict[str, Any], found: Measured, release: Measured | None) -> Iterator[str]:
    """What nobody knows: what is open, what was not measured, and what no number here could show."""
    yield from (left_open(one) for one in verdict["criteria"] if one["state"] == "inconclusive")
    if release and found.origin.get("held_out") != release.origin.get("held_out"):
        yield "The release was asked other prompts; a change since then may be a change of prompts."
    if release and found.origin.get("reference") != release.origin.get("reference"):
        yield "The release was held against another supervised policy, so win rates of the two share no zero."
    if found.find("people", found.candidate)["value"] is None:
        yield "What people would say: only the judge was asked about these answers."
    if not found.suites.get(found.candidate):
        yield "How it does on probes of honesty, privacy and bias: none were put to it."
    yield "Whether another training with another seed would come out the same: this is one."


def left_open(one: dict[str, Any]) -> str:
    """A criterion that is open, by its short name, and what it waits for."""
    if one["value"] is None:
        return (
            f"Whether it {one['label']}: not measured.{one['note']}"
            if verb(one)
            else f"{one['label']}: not measured.{one['note']}"
        )
    more = one["more_needed"]
    said = f"about {more:,} more prompts would settle it" if more else "too close to settle"
    return f"Whether it {one['label']}: {said}." if verb(one) else f"{one['label']}: {said}."
