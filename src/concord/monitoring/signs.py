"""What went wrong while a policy learned, and what it was worth on the way, as the training wrote it down."""

import math
from dataclasses import dataclass
from typing import Any

from concord.monitoring.curves import finite
from concord.monitoring.samples import Said, answer, short, turns
from concord.monitoring.shelf import Shelf
from concord.monitoring.tail import Place, look, values

ALARMS, LOOKS, FOUND = "alarms.jsonl", "watch.jsonl", "watch.json"
SAMPLES = 3


@dataclass(frozen=True)
class Alarm:
    """A rule that was broken."""

    step: float
    rule: str
    value: float | None
    limit: float | None
    action: str
    """What was done: warn, stop or roll back."""
    first: float | None
    """The first step of the stretch in which it was broken."""
    note: str
    samples: tuple[Said, ...]


@dataclass(frozen=True)
class Estimate:
    """A figure and where it may lie."""

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Look:
    """Proxy and gold at one moment of training."""

    step: float
    kl: Estimate | None
    root: float | None
    """The square root of drift, in which Gao et al. (2023) found both curves to be simple."""
    proxy: Estimate | None
    gold: Estimate | None
    past_peak: float | None
    """How probable it is that the gold score has passed its peak."""


@dataclass(frozen=True)
class Outcome:
    """What the looks came to."""

    peak: float | None
    """The root of drift at which gold was best."""
    words: tuple[str, ...]


def lines(stage: Shelf, name: str) -> list[dict[str, Any]]:
    """The objects of a file of lines; half a line at the end is not yet one."""
    file = stage.open(name)
    if file is None:
        return []
    with file:
        return [value for value in values(look(file, Place()).lines) if value is not None]


def alarms(stage: Shelf) -> list[Alarm]:
    """Every alarm of a stage, in the order in which they came."""
    found = []
    for row in lines(stage, ALARMS):
        step = finite(row.get("step"))
        if step is None:
            continue
        samples = row.get("samples")
        shown = [sample(one) for one in samples[:SAMPLES]] if isinstance(samples, list) else []
        found.append(
            Alarm(
                step=step,
                rule=short(str(row.get("rule", "?"))),
                value=finite(row.get("value")),
                limit=finite(row.get("limit")),
                action=short(str(row.get("action", ""))),
                first=finite(row.get("first_step")),
                note=short(str(row.get("says") or row.get("note") or "screening signal")),
                samples=tuple(one for one in shown if one is not None),
            )
        )
    return found


def sample(value: object) -> Said | None:
    """A completion of an alarm: a text alone, or with its prompt and score."""
    if isinstance(value, str):
        return Said((), short(value), None, None, cut=False)
    if not isinstance(value, dict):
        return None
    text = value.get("text", value.get("completion"))
    if not isinstance(text, str):
        return None
    whole = answer({**value, "text": text}, value.get("score"))
    return whole or Said(turns(value.get("prompt")), short(text), None, finite(value.get("score")), cut=False)


def looks(stage: Shelf) -> list[Look]:
    """Every look at proxy and gold."""
    found = []
    for row in lines(stage, LOOKS):
        step = finite(row.get("step"))
        if step is not None:
            past = row.get("past_peak")
            kl, proxy, gold = (estimate(row.get(name)) for name in ("kl", "proxy", "gold"))
            chance = float(past) if isinstance(past, bool) else finite(past)
            found.append(Look(step, kl, root(row.get("sqrt_kl"), kl), proxy, gold, chance))
    return found


def root(value: object, kl: Estimate | None) -> float | None:
    """The square root of drift as it was written down, or worked out."""
    told = estimate(value)
    if told is not None:
        return told.value
    return None if kl is None else math.sqrt(max(0.0, kl.value))


def estimate(value: object) -> Estimate | None:
    """A figure with its interval, or a bare number."""
    if isinstance(value, dict):
        middle = finite(value.get("value"))
        low, high = finite(value.get("low")), finite(value.get("high"))
        return None if middle is None else Estimate(middle, low, high)
    number = finite(value)
    return None if number is None else Estimate(number, None, None)


def outcome(stage: Shelf) -> Outcome:
    """Where gold was best, how probably that is past, and what was done about it, in words."""
    found = stage.json(FOUND)
    best, end = (told if isinstance(told, dict) else {} for told in (found.get("peak"), found.get("stopped")))
    step, past, back = (
        finite(one) for one in (best.get("step"), found.get("past_peak"), found.get("rolled_back_to"))
    )
    words = []
    if step is not None:
        words.append(f"Gold was best at step {step:,.0f}.")
    if past is not None:
        chance = "over 99%" if past > 0.99 else "under 1%" if past < 0.01 else f"{past:.0%}"
        words.append(f"The chance that its peak is past is {chance}.")
    if end:
        rule, action = short(str(end.get("rule", "?"))), short(str(end.get("action", "?")))
        words.append(f"Learning was ended at step {end.get('step', '?')} by the rule {rule} ({action}).")
    if back is not None:
        words.append(f"The weights are those of step {back:,.0f}.")
    return Outcome(root(best.get("sqrt_kl"), None), tuple(words))
