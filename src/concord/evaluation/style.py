"""What an answer looks like: its length, headers, lists and bold words, which may please a judge by themselves."""

import re
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from concord.evaluation.duels import Duel

LENGTH = ("length",)
STYLE = ("length", "headers", "lists", "bold")
"""What can be held equal between two answers."""

FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
MARKS = {
    "headers": re.compile(r"^#{1,6} +\S", re.MULTILINE),
    "lists": re.compile(r"^[ \t]*(?:[-*+]|\d{1,3}[.)]) +\S", re.MULTILINE),
    "bold": re.compile(r"\*\*[^*\n]+\*\*|__[^_\n]+__"),
}
"""How each of them is written in Markdown; what stands in a block of code is code."""


@lru_cache(maxsize=200_000)
def looks(text: str) -> tuple[int, ...]:
    """How many of each of STYLE a text has; its length is counted in characters."""
    words = FENCED.sub("", text)
    return (len(text), *(sum(1 for _ in pattern.finditer(words)) for pattern in MARKS.values()))


def differences(duels: Sequence[Duel], controls: Sequence[str]) -> NDArray[np.float64]:
    """How the first answer's looks differ from the second's, a row a duel, a column a control; 0 is no difference.

    Length:  tanh of the difference in characters over the differences' standard deviation. All others:
    (a - b) / (a + b + 1), so that the tenth header of an answer counts less than its first.
    """
    pairs = [duel.texts or ("", "") for duel in duels]
    ours, theirs = (
        np.array([looks(pair[side]) for pair in pairs], float).reshape(-1, len(STYLE)) for side in (0, 1)
    )
    columns = []
    for name in controls:
        place = STYLE.index(name)
        gap = ours[:, place] - theirs[:, place]
        if name == "length":
            columns.append(np.tanh(gap / (gap.std() or 1.0)))
        else:
            columns.append(gap / (ours[:, place] + theirs[:, place] + 1))
    return np.column_stack(columns) if columns else np.empty((len(duels), 0))
