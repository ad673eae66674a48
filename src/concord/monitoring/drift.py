"""Drift: window after window of a served model's log beside what its evaluation saw, with one level for all looks."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from concord.monitoring import power, shifts
from concord.monitoring.seen import Manner, Seen
from concord.monitoring.shifts import Finding
from concord.monitoring.thumbs import Turn, turns
from concord.monitoring.together import holm

LEVEL, OF_THUMBS = 0.05, 0.01
"""How often a log without drift may raise any alarm at all, and the part of it that is ADWIN's."""
WINDOW, FEWEST = 200, 30
"""Requests of a window, and how many of either side a look needs."""
SAMPLES = 3

NUMBERS: Mapping[str, tuple[Callable[[Seen], float | None], bool]] = {
    "question words": (lambda one: one.asked_words, False),
    "answer words": (lambda one: one.words, True),
    "log-probability": (lambda one: one.logprob, True),
    "reward": (lambda one: one.reward, True),
}
"""What is measured of each request, and whether it hangs on how the answer was drawn."""
SHARES: Mapping[str, Callable[[Seen], bool | None]] = {
    "refused": lambda one: one.refused,
    "cut off": lambda one: one.cut,
}


@dataclass(frozen=True)
class Reference:
    """What is compared with."""

    rows: Sequence[Seen]
    manner: Manner | None
    """How its answers were drawn: only answers drawn alike are compared."""
    content: str = ""
    """The model that answered."""
    scored_by: str | None = None


@dataclass
class Window:
    """Some requests in a row."""

    number: int
    first: int
    """Of the log's dialogues, counted from 0."""
    rows: Sequence[Seen]
    findings: list[Finding] = field(default_factory=list)
    adjusted: list[float] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)
    """What could not be looked at here, and why."""
    unlike: list[float] | None = None
    """How unlike the reference each question is, as the classifier sees it."""

    def alarms(self, level: float) -> list[tuple[Finding, float]]:
        """What cannot be chance, and passes its limit if it has one."""
        pairs = zip(self.findings, self.adjusted, strict=True)
        return [(one, p) for one, p in pairs if p < level and (one.limit is None or one.value > one.limit)]


def windows(rows: Sequence[Seen], size: int) -> list[Window]:
    """The log in parts of a size; what is left at the end belongs to the last."""
    starts = list(range(0, max(1, len(rows) - size + 1), size))
    ends = [*starts[1:], len(rows)]
    return [
        Window(number, start, rows[start:end])
        for number, (start, end) in enumerate(zip(starts, ends, strict=True), start=1)
    ]


def alike(one: Seen, manner: Manner | None) -> bool:
    """Whether an answer was drawn as those that it is compared with."""
    return manner is None or one.manner == manner


def compared(one: Seen, name: str, reference: Reference) -> bool:
    """Whether a look at this takes a request in: of answers those drawn alike, of rewards those of the same model."""
    if name == "topic" or not NUMBERS.get(name, (None, True))[1]:
        return True
    return alike(one, reference.manner) and (name != "reward" or one.scored_by == reference.scored_by)


def look(window: Window, reference: Reference, seed: int) -> dict[str, str]:
    """All looks at one window; for what cannot be looked at, why."""
    missing: dict[str, str] = {}
    for name, (number, answers) in NUMBERS.items():
        rows = [one for one in window.rows if compared(one, name, reference)]
        old, new = values(reference.rows, number), values(rows, number)
        if reason := too_few(old, new, answers):
            missing[name] = reason
            continue
        window.findings += shifts.shifted(name, old, new)
    for name, mark in SHARES.items():
        rows = [one for one in window.rows if compared(one, name, reference)]
        was, now = values(reference.rows, mark), values(rows, mark)
        if reason := too_few(was, now, True):
            missing[name] = reason
            continue
        window.findings.append(shifts.rate(name, list(map(bool, was)), list(map(bool, now))))
    old_texts = shifts.some([one.asked for one in reference.rows if one.asked], seed)
    texts = [one.asked for one in window.rows if one.asked]
    if reason := too_few(old_texts, texts, False) or too_alike(old_texts, texts):
        missing["topic"] = reason
    else:
        finding, scores = shifts.told_apart(old_texts, texts, seed)
        window.findings.append(finding)
        window.unlike = scores.tolist() if len(texts) == len(window.rows) else None
    return missing


def values(rows: Sequence[Seen], of: Callable[[Seen], Any]) -> list[float]:
    """What is known of some rows."""
    return [float(value) for one in rows if (value := of(one)) is not None]


def too_few(old: Sequence[Any], new: Sequence[Any], answers: bool) -> str | None:
    """Why two sides cannot be compared, if they cannot."""
    if len(old) < FEWEST:
        return f"the reference has it of {len(old)} requests; {FEWEST} are needed"
    if len(new) < FEWEST:
        of = " that were drawn as the reference's" if answers else ""
        return f"the log has it of {len(new)} requests{of}; {FEWEST} are needed in a window"
    return None


def too_alike(old: Sequence[str], new: Sequence[str]) -> str | None:
    """Why questions cannot be told apart by their words, if they cannot: equal ones are learned by heart."""
    for side, texts in (("the reference asks", old), ("a window of the log asks", new)):
        if (count := len(set(texts))) < shifts.DIFFERENT:
            return f"{side} {count} different questions; {shifts.DIFFERENT} are needed"
    return None


@dataclass
class Drift:
    """All that was found."""

    windows: list[Window]
    turns: list[Turn]
    rated: list[int]
    """The places of the requests with a thumb."""
    missing: dict[str, str]
    """What no window could be looked at for."""
    level: float
    looks: int
    """How many looks share the level."""
    reference: Reference


def measure(rows: Sequence[Seen], reference: Reference, size: int = WINDOW, seed: int = 0) -> Drift:
    """Look at every window, and at the thumbs."""
    found = windows(rows, size)
    missing: dict[str, str] = {}
    for window in found:
        window.missing = look(window, reference, seed)
        missing |= window.missing
    # What one window lacks may be measured in another.
    missing = {name: why for name, why in missing.items() if all(name in window.missing for window in found)}
    adjusted = iter(holm([one.p for window in found for one in window.findings]))
    for window in found:
        window.adjusted = [next(adjusted) for _ in window.findings]
    rated = [place for place, one in enumerate(rows) if one.thumbs is not None]
    thumbs = [bool(rows[place].thumbs) for place in rated]
    if len(thumbs) < FEWEST:
        missing["thumbs"] = f"the log has {len(thumbs)}; {FEWEST} are needed"
    seen = turns(thumbs, OF_THUMBS) if len(thumbs) >= FEWEST else []
    looks = sum(len(window.findings) for window in found)
    return Drift(found, seen, rated, missing, LEVEL - OF_THUMBS, looks, reference)


def told(drift: Drift, rows: Sequence[Seen]) -> dict[str, Any]:
    """The findings as JSON: every window, every turn, every alarm with its place and samples."""
    alarms = [
        {
            "measure": finding.measure,
            "window": window.number,
            "value": finding.value,
            "before": finding.before,
            "now": finding.now,
            "low": finding.low,
            "high": finding.high,
            "limit": finding.limit,
            "chance": p,
            "first": window.first,
            "time": window.rows[0].time,
            "samples": samples(window, finding, drift.reference),
        }
        for window in drift.windows
        for finding, p in window.alarms(drift.level)
    ]
    for turn in drift.turns:
        if turn.fell:
            alarms.append(thumb_alarm(turn, drift, rows))
    return {
        "windows": [
            {
                "number": window.number,
                "first": window.first,
                "requests": len(window.rows),
                "from": window.rows[0].time,
                "to": window.rows[-1].time,
                "missing": window.missing,
                "findings": [
                    {**asdict(one), "adjusted": p}
                    for one, p in zip(window.findings, window.adjusted, strict=True)
                ],
            }
            for window in drift.windows
        ],
        "turns": [
            {**asdict(one), "fell": one.fell, "request": drift.rated[one.place]} for one in drift.turns
        ],
        "alarms": alarms,
        "missing": drift.missing,
        "level": LEVEL,
        "looks": drift.looks,
        "note": "screening signal: it says where to look, not why",
    }


def turned(turn: Turn, drift: Drift) -> dict[str, Any]:
    """A change of thumbs; its places are those of requests."""
    places = {name: drift.rated[getattr(turn, name)] for name in ("place", "earliest", "latest", "noticed")}
    return {**places, "before": turn.before, "after": turn.after, "fell": turn.fell}


def thumb_alarm(turn: Turn, drift: Drift, rows: Sequence[Seen]) -> dict[str, Any]:
    """A fall of thumbs as an alarm; its place is that of a request."""
    place = drift.rated[turn.place]
    since = [rows[one] for one in drift.rated[turn.place : turn.noticed + 1]]
    window = next(one for one in reversed(drift.windows) if one.first <= place)
    return {
        "measure": "thumbs (ADWIN)",
        "window": window.number,
        "value": turn.after[0],
        "before": turn.before[0],
        "now": turn.after[0],
        "low": turn.after[1],
        "high": turn.after[2],
        "limit": None,
        "chance": OF_THUMBS,
        "first": place,
        "between": [drift.rated[turn.earliest], drift.rated[turn.latest]],
        "time": rows[place].time,
        "samples": [{"asked": one.asked, "text": one.text} for one in since if not one.thumbs][:SAMPLES],
    }


def samples(window: Window, finding: Finding, reference: Reference) -> list[dict[str, Any]]:
    """Three different questions of those that were compared, with their answers: what shows most of what was found."""
    name, more = finding.measure.partition(" (")[0], finding.now > finding.before

    def shows(place: int) -> float:
        if name == "topic":
            return window.unlike[place] if window.unlike is not None else 0.0
        of = NUMBERS[name][0] if name in NUMBERS else SHARES[name]
        value = of(window.rows[place])
        return -math.inf if value is None else float(value) if more else -float(value)

    found: dict[str, dict[str, Any]] = {}
    places = [place for place, one in enumerate(window.rows) if compared(one, name, reference)]
    for place in sorted(places, key=shows, reverse=True):
        one = window.rows[place]
        found.setdefault(one.prompt_id, {"asked": one.asked, "text": one.text})
        if len(found) == SAMPLES:
            break
    return list(found.values())


def sight(drift: Drift, rows: Sequence[Seen], reference: Reference, seed: int = 0) -> dict[str, Any]:
    """What drift of what size would have been seen in a single window, four times out of five."""
    alpha = drift.level / max(1, drift.looks)
    smallest = min(drift.windows, key=lambda window: len(window.rows)).rows
    seen: dict[str, Any] = {}
    for name, (number, _) in NUMBERS.items():
        known = [one for one in smallest if compared(one, name, reference)]
        old, new = values(reference.rows, number), values(known, number)
        if name not in drift.missing and old and new:
            step = power.least_shift(old, len(new), alpha, seed)
            seen[name] = {"standard deviations": step, "requests": len(new)}
    for name, mark in SHARES.items():
        known = [one for one in smallest if compared(one, name, reference)]
        was, now = values(reference.rows, mark), values(known, mark)
        if name not in drift.missing and was and now:
            share = sum(was) / len(was)
            rise = power.least_rise(share, len(was), len(now), alpha)
            seen[name] = {"from": share, "to": rise, "requests": len(now)}
    if "topic" not in drift.missing:
        seen["topic"] = {"AUC": power.least_auc(len(reference.rows), len(smallest), alpha)}
    if "thumbs" not in drift.missing:
        ups = [bool(rows[place].thumbs) for place in drift.rated]
        share = sum(ups) / len(ups)
        fall = power.least_fall(share, len(ups), OF_THUMBS, seed)
        seen["thumbs"] = {"from": share, "fall": fall, "thumbs": len(ups)}
    return seen
