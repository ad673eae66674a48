"""The report card of a reward model on a page: accuracies by group, how it orders lists, and its probes."""

from collections.abc import Mapping
from typing import Any

from concord.evaluation.document import document
from concord.evaluation.graphs import accuracy_row, claims
from concord.evaluation.markup import escape, figure, paragraphs, percent, section, span, table
from concord.evaluation.reward_words import lines

Card = Mapping[str, Any]

GROUPS = (
    ("by_tag", "By tag"),
    ("by_writer", "By who wrote an answer"),
    ("by_annotator", "By who ranked"),
)
MOST = 24
"""Rows of a table by group; of more groups the weakest are shown."""


def card_page(card: Card) -> str:
    """The card as a page of its own."""
    model = escape(card.get("model") or "the reward model")
    top = f'<p class="run">{model}</p><h1>Report card of a reward model</h1>'
    told = f'<header class="open">{top}{paragraphs(lines(card))}</header>'
    return document("Report card of a reward model", told + reward_card(card))


def reward_card(card: Card | None) -> str:
    """The card as a section of a report."""
    if not card or not card.get("pairs"):
        return ""
    note = (
        "<p>What the reward model makes of rankings that it never saw. The weakest group of prompts, the lean to long "
        "answers and what it gains by empty words are what a policy will find first.</p>"
    )
    tables = [where(card), groups(card), orders(card), *by_group(card), probes(card)]
    drawn = "".join([*tables, claims(card)])
    verdict = card.get("fit")
    told = paragraphs(verdict["because"]) if verdict else ""
    return section(
        "reward-card", "The reward model's report card", note, f'<div class="figures">{drawn}</div>{told}'
    )


def where(card: Card) -> str:
    """Accuracy by length, gap and what was learned from."""
    seen = card["clusters"] or {}
    fits = card.get("fit_accuracy")
    rows = [
        accuracy_row(name, one)
        for name, one in (
            ("prompts that it has not seen", card["accuracy"]),
            ("groups of prompts of which it saw none", seen.get("unseen")),
            ("what it learned from: its fit", fits),
            ("the longer answer is better", card["better_is_longer"]),
            ("the shorter answer is better", card["better_is_shorter"]),
            *((name, one) for name, one in card["by_gap"].items()),
        )
        if one and one["n"]
    ]
    return table("How often it is right", ["where", "right", ""], rows, "Reward model accuracy on its card")


def groups(card: Card) -> str:
    """Accuracy on each group of prompts, the weakest first."""
    found = card["clusters"]
    if not found:
        return ""
    rows = [
        accuracy_row(f"{one['name']}{' (unseen)' if one['unseen'] else ''}", one["accuracy"])
        for one in found["each"][:MOST]
    ]
    caption = "Groups of prompts by the words that mark them, the weakest first"
    return table(caption, ["prompts about", "right", ""], rows, "Accuracy by group of prompts")


def by_group(card: Card) -> list[str]:
    """Accuracy by tag, writer and annotator, where there are several."""
    shown = []
    for field, title in GROUPS:
        found = card[field]
        if len(found) > 1:
            weakest = sorted(found.items(), key=lambda item: item[1]["value"])[:MOST]
            rows = [accuracy_row(name, one) for name, one in weakest]
            words = title if len(found) <= MOST else f"{title}: the weakest {MOST} of {len(found)}"
            shown.append(table(words, ["whose", "right", ""], rows, title))
    return shown


def orders(card: Card) -> str:
    """How it orders whole lists, and what people's own agreement leaves room for."""
    long, people, length = card["whole_lists"], card["people"], card["length"]
    ties, bench = long["ties"], long["rewardbench_ties"]
    rows = [
        line("tau-b of lists of three and more", long["tau_b"]),
        line("NDCG of them", long["ndcg"]),
        line("regret of its favourite, 1 being the worst answer", long["regret"]),
        line(
            f"surprise of a choice in nats; chance has {figure(long['surprise_of_chance'])}", long["surprise"]
        ),
        line("best of four", long["best_of_4"], 100),
        line("people's agreement with each other", people["agreement"], 100),
        line("accuracy over that", people["of_ceiling"], 100),
        line("longer answers win before it", length["model"], 100),
        line("longer answers win before people", length["people"], 100),
        line("its lean to longer answers", length["lean"], 100),
        line("temperature that mends its claims", card["calibration"]["temperature"]),
    ]
    if ties["nearer"] is not None:
        rows.append(["ties are nearer in score than what is told apart", percent(ties["nearer"], 1), ""])
    if bench is not None:
        rows.append(["RewardBench 2, Ties", percent(bench["score"], 1), f"{bench['prompts']} prompts"])
    return table(
        "Lists, people and length", ["what", "value", "interval"], [row for row in rows if row], "Measures"
    )


def line(name: str, one: Mapping[str, Any], scale: float = 1) -> list[str]:
    """One estimate; nothing where it was not measured."""
    if one["value"] is None:
        return []
    value = percent(one["value"], 1) if scale == 100 else figure(one["value"])
    return [name, value, span(one["low"], one["high"], scale, 1 if scale == 100 else 2)]


def probes(card: Card) -> str:
    """What changes that add nothing did to scores."""
    if not card["probes"]:
        return ""
    rows = [
        [
            escape(one["what"]),
            f"{figure(one['effect']['value'])}<small>{span(one['effect']['low'], one['effect']['high'], 1, 2)}</small>",
            "<b>leans</b>" if one["says"] == "leans" else "no sign",
        ]
        for one in card["probes"]
    ]
    caption = "Changes that add nothing: mean change of the score, in spreads of scores"
    return table(caption, ["change", "effect", "says"], rows, "Probes of the reward model")
