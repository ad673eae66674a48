"""Reading answers: which policies, kinds and temperatures there are, and which answers meet on a prompt."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]
"""One line of answers.jsonl: one sampled answer on a held-out prompt, as the judge found it.

A judge that scores gives it `gold`; one that compares leaves `won`, what of the win it takes from each policy it met.
"""

Cell = tuple[str | None, str | None]
"""A split and a kind; None stands for all of them."""


def number(value: object) -> float | None:
    """A finite number, or None for anything else: a missing value is never taken for 0."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:  # a whole number too large for a float
        return None


def named(rows: Iterable[Row], field: str) -> list[Any]:
    """The different values of a field, in the order in which they first appear; None is left out."""
    return list(dict.fromkeys(row[field] for row in rows if row.get(field) is not None))


def policies(rows: Iterable[Row]) -> list[str]:
    """Who answered, in the order of the file."""
    return named(rows, "policy")


def kinds(rows: Iterable[Row]) -> list[str]:
    """Kinds of prompts, in alphabetical order."""
    return sorted(named(rows, "kind"))


def splits(rows: Iterable[Row]) -> list[str]:
    """Splits of the prompts, in alphabetical order ("in" before "new")."""
    return sorted(named(rows, "split"))


def temperatures(rows: Iterable[Row]) -> list[float]:
    """Temperatures of sampling, in the order of the file."""
    return named(rows, "temperature")


def marks(rows: Iterable[Row]) -> list[str]:
    """Marks that the judge gave, in the order in which they first appear; a judge may give none."""
    return list(dict.fromkeys(mark for row in rows for mark in row.get("marks") or {}))


def cells(rows: Sequence[Row]) -> Iterator[Cell]:
    """Every slice that numbers are reported for: all, each split, each kind, and each kind in each split."""
    for split in (None, *splits(rows)):
        for kind in (None, *kinds(rows)):
            yield split, kind


def lies_in(row: Row, cell: Cell) -> bool:
    """Whether an answer belongs to a slice."""
    split, kind = cell
    return split in (None, row.get("split")) and kind in (None, row.get("kind"))


def judged(row: Row) -> bool:
    """Whether a judge was asked about an answer: for a score, or to compare it with others."""
    return number(row["gold"]) is not None or row.get("won") is not None


def by_prompt(rows: Iterable[Row], policy: str, temperature: float) -> dict[str, list[Row]]:
    """One policy's judged answers at one temperature, prompt by prompt."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        if row["policy"] == policy and row["temperature"] == temperature and judged(row):
            found.setdefault(row["prompt_id"], []).append(row)
    return found


def meetings(rows: Iterable[Row], a: str, b: str, temperature: float) -> Iterator[tuple[Row, Row]]:
    """Pairs of answers of two policies to the same prompt: first meets first, second meets second.

    Each answer has a seed of its own and meets one other, so nothing ties the two sides but the prompt.
    """
    rows = list(rows)
    theirs = by_prompt(rows, b, temperature)
    for prompt, ours in by_prompt(rows, a, temperature).items():
        yield from zip(ours, theirs.get(prompt, []), strict=False)
