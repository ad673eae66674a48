"""How alike texts are by their words: the nearest of many, and how much of one stands in another."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence

from rapidfuzz.distance import LCSseq

WORD = re.compile(r"\w+")
SATURATION, LEVELLING = 1.5, 0.75
"""BM25's k1 and b: how soon a word said again adds nothing, and how far long texts are held back."""


def words(text: str) -> list[str]:
    """A text's words, whatever their case."""
    return WORD.findall(text.casefold())


class Nearest:
    """An index of texts by their words, asked for those most like another text."""

    def __init__(self, texts: Iterable[str]) -> None:
        self.places: dict[str, list[tuple[int, int]]] = {}
        self.lengths: list[int] = []
        for place, text in enumerate(texts):
            said = words(text)
            self.lengths.append(len(said))
            for word, count in Counter(said).items():
                self.places.setdefault(word, []).append((place, count))
        self.usual = sum(self.lengths) / max(1, len(self.lengths))

    def scores(self, text: str) -> dict[int, float]:
        """BM25 of every text that shares a word with this one, by its place.

        sum over words w of  log(1 + (N - n_w + 1/2) / (n_w + 1/2)) f / (f + k1 (1 - b + b length / mean length)),
        n_w the texts with w, f how often it stands in this one (Robertson and Zaragoza 2009).
        """
        found: dict[int, float] = {}
        for word in words(text):
            having = self.places.get(word, [])
            rarity = math.log(1 + (len(self.lengths) - len(having) + 0.5) / (len(having) + 0.5))
            for place, count in having:
                damped = SATURATION * (1 - LEVELLING + LEVELLING * self.lengths[place] / self.usual)
                found[place] = found.get(place, 0.0) + rarity * count / (count + damped)
        return found

    def nearest(self, text: str, count: int) -> list[int]:
        """The places of at most so many texts that share a word with this one, the most like it first."""
        found = self.scores(text)
        return sorted(found, key=lambda place: (-found[place], place))[:count]


def rouge_l(one: Sequence[str], other: Sequence[str]) -> float:
    """How much of each of two lists of words stands in the other in the same order, in 0..1.

    2 L / (m + n) with L the length of the longest common subsequence (Lin 2004, ROUGE-L's F1); 0 for two empty ones.
    """
    both = len(one) + len(other)
    return 2 * int(LCSseq.similarity(one, other)) / both if both else 0.0
