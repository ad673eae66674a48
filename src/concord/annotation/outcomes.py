"""Answers of many annotators as one table of comparisons: a row a person, a column two answers to one task."""

import hashlib
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from concord.records import Prompt, Ranking, digest, prompt_key

Floats = NDArray[np.float64]
UNKNOWN = math.nan


@dataclass(frozen=True, slots=True)
class Given:
    """What one annotator answered to one task, once."""

    who: str
    ranking: Ranking
    task: str = ""
    """The task's name; if empty it follows from the words of prompt and answers."""
    seconds: float | None = None
    """Active time, if it was measured."""
    at: float | None = None
    """When it was sent, if that is known; only the order matters."""

    @property
    def key(self) -> str:
        """The name of the task."""
        texts = sorted({one.text for one in self.ranking.completions})
        return self.task or digest(prompt_key(self.ranking.prompt.messages), texts)

    @property
    def places(self) -> dict[str, int | None]:
        """The tier of each answer by its text, None for one that was not ranked; of equal texts the best counts."""
        found: dict[str, int | None] = {one.text: None for one in self.ranking.completions}
        for tier, members in reversed(list(enumerate(self.ranking.tiers))):
            for place in members:
                found[self.ranking.completions[place].text] = tier
        return found


def turned(text: str) -> bytes:
    """What puts two answers in an order that has nothing to do with their quality."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def compared(texts: Iterable[str]) -> list[tuple[str, str]]:
    """Every two of some texts, each two in an order that follows from their hash."""
    return list(combinations(sorted(set(texts), key=turned), 2))


def outcome(places: dict[str, int | None], one: str, other: str) -> float:
    """1 if the first stands higher, -1 if lower, 0 if they are tied, nan if one was not ranked."""
    upper, lower = places.get(one), places.get(other)
    if upper is None or lower is None:
        return UNKNOWN
    return float(np.sign(lower - upper))


@dataclass(frozen=True)
class Outcomes:
    """The table, and what its rows and columns are. An answer that a person gave again stands in `again`."""

    people: tuple[str, ...]
    units: tuple[tuple[str, str, str], ...]
    """Task and two texts of each column, in an order by their hash: no side is favoured."""
    table: Floats
    """[people, units] 1 the first is better, -1 the second, 0 tied, nan not compared."""
    first: dict[tuple[str, str], Given]
    """The first answer of each person to each task."""
    again: tuple[Given, ...]
    prompts: dict[str, Prompt]
    """The prompt of each task."""

    @classmethod
    def of(cls, given: Iterable[Given]) -> "Outcomes":
        """The table of all answers; people, tasks and texts in a fixed order."""
        first: dict[tuple[str, str], Given] = {}
        again: list[Given] = []
        texts: defaultdict[str, set[str]] = defaultdict(set)
        prompts: dict[str, Prompt] = {}
        for one in given:
            task = one.key
            if (one.who, task) in first:
                again.append(one)
                continue
            first[one.who, task] = one
            texts[task] |= {said.text for said in one.ranking.completions}
            prompts[task] = one.ranking.prompt
        people = tuple(sorted({who for who, _ in first}))
        units = [(task, *pair) for task in sorted(texts) for pair in compared(texts[task])]
        table = np.full((len(people), len(units)), UNKNOWN)
        columns: defaultdict[str, list[int]] = defaultdict(list)
        for place, (task, _, _) in enumerate(units):
            columns[task].append(place)
        rows = {who: row for row, who in enumerate(people)}
        for (who, task), one in first.items():
            places = one.places
            for column in columns[task]:
                table[rows[who], column] = outcome(places, *units[column][1:])
        return cls(people, tuple(units), table, first, tuple(again), prompts)

    @cached_property
    def tasks(self) -> tuple[str, ...]:
        """The task of each column."""
        return tuple(task for task, _, _ in self.units)

    @cached_property
    def task_numbers(self) -> NDArray[np.int64]:
        """The same as numbers."""
        return np.unique(np.array(self.tasks, dtype=object).astype(str), return_inverse=True)[1].reshape(-1)

    def others(self, row: int) -> Floats:
        """What all but one person think of each column on average; nan where nobody else answered."""
        rest = np.delete(self.table, row, axis=0)
        known = ~np.isnan(rest)
        count = known.sum(0)
        total = np.where(known, rest, 0.0).sum(0)
        return np.where(count > 0, total / np.maximum(count, 1), UNKNOWN)

    def of_person(self, who: str) -> list[Given]:
        """The first answers of one person."""
        return [one for (name, _), one in self.first.items() if name == who]


def words_of(given: Given) -> int:
    """Words that have to be read for an answer."""
    texts = [one.content for one in given.ranking.prompt.messages]
    return sum(len(text.split()) for text in texts + [one.text for one in given.ranking.completions])


def order_shown(given: Given) -> tuple[int, ...] | None:
    """A full and strict order as the places on the page from best to worst; None for any other answer."""
    ranking = given.ranking
    whole = all(len(tier) == 1 for tier in ranking.tiers) and not ranking.unranked
    if not whole or len(ranking.shown) != len(ranking.completions):
        return None
    place = {position: number for number, position in enumerate(ranking.shown)}
    return tuple(place[tier[0]] for tier in ranking.tiers)


def ranks(places: dict[str, int | None], texts: Sequence[str]) -> tuple[int, ...] | None:
    """The tiers of some answers, if all of them were ranked."""
    found = [places.get(text) for text in texts]
    return None if None in found else tuple(tier for tier in found if tier is not None)
