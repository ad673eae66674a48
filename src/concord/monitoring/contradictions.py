"""Preferences that say the opposite of each other, or the same again."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import NamedTuple

EXAMPLES = 3


class Preference(NamedTuple):
    """Of two answers to a prompt, which is better, and who says so."""

    prompt: str
    better: str
    worse: str
    by: str = ""


@dataclass
class Agreement:
    """How often the same two answers were compared again, and to what end."""

    pairs: int = 0
    """Comparisons in all."""
    compared: int = 0
    """Different two answers to a prompt."""
    again: int = 0
    """Those of them that were compared more than once."""
    opposed: int = 0
    """Those of them of which each was once found better."""
    turned: int = 0
    """Those that one and the same person judged both ways."""
    examples: list[tuple[str, str, str]] = field(default_factory=list)
    """Some of the opposed: prompt and both answers."""


def agreement(preferences: Iterable[Preference]) -> Agreement:
    """Go through comparisons and count those that meet again."""
    sides: dict[tuple[str, str, str], Counter[bool]] = {}
    people: dict[tuple[str, str, str], dict[str, set[bool]]] = {}
    found = Agreement()
    for one in preferences:
        first, second = sorted((one.better, one.worse))
        name = (one.prompt, first, second)
        way = one.better == first
        sides.setdefault(name, Counter())[way] += 1
        people.setdefault(name, {}).setdefault(one.by, set()).add(way)
        found.pairs += 1
    found.compared = len(sides)
    for name, ways in sides.items():
        found.again += ways.total() > 1
        if len(ways) > 1:
            found.opposed += 1
            found.turned += any(len(said) > 1 for by, said in people[name].items() if by)
            if len(found.examples) < EXAMPLES:
                found.examples.append(name)
    return found


def preferences(
    prompt: str, texts: Sequence[str], tiers: Iterable[Iterable[int]], by: str = ""
) -> Iterator[Preference]:
    """The comparisons of one ranking, each two texts once; two answers with the same words compare nothing."""
    above: list[str] = []
    told: set[tuple[str, str]] = set()
    for tier in tiers:
        here = [texts[place] for place in tier]
        for better, worse in product(above, here):
            if better != worse and (better, worse) not in told:
                told.add((better, worse))
                yield Preference(prompt, better, worse, by)
        above += here
