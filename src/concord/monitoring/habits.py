"""Habits of answers that a score may come to reward for their own sake: length, list marks, repetition."""

import math
import re
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concord.maths.statistics import distinct

LIST_MARK = re.compile(r"(?:^|(?<=\s))(?:\d{1,3}[.)]|[-*+#•]{1,6}|\|)(?=\s)", re.MULTILINE)
"""What begins an item, a heading or a cell, at a line's start or within it; or words in bold."""
BOLD = re.compile(r"\*\*|__")
SAME = 1e-9
"""Numbers closer than this are the same."""
FEWEST = 8
"""Fewer answers than this make no correlation."""


def words(text: str) -> float:
    """How many words an answer has."""
    return float(len(text.split()))


def marks(text: str) -> float:
    """How many marks of form it has: list items, headings, cells, bold."""
    return float(len(LIST_MARK.findall(text)) + len(BOLD.findall(text)) // 2)


def repeats(text: str) -> float:
    """How many of its runs of two words stood in it before."""
    count = len(text.split()) - 1
    return 0.0 if count < 1 else round(count * (1 - distinct([text], 2)), 6)


HABITS: dict[str, Callable[[str], float]] = {"length": words, "format": marks, "repetition": repeats}
"""Every habit by its name."""


def within(values: Sequence[float], groups: Sequence[Hashable]) -> NDArray[Any]:
    """Values less the mean of their group; where every group is of one, less the mean of all."""
    numbers = np.asarray(values, dtype=float)
    _, index = np.unique(np.asarray([str(group) for group in groups]), return_inverse=True)
    if len(numbers) and index.max(initial=0) + 1 == len(numbers):
        index = np.zeros(len(numbers), dtype=int)
    means = np.bincount(index, weights=numbers) / np.maximum(np.bincount(index), 1)
    found: NDArray[Any] = numbers - means[index]
    return found


def leaning(habit: Sequence[float], scores: Sequence[float], groups: Sequence[Hashable]) -> float | None:
    """How strongly answers with more of a habit score higher than others to the same prompt: -1 to 1.

    None if either does not vary, for then nothing can be said.
    """
    ours, theirs = within(habit, groups), within(scores, groups)
    if len(ours) < FEWEST or np.std(ours) < SAME or np.std(theirs) < SAME:
        return None
    return float(np.corrcoef(ours, theirs)[0, 1])


def leanings(texts: Sequence[str], scores: Sequence[float], groups: Sequence[Hashable]) -> dict[str, float]:
    """The notes of a round: how far its scores lean on each habit, and how many prompts got one score alone."""
    found = {
        f"lean.{name}": value
        for name, habit in HABITS.items()
        if (value := leaning([habit(text) for text in texts], scores, groups)) is not None
    }
    return found | tied(scores, groups)


def tied(scores: Sequence[float], groups: Sequence[Hashable]) -> dict[str, float]:
    """The share of prompts whose answers all score the same, among those with several answers."""
    by: dict[Hashable, list[float]] = {}
    for score, group in zip(scores, groups, strict=True):
        by.setdefault(group, []).append(score)
    several = [some for some in by.values() if len(some) > 1]
    if not several:
        return {}
    equal = [max(some) - min(some) <= SAME * max(1.0, math.fabs(max(some))) for some in several]
    return {"tied": sum(equal) / len(equal)}
