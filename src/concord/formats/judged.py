"""What models judged: UltraFeedback's ratings by aspect, and AlpacaEval's answers and comparisons."""

from typing import Any

from concord.formats import fields
from concord.formats.dialogue import answer, plain_prompt
from concord.formats.fields import Fault, as_object, as_text, below, need, optional
from concord.formats.lists import entries
from concord.formats.losses import Losses
from concord.formats.orders import compared, one_message, ranked, versus
from concord.formats.rows import Notes
from concord.records import Completion, Ranking, Rating

ULTRA = frozenset({"instruction", "completions", "models"})
ULTRA_ANSWER = frozenset({"model", "response", "annotations"})
OUTPUT = frozenset({"instruction", "output", "generator"})
VERDICT = frozenset(
    {"instruction", "output_1", "output_2", "generator_1", "generator_2", "annotator", "preference"}
)
UNRATED = ("N/A", "")
"""What stands for a rating that was not given."""


def ultra(row: dict[str, Any], notes: Notes) -> list[tuple[Completion, dict[str, float]]]:
    """The answers of a row, and the ratings of each by aspect; its overall scores are known to be wrong."""
    notes.unknown(row, ULTRA)
    prompt = plain_prompt(need(row, "instruction"), "instruction", notes)
    found = []
    for at, entry in entries(need(row, "completions"), "completions"):
        notes.unknown(entry, ULTRA_ANSWER, "completions[…]")
        by = optional(entry, "model", at, as_text, "")
        completion = Completion(prompt, answer(need(entry, "response", at), below(at, "response")), by=by)
        where = below(at, "annotations")
        marks = as_object(need(entry, "annotations", at), where)
        ratings = {name: rating(mark, below(where, name)) for name, mark in marks.items()}
        known = {name: value for name, value in ratings.items() if value is not None}
        found.append((completion, known))
    return found


def rating(mark: Any, at: str) -> float | None:
    """The rating of one aspect, which is written as a number or as its digits; none if it was not given."""
    if isinstance(mark, list):  # several marks of one aspect: none of them is the rating
        return None
    value = as_object(mark, at).get("Rating")
    if value is None or value in UNRATED:
        return None
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            raise Fault(below(at, "Rating"), "a number is needed", value) from None
    return fields.as_number(value, below(at, "Rating"))


def read_ultra(row: dict[str, Any], notes: Notes) -> Ranking:
    """The answers of a row by the mean of their ratings; equal means are a tie."""
    found = ultra(row, notes)
    notes.warn("ratings were read as an order of their means; read the file as ratings to keep the numbers")
    if not found:
        raise Fault("completions", "holds 0; a ranking needs at least two answers")
    means = [sum(known.values()) / len(known) if known else None for _, known in found]
    completions = [completion for completion, _ in found]
    return ranked(completions[0].prompt, completions, means, notes, "completions", source="ai")


def read_ultra_ratings(row: dict[str, Any], notes: Notes) -> list[Rating]:
    """Every rating of every answer of a row."""
    return [
        Rating(completion, value, aspect.replace("_", "-"), source="ai")
        for completion, known in ultra(row, notes)
        for aspect, value in known.items()
    ]


def read_output(row: dict[str, Any], notes: Notes) -> Completion:
    """An instruction and what a model answered."""
    notes.unknown(row, OUTPUT)
    prompt = plain_prompt(need(row, "instruction"), "instruction", notes)
    by = optional(row, "generator", "", as_text, "")
    return Completion(prompt, answer(need(row, "output"), "output"), by=by)


def write_output(completion: Completion, losses: Losses) -> list[dict[str, Any]]:
    """A completion of one message with the name of what gave it."""
    prompt = one_message(completion.prompt, losses, "completions")
    if prompt is None:
        return []
    if not completion.text.strip():
        losses.add("empty answers", "completions dropped")
        return []
    losses.prompt(completion.prompt)
    losses.completion(completion, "by")
    return [{"instruction": prompt, "output": completion.text, "generator": completion.by}]


def read_verdict(row: dict[str, Any], notes: Notes) -> Ranking:
    """Two outputs, and 1 if the first is better, 2 if the second; 1.5 or 0 is a tie, others are probabilities."""
    notes.unknown(row, VERDICT)
    prompt = plain_prompt(need(row, "instruction"), "instruction", notes)
    one, other = (
        Completion(
            prompt,
            answer(need(row, f"output_{number}"), f"output_{number}"),
            by=optional(row, f"generator_{number}", "", as_text, ""),
        )
        for number in (1, 2)
    )
    value = fields.as_number(need(row, "preference"), "preference")
    if value != 0 and not 1 <= value <= 2:
        raise Fault("preference", "it must be 0 or between 1 and 2", value)
    if value not in (0, 1, 1.5, 2):
        notes.warn("probabilities of preferences are not read, only which answer is better")
    winner = None if value in (0, 1.5) else int(value > 1.5)
    by = optional(row, "annotator", "", as_text, "")
    return versus(prompt, (one, other), winner, notes, "output_1, output_2", source="ai", by=by)


def write_verdict(ranking: Ranking, losses: Losses) -> list[dict[str, Any]]:
    """Every two ranked answers of a ranking with the verdict on them."""
    prompt = one_message(ranking.prompt, losses)
    pairs = [] if prompt is None else compared(ranking, losses, "by", usual="ai", answers="by")
    return [
        {
            "instruction": prompt,
            "output_1": one.text,
            "output_2": other.text,
            "generator_1": one.by,
            "generator_2": other.by,
            "annotator": ranking.by,
            "preference": 1.5 if winner is None else (1.0, 2.0)[winner],
        }
        for one, other, winner in pairs
    ]
