"""From numbers to tiers: any Scorer as a Ranker, and lists put in order by their comparisons."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from concord.records import Completion, Prompt, Ranking, Source
from concord.roles import Scorer

NEAR = 1e-9
"""Points closer than this are the same."""


class Compared(Protocol):
    """Two answers of a list that were compared."""

    @property
    def one(self) -> int: ...
    @property
    def other(self) -> int: ...
    @property
    def outcome(self) -> float:
        """1 if the first is better, 0 if it is worse, a half for a tie."""
        ...

    @property
    def chance(self) -> float:
        """How likely the first is the better one."""
        ...


@dataclass(frozen=True)
class Ordered:
    """Any Scorer as a Ranker: higher scores stand higher, and those close enough share a tier."""

    scorer: Scorer
    name: str
    source: Source = "ai"
    tie: float = 0.0

    def rank(self, prompt: Prompt, completions: Sequence[Completion]) -> Ranking:
        """The completions in tiers by their scores."""
        tiers = by_scores(self.scorer.score(completions), self.tie)
        return Ranking(prompt, tuple(completions), tiers, by=self.name, source=self.source)


def by_scores(scores: Sequence[float], tie: float = 0.0) -> tuple[tuple[int, ...], ...]:
    """Positions in tiers, highest first; a score no more than `tie` below its tier's highest belongs to it."""
    tiers: list[list[int]] = []
    for place in sorted(range(len(scores)), key=lambda place: (-scores[place], place)):
        if tiers and scores[tiers[-1][0]] - scores[place] <= tie + NEAR:
            tiers[-1].append(place)
        else:
            tiers.append([place])
    return tuple(tuple(sorted(tier)) for tier in tiers)


def by_points(
    count: int, compared: Sequence[Compared], tie: float = 0.0
) -> tuple[tuple[tuple[int, ...], ...], tuple[tuple[int, int, float], ...]]:
    """Positions in tiers by how many others each beats (a tie is half a win), and the chance of each two."""
    outcomes: defaultdict[tuple[int, int], list[float]] = defaultdict(list)
    chances: defaultdict[tuple[int, int], list[float]] = defaultdict(list)
    for reading in compared:
        turned = reading.one > reading.other
        pair = (reading.other, reading.one) if turned else (reading.one, reading.other)
        outcomes[pair].append(1 - reading.outcome if turned else reading.outcome)
        chances[pair].append(1 - reading.chance if turned else reading.chance)
    points = [0.0] * count
    soft = []
    for (one, other), found in sorted(outcomes.items()):
        won, chance = sum(found) / len(found), sum(chances[one, other]) / len(found)
        soft.append((one, other, round(chance, 6)))
        if abs(won - 0.5) <= NEAR or abs(chance - 0.5) <= tie:
            won = 0.5
        points[one] += float(won > 0.5) if won != 0.5 else 0.5
        points[other] += float(won < 0.5) if won != 0.5 else 0.5
    return by_scores(points), tuple(soft)
