"""Prompts that stand among those learned from and among those judged on: letter for letter, but for spacing, nearly."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from rapidfuzz import fuzz

EXAMPLES = 3
NEAR = 95.0
"""Likeness in percent from which two prompts are nearly the same."""
KINDS = ("exact", "plain", "near")
RUN = 3
"""Words of a run that two prompts must share to be held against each other at all."""
COMMON = 50
"""A run of words that stands in more prompts than this tells nothing."""


@dataclass
class Overlap:
    """How many of the prompts that are judged on also stand in what is learned from."""

    judged: int = 0
    exact: int = 0
    """Letter for letter."""
    plain: int = 0
    """But for case and white space."""
    near: int = 0
    """Nearly: all but a few letters."""
    examples: list[tuple[str, str]] = field(default_factory=list)
    """Some of each kind: the one that is judged on, the one that is learned from."""


def plain(text: str) -> str:
    """A text whatever its case and spacing."""
    return " ".join(text.casefold().split())


def overlap(judged: Sequence[str], learned: Iterable[str], near: float | None = NEAR) -> Overlap:
    """Hold each prompt that is judged on against all that are learned from; each counts once, as its worst."""
    places: dict[str, list[int]] = {}
    for place, text in enumerate(judged):
        places.setdefault(plain(text), []).append(place)
    index = None if near is None else Index(places)
    worst: dict[int, tuple[str, str]] = {}
    for text in learned:
        words = plain(text)
        like = [words] if words in places else index.like(words, float(near or 0)) if index else []
        for place in (place for other in like for place in places[other]):
            how = "exact" if judged[place] == text else "plain" if words in places else "near"
            known = worst.get(place)
            if known is None or KINDS.index(how) < KINDS.index(known[0]):
                worst[place] = (how, text)
    found = Overlap(len(judged))
    for kind in KINDS:
        mine = [place for place, (how, _) in sorted(worst.items()) if how == kind]
        setattr(found, kind, len(mine))
        found.examples += [(judged[place], worst[place][1]) for place in mine[:EXAMPLES]]
    return found


class Index:
    """Prompts by their runs of words, so that a million others need not be held against each of them."""

    def __init__(self, texts: Iterable[str]) -> None:
        self.by: dict[str, set[str]] = {}
        for text in texts:
            for run in runs(text):
                self.by.setdefault(run, set()).add(text)

    def like(self, text: str, least: float) -> list[str]:
        """Those that are at least so much like a text."""
        near: set[str] = set()
        for run in runs(text):
            some = self.by.get(run, set())
            near |= some if len(some) <= COMMON else set()
        return [one for one in sorted(near) if fuzz.ratio(text, one, score_cutoff=least)]


def runs(text: str) -> Iterator[str]:
    """The runs of words of a text; a short text is a run itself."""
    words = text.split()
    for place in range(max(1, len(words) - RUN + 1)):
        yield " ".join(words[place : place + RUN])
