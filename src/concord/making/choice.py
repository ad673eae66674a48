"""Less data, better chosen: a share of the demonstrations, by what each is worth and by what it adds to the others."""

import heapq
from collections.abc import Sequence

import numpy as np

from concord.errors import SettingsError
from concord.making.likeness import words
from concord.records import Demonstration

PIECE = 2
"""Words in a piece of text that counts as new or known."""


def best_places(worth: Sequence[float], pieces: Sequence[frozenset[str]], share: float) -> list[int]:
    """The places of a share of the items, at least one, each time that which adds most; in the order of choice.

    An item adds its worth, as a rank from 0 to 1, times the share of its pieces that no item taken so far has.
    What it adds can only fall as others are taken, so an old figure is an upper bound and few are worked out anew.
    """
    if not 0 < share <= 1:
        raise SettingsError(f"The share is {share}; it must be above 0 and at most 1.")
    wanted = max(1, round(share * len(worth)))
    rank = ranks(worth)
    known: set[str] = set()
    waiting = [(-rank[place], place, -1) for place in range(len(worth))]
    heapq.heapify(waiting)
    taken: list[int] = []
    while len(taken) < wanted:
        _, place, seen = heapq.heappop(waiting)
        if seen == len(taken):
            taken.append(place)
            known |= pieces[place]
        else:
            own = pieces[place]
            new = len(own - known) / len(own) if own else 0.0
            heapq.heappush(waiting, (-rank[place] * new, place, len(taken)))
    return taken


def ranks(worth: Sequence[float]) -> list[float]:
    """Each number's place among all, from near 0 for the least to 1 for the largest; equals share theirs."""
    from scipy.stats import rankdata

    if not np.isfinite(np.asarray(worth, dtype=float)).all():
        raise SettingsError("A demonstration's worth is no number, so there is no best. Score it anew.")
    found: list[float] = (rankdata(worth) / len(worth)).tolist()
    return found


def pieces_of(one: Demonstration) -> frozenset[str]:
    """The pairs of words that stand side by side in a demonstration, its question and its answer apart."""
    texts = [words(one.prompt.messages[-1].content), words(one.text)]
    return frozenset(
        " ".join(text[start : start + PIECE])
        for text in texts
        for start in range(max(1, len(text) - PIECE + 1))
        if text
    )


def best_share(records: Sequence[Demonstration], worth: Sequence[float], share: float) -> list[Demonstration]:
    """A share of the demonstrations, in the order of the file."""
    places = best_places(worth, [pieces_of(one) for one in records], share)
    return [records[place] for place in sorted(places)]
