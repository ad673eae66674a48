"""A reward model's report card in a few lines for a terminal."""

from collections.abc import Iterator, Mapping
from typing import Any

SHOWN = 3


def lines(card: Mapping[str, Any]) -> Iterator[str]:
    """The card for a person: what counts first, then how it leans, then whether it may teach."""
    if not card["pairs"]:
        yield "No comparison was kept back that could judge the reward model."
    else:
        yield from measured(card)
    if card["probes"]:
        yield leanings(card["probes"])
    if card.get("left_out"):
        yield f"{card['left_out']} rankings hold an answer that the model cannot read, and were left out."
    verdict = card.get("fit")
    if verdict:
        missed = [told for told in verdict["because"] if told.endswith((": missed.", ": open."))]
        yield "It may teach." if verdict["go"] else "It may not teach."
        yield from (f"  {told}" for told in missed)


def measured(card: Mapping[str, Any]) -> Iterator[str]:
    """What was found on the rankings."""
    where = f"{card['pairs']:,} comparisons of {card['lists']:,} lists"
    yield f"Right in {ranged(card['accuracy'])} of {where}{beside(card)}."
    length, shorter, longer = card["length"], card["better_is_shorter"], card["better_is_longer"]
    yield (
        f"Right in {ranged(longer)} where the longer answer is better, in {ranged(shorter)} where the shorter one is; "
        f"the longer one wins {percent(length['model']['value'])} before it and {percent(length['people']['value'])} "
        f"before those who ranked{alike(card['length_correlation'])}."
    )
    sure, long = card["calibration"], card["whole_lists"]
    warm = sure["temperature"]["value"]
    shown = sure["ece_interval"]["low"] is not None
    what = "ECE less chance" if shown else "ECE; of so few comparisons chance alone may make it"
    told = f"Its claims are off by {ranged(sure['ece_interval'])} ({what})"
    yield f"{told}; {'no temperature mends that' if warm is None else f'a temperature of {warm:.2f} mends them best'}."
    if long["lists"]:
        yield (
            f"On {long['lists']:,} lists of three and more: tau-b {number(long['tau_b'])}, "
            f"NDCG {number(long['ndcg'])}, regret {number(long['regret'])}, best of four {ranged(long['best_of_4'])}."
        )
    groups = card["clusters"]
    if groups:
        weak = ", ".join(
            f"{one['name']} ({percent(one['accuracy']['value'])})" for one in groups["each"][:SHOWN]
        )
        yield f"Weakest on prompts about: {weak}."
    if groups and groups["unseen"] and groups["unseen"]["n"]:
        yield f"On groups of prompts of which it saw none: {ranged(groups['unseen'])}."
    of = card["people"]
    if of["of_ceiling"]["value"] is not None:
        yield f"People agree in {ranged(of['agreement'])}; it reaches {ranged(of['of_ceiling'])} of that."


def alike(correlation: float | None) -> str:
    """How strongly score and length go together within a prompt, if that is known."""
    return "" if correlation is None else f"; score and words correlate by {correlation:+.2f} within a prompt"


def beside(card: Mapping[str, Any]) -> str:
    """The fit, where it is known."""
    own = card.get("fit_accuracy")
    return f", and in {percent(own['value'])} of those that it learned from" if own and own["n"] else ""


def leanings(probes: Any) -> str:
    """Which probes lean, the strongest first."""
    found = sorted(
        (one for one in probes if one["says"] == "leans"), key=lambda one: -abs(one["effect"]["value"])
    )
    if not found:
        return "No sign of a lean in any probe."
    told = ", ".join(f"{one['what']} {one['effect']['value']:+.2f}" for one in found)
    return f"It leans, in spreads of its scores: {told}."


def ranged(one: Mapping[str, Any]) -> str:
    """A share with its interval."""
    reach = "" if one["low"] is None else f" [{percent(one['low'])}, {percent(one['high'])}]"
    return f"{percent(one['value'])}{reach}"


def percent(value: float | None) -> str:
    """A share in percent."""
    return "?" if value is None else f"{100 * value:.1f} %"


def number(one: Mapping[str, Any]) -> str:
    """A mean."""
    return "?" if one["value"] is None else f"{one['value']:.2f}"
