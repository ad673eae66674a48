"""Less data, better chosen: a share of the demonstrations, by what each is worth and by what it stands for."""

import heapq
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from concord.errors import SettingsError
from concord.making.likeness import words
from concord.records import Demonstration


def best_places(worth: Sequence[float], marks: Any, share: float) -> list[int]:
    """The places of a share of the items, at least one, each time that which adds most; in the order of choice.

    marks [n, m] (sparse) has a row of length 1 an item, so that the product of two rows is their likeness, in 0..1. An
    item adds its worth, as a rank in 0..1, times  sum_i max(0, likeness to i - the largest of i to those taken):  how
    much better all items are stood for (facility location). What an item adds can only fall as others are taken, so
    an old figure is an upper bound and few are worked out anew.
    """
    if not 0 < share <= 1:
        raise SettingsError(f"The share is {share}; it must be above 0 and at most 1.")
    if not len(worth):
        raise SettingsError("There are no demonstrations to choose from. Give one at least.")
    rank = ranks(worth)
    stood = np.zeros(len(rank))
    first = rank * np.asarray(marks @ marks.sum(axis=0)).reshape(-1)
    waiting = [(-value, place, 0) for place, value in enumerate(first.tolist())]
    heapq.heapify(waiting)
    taken: list[int] = []
    while len(taken) < max(1, round(share * len(rank))):
        _, place, seen = heapq.heappop(waiting)
        like = (marks @ marks[[place]].T).toarray().reshape(-1)
        if seen == len(taken):
            taken.append(place)
            stood = np.maximum(stood, like)
        else:
            adds = rank[place] * float(np.maximum(like - stood, 0).sum())
            heapq.heappush(waiting, (-adds, place, len(taken)))
    return taken


def ranks(worth: Sequence[float]) -> Any:
    """Each number's place among all, from near 0 for the least to 1 for the largest; equals share theirs."""
    from scipy.stats import rankdata

    if not np.isfinite(np.asarray(worth, dtype=float)).all():
        raise SettingsError("A demonstration's worth is no number, so there is no best. Score it anew.")
    return rankdata(worth, method="max") / len(worth)


def marks_of(records: Sequence[Demonstration]) -> Any:
    """[n, m] the words of each question and answer, a rare word weighing more, each row of length 1.

    f log(1 + N / n_w), f how often the word stands in the item and n_w in how many items it does (TF-IDF).
    """
    from scipy.sparse import csr_array

    counts = [
        Counter(words(one.prompt.messages[-1].content)) + Counter(f"> {word}" for word in words(one.text))
        for one in records
    ]
    having = Counter(word for one in counts for word in one)
    number = {word: place for place, word in enumerate(sorted(having))}
    values, rows, columns = [], [], []
    for place, one in enumerate(counts):
        weights = {word: count * np.log1p(len(counts) / having[word]) for word, count in one.items()}
        size = float(np.sqrt(sum(value**2 for value in weights.values()))) or 1.0
        for word, value in weights.items():
            values.append(value / size)
            rows.append(place)
            columns.append(number[word])
    return csr_array((values, (rows, columns)), shape=(len(counts), len(number)))


def best_share(records: Sequence[Demonstration], worth: Sequence[float], share: float) -> list[Demonstration]:
    """A share of the demonstrations, in the order of the file."""
    return [records[place] for place in sorted(best_places(worth, marks_of(records), share))]
