"""Duels: two answers to one prompt, and how much of the win goes to the first."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from concord.evaluation.answers import Row, meetings
from concord.evaluation.intervals import Estimate, share
from concord.records import Ranking

EQUAL = 1e-9
"""Scores of the judge that differ by less than this are a tie."""


@dataclass(frozen=True, slots=True)
class Duel:
    """Two models' answers to one prompt before a judge."""

    prompt: str
    a: str
    b: str
    share: float
    """What of the win is `a`'s: 1 won, 0 lost, a half for a tie, or the chance that the judge gives."""
    texts: tuple[str, str] | None = None
    """Both answers, if they are known: what they look like may have swayed the judge."""


def outcome(ours: float, theirs: float) -> float:
    """1 for a win, 0 for a loss, and a half for a tie, from two scores."""
    gap = ours - theirs
    if abs(gap) <= EQUAL:
        return 0.5
    return 1.0 if gap > 0 else 0.0


def verdict(ours: Row, theirs: Row) -> float | None:
    """What of the win is the first answer's: as a judge that compared the two says, or by their scores.

    None if it compared others and not these two, or said nothing that could be read.
    """
    if ours.get("won") is None:
        return outcome(float(ours["gold"]), float(theirs["gold"]))
    told, turned = ours["won"].get(theirs["policy"]), theirs["won"].get(ours["policy"])
    if told is None and turned is not None:
        return 1.0 - float(turned)
    return None if told is None else float(told)


def of_ranking(ranking: Ranking) -> Iterator[tuple[int, int, float]]:
    """Every two ranked answers by their positions, and what of the win is the first one's."""
    places = {place: tier for tier, some in enumerate(ranking.tiers) for place in some}
    for (one, high), (other, low) in combinations(sorted(places.items()), 2):
        yield one, other, outcome(-high, -low)


def between(rows: Sequence[Row], a: str, b: str, temperature: float) -> list[Duel]:
    """The duels of two policies at one temperature, from their answers."""
    return [
        Duel(ours["prompt_id"], a, b, share, (str(ours["text"]), str(theirs["text"])))
        for ours, theirs in meetings(rows, a, b, temperature)
        if (share := verdict(ours, theirs)) is not None
    ]


def of_all(rows: Sequence[Row], names: Iterable[str], temperature: float) -> list[Duel]:
    """The duels of every two policies that a judge has something to say of."""
    kept = [row for row in rows if row["temperature"] == temperature]
    by_name = {name: [row for row in kept if row["policy"] == name] for name in names}
    return [
        duel
        for a, b in combinations(by_name, 2)
        for duel in between([*by_name[a], *by_name[b]], a, b, temperature)
    ]


def contests(duels: Iterable[Duel]) -> dict[tuple[str, str], list[Duel]]:
    """The duels of each two models that met, in the order in which they first did."""
    found: dict[tuple[str, str], list[Duel]] = {}
    for duel in duels:
        found.setdefault((duel.a, duel.b), []).append(duel)
    return found


def rate(duels: Sequence[Duel]) -> Estimate:
    """The first one's win rate, clustered by prompt."""
    return share([duel.share for duel in duels], [duel.prompt for duel in duels])


def names(duels: Iterable[Duel]) -> Iterator[str]:
    """Who took part, in the order in which they first did."""
    yield from dict.fromkeys(name for duel in duels for name in (duel.a, duel.b))


def clusters(duels: Iterable[Duel]) -> NDArray[np.intp]:
    """The number of each duel's prompt: only prompts are independent."""
    return np.unique([duel.prompt for duel in duels], return_inverse=True)[1].reshape(-1)
