"""Win rates with length and style held equal: how often an answer would win if both looked alike."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from scipy.special import expit

from concord.evaluation.duels import Duel, clusters, contests, rate
from concord.evaluation.intervals import Estimate
from concord.evaluation.logistic import Fit, NoAnswer, fit
from concord.evaluation.style import LENGTH, STYLE, differences, looks

MANNERS = {"length": LENGTH, "style": STYLE}
"""What is held equal: the length alone, or all of the style."""
FEW = 0.05
"""If fewer of a model's answers are the shorter ones (or the longer), an equal length is a guess from afar."""
RARE = 10
"""Wins, or losses, below which an error drawn from the normal distribution is rough."""


@dataclass(frozen=True, slots=True)
class Held:
    """Win rates of some models over the same one, with certain differences held equal."""

    rates: dict[str, Estimate]
    """Without a value where the data do not say; then `refused` says why."""
    slopes: dict[str, Estimate]
    """How the log-odds of winning grow with each difference that was held equal."""
    left_out: dict[str, str]
    """What was not held equal, and why it need not be."""
    refused: dict[str, str]


def held_equal(
    duels: Sequence[Duel], controls: Sequence[str] = LENGTH, aside: Mapping[str, str] = MappingProxyType({})
) -> Held:
    """The win rates of all that met the same model, with some differences held equal.

    logit P(a wins) = b_a + sum_c b_c difference_c, and the rate of a is sigma(b_a): what it would win if no answer
    were longer, or fuller of lists, than the other. The leanings b_c are the judge's, so all models share them. Models
    that are left aside, each with the reason, have no rate and tell nothing of the leanings.
    """
    met = contests(duels)
    nothing = {a: Estimate(value=None, low=None, high=None, n=len(some)) for (a, _), some in met.items()}
    if any(duel.texts is None for duel in duels):
        return Held(nothing, {}, {}, dict.fromkeys(nothing, "the texts of the answers are not known"))
    if (against := duels[0].b) in aside:
        return Held(nothing, {}, {}, dict.fromkeys(nothing, f"{against} {aside[against]}"))
    refused = {
        a: aside.get(a, "one of the two won every time")
        for (a, _), some in met.items()
        if a in aside or {duel.share for duel in some} in ({0.0}, {1.0})
    }
    left = [duel for duel in duels if duel.a not in refused]
    names = [name for name in nothing if name not in refused]
    if not names:
        return Held(nothing, {}, {}, refused)
    looked = differences(left, controls)
    used = [place for place in range(len(controls)) if looked[:, place].any()]
    left_out = {name: "never differs" for place, name in enumerate(controls) if place not in used}
    x = np.column_stack(
        [np.array([[float(duel.a == name) for name in names] for duel in left]), looked[:, used]]
    )
    try:
        found = fit([duel.share for duel in left], x, clusters(left))
    except NoAnswer as reason:
        return Held(nothing, {}, left_out, {**refused, **dict.fromkeys(names, str(reason))})
    rates = {
        **nothing,
        **{name: chance(found, column, nothing[name]["n"]) for column, name in enumerate(names)},
    }
    slopes = {controls[place]: found.estimate(len(names) + column) for column, place in enumerate(used)}
    return Held(rates, slopes, left_out, refused)


def chance(found: Fit, place: int, n: int) -> Estimate:
    """A coefficient as a share."""
    one = found.estimate(place)
    value, low, high = (float(expit(one[end])) for end in ("value", "low", "high"))
    return Estimate(value=value, low=low, high=high, n=n)


def controlled(duels: Sequence[Duel], aside: Mapping[str, str] = MappingProxyType({})) -> dict[str, Any]:
    """Models that met the same one, in the order of their raw win rates, as a report keeps them."""
    held = {name: held_equal(duels, controls, aside) for name, controls in MANNERS.items()}
    models: list[dict[str, Any]] = []
    for (a, _), some in contests(duels).items():
        gaps = lengths(some)
        models.append(
            {
                "name": a,
                "raw": rate(some),
                **{name: one.rates[a] for name, one in held.items()},
                "longer": None if gaps is None else float(gaps.mean()),
                "caution": None if gaps is None else caution(some, gaps),
            }
        )
    models.sort(key=lambda item: -item["raw"]["value"])
    found: dict[str, Any] = {"against": duels[0].b, "models": models}
    for name, one in held.items():
        found[name] = {field: value for field, value in asdict(one).items() if field != "rates"}
    return {**found, "words": explained(found)}


def lengths(duels: Sequence[Duel]) -> np.ndarray[Any, np.dtype[np.float64]] | None:
    """Characters by which the first answer of each duel is longer, if both are known."""
    pairs = [duel.texts for duel in duels if duel.texts is not None]
    if len(pairs) < len(duels):
        return None
    return np.array([looks(one)[0] - looks(other)[0] for one, other in pairs], float)


def caution(duels: Sequence[Duel], gaps: np.ndarray[Any, Any]) -> str | None:
    """What should make one doubt a controlled rate."""
    for share, words in ((np.mean(gaps <= 0), "longer"), (np.mean(gaps >= 0), "shorter")):
        if share < FEW:
            return f"nearly all of its answers are the {words} ones, so equal lengths were hardly seen"
    total = sum(duel.share for duel in duels)
    if min(total, len(duels) - total) < RARE:
        return "so few wins, or losses, that the interval is rough"
    return None


def explained(found: Mapping[str, Any]) -> list[str]:
    """How the order by length-controlled rate differs from the raw one, and why, in sentences."""
    refused = found["length"]["refused"]
    told = [f"No rate of {name} with length held equal: {reason}." for name, reason in refused.items()]
    raw = [item for item in found["models"] if item["length"]["value"] is not None]
    if not raw:
        return told
    held = sorted(raw, key=lambda item: -item["length"]["value"])
    told.append(leaning(found["length"]["slopes"].get("length"), found["against"]))
    moves = [move for item in held for move in passing(item, raw, held)]
    if len(raw) > 1 and not moves:
        told.append("With length held equal the order of the models stays as it is.")
    return told + moves + [f"Doubt {item['name']}: {item['caution']}." for item in raw if item["caution"]]


def passing(item: Mapping[str, Any], raw: Sequence[Any], held: Sequence[Any]) -> Iterator[str]:
    """Whom a model passes when length is held equal, and by how much its answers are shorter or longer."""
    for other in raw[: raw.index(item)]:
        if held.index(other) > held.index(item):
            longer = item["longer"] - other["longer"]
            ours, theirs = item["length"], other["length"]
            apart = ours["low"] > theirs["value"] and theirs["high"] < ours["value"]
            yield (
                f"{item['name']} passes {other['name']} with length held equal: {item['raw']['value']:.1%} against "
                f"{other['raw']['value']:.1%} becomes {ours['value']:.1%} against {theirs['value']:.1%}. Its answers "
                f"are {abs(longer):,.0f} characters {'longer' if longer > 0 else 'shorter'} on average"
                f"{'.' if apart else ', and the two rates are within chance of each other.'}"
            )


def leaning(slope: Estimate | None, against: str) -> str:
    """What the judge makes of length."""
    if slope is None or slope["low"] is None or slope["high"] is None:
        return f"No answer is longer or shorter than that of {against}, so length swayed nobody."
    span = f"(slope {slope['value']:.2f} [{slope['low']:.2f}, {slope['high']:.2f}])"
    if slope["low"] > 0:
        return f"The judge leans towards the longer of two answers {span}, so short answers win less than they would."
    if slope["high"] < 0:
        return f"The judge leans towards the shorter of two answers {span}, so long answers win less than they would."
    return f"Whether length swayed the judge is within chance {span}."
