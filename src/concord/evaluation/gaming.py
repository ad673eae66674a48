"""Whether a model answers every prompt alike: such answers are made for the judge and not for those who ask."""

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

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


def plain(text: str) -> str:
    """A text's words alone, whatever their case and spacing."""
    return " ".join(re.findall(r"\w+", text.casefold())) or text.strip()


def groups(words: Sequence[str]) -> tuple[list[float], list[str]]:
    """The shares of the largest groups of texts that are alike, and a text of each."""
    left = Counter(words)
    shares, texts = [], []
    for _ in range(FEW_TEXTS):
        if not left:
            break
        listed = list(left)
        spread = listed[:: max(1, len(listed) // (TRIED // 2))]
        tried = dict.fromkeys([text for text, _ in left.most_common(TRIED // 2)] + spread)
        best = max((alike(text, listed) for text in tried), key=lambda some: sum(left[one] for one in some))
        shares.append(sum(left[one] for one in best) / len(words))
        texts.append(max(best, key=lambda one: left[one]))
        for one in best:
            del left[one]
    order = sorted(range(len(shares)), key=lambda place: -shares[place])
    return [shares[place] for place in order], [texts[place] for place in order]


def alike(text: str, others: Sequence[str]) -> list[str]:
    """Which texts are one with this: nearly all of their words are common to both (Jaccard)."""
    mine = set(text.split())
    found = []
    for other in others:
        theirs = set(other.split())
        if other == text or len(mine & theirs) >= ALIKE * len(mine | theirs):
            found.append(other)
    return found
