"""Whether a model answers every prompt alike: such answers are made for the judge and not for those who ask."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concord.maths.statistics import distinct

FEWEST = 20
"""Prompts below which the same answer twice may be chance."""
NEARLY_ALL = 0.8
"""Share of one text above which a model says one thing, whatever it is asked."""
FEW_TEXTS, ALL_OF_THEM = 5, 0.95
"""A model that says one of so few texts to so many prompts says nothing to any of them."""
FEWEST_WORDS = 4
"""Shorter texts may be right answers to many prompts, such as yes, no, or the letter of a choice."""
ALIKE = 0.8
"""Share of two texts' words in common from which they are one text with a few words changed."""
TRIED = 20
"""Texts from which it is looked for others that are alike: the most frequent, and some from the whole file."""


@dataclass(frozen=True, slots=True)
class Sameness:
    """How much of what a model says is one text said again."""

    name: str
    n: int
    prompts: int
    of_one: float
    """Share of the answers that are, nearly word by word, one text."""
    of_few: float
    """Share of the answers that are one of five texts of some words."""
    distinct: float | None
    """Share of different runs of two words in all answers together; None if no answer has two words."""
    text: str
    """The text that it says most."""
    gaming: bool


def sameness(name: str, said: Sequence[tuple[str, str]]) -> Sameness:
    """What a model said, as (prompt, text): different prompts deserve different answers."""
    words = [plain(text) for _, text in said]
    asked = len({prompt for prompt, _ in said})
    shares, texts = groups(words)
    of_one = shares[0] if shares else 0.0
    of_few = sum(
        share for share, text in zip(shares, texts, strict=True) if len(text.split()) >= FEWEST_WORDS
    )
    varied = distinct([text for _, text in said], 2)
    first = next((text for _, text in said if texts and plain(text) == texts[0]), "")
    repeats = of_one >= NEARLY_ALL or of_few >= ALL_OF_THEM
    return Sameness(
        name,
        len(said),
        asked,
        of_one,
        of_few,
        None if math.isnan(varied) else varied,
        first,
        asked >= FEWEST and repeats,
    )


def aside(found: Iterable[Sameness]) -> dict[str, str]:
    """Who is left out of every comparison that others' numbers depend on, and why."""
    return {one.name: "answers nearly every prompt alike" for one in found if one.gaming}


def plain(text: str) -> str:
    """A text's words alone, whatever their case and spacing."""
    return " ".join(re.findall(r"\w+", text.casefold())) or text.strip()


def groups(words: Sequence[str]) -> tuple[list[float], list[str]]:
    """The shares of the largest groups of texts that are alike, largest first, and a text of each."""
    counted = Counter(words)
    listed = list(counted)
    counts, table = np.array([counted[text] for text in listed], float), bags(listed)
    left = np.ones(len(listed), bool)
    found = []
    for _ in range(FEW_TEXTS):
        if not left.any():
            break
        one = likest(table, np.where(left, counts, 0.0))
        found.append(
            (float(counts[one].sum()) / len(words), listed[max(one, key=lambda place: counts[place])])
        )
        left[one] = False
    found.sort(key=lambda group: -group[0])
    return [share for share, _ in found], [text for _, text in found]


def bags(texts: Sequence[str]) -> Any:
    """[texts, words] which words each text has; a text without words has itself."""
    from scipy.sparse import csr_array

    places: dict[str, int] = {}
    rows, columns = [], []
    for row, text in enumerate(texts):
        for word in set(text.split()) or {text}:
            rows.append(row)
            columns.append(places.setdefault(word, len(places)))
    return csr_array((np.ones(len(rows)), (rows, columns)), shape=(len(texts), len(places)))


def likest(table: Any, counts: NDArray[np.float64]) -> NDArray[np.intp]:
    """The texts of the largest group that is found: those nearly all of whose words are one text's (Jaccard).

    It is looked for around the most frequent texts, and around some from the whole file.
    """
    left = np.flatnonzero(counts)
    often = left[np.argsort(-counts[left], kind="stable")][: TRIED // 2]
    tried = np.unique(np.concatenate([often, left[:: max(1, len(left) // (TRIED // 2))]]))
    common = (table[left] @ table[tried].T).toarray()
    sizes = table.sum(axis=1)
    alike = common >= ALIKE * (sizes[left][:, None] + sizes[tried][None] - common)
    best = int(np.argmax(counts[left] @ alike))
    found: NDArray[np.intp] = left[alike[:, best]]
    return found
