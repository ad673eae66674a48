"""What people, judges and rules say about completions: rankings, ratings and step labels."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

from concord.records.text import Completion, Prompt

Source = Literal["human", "ai", "rule"]
SOURCES: tuple[str, ...] = get_args(Source)
Mark = Literal["correct", "incorrect", "neutral"]
MARKS: tuple[str, ...] = get_args(Mark)


@dataclass(frozen=True, slots=True)
class Ranking:
    """K completions of one prompt in tiers, best first; ties share a tier, some may stay unranked."""

    prompt: Prompt
    completions: tuple[Completion, ...]
    tiers: tuple[tuple[int, ...], ...]
    """Positions in `completions`, best tier first; a position in no tier was not ranked."""
    by: str = ""
    source: Source = "human"
    aspect: str = "overall"
    shown: tuple[int, ...] = ()
    """The order in which the completions were shown, if that is known."""
    all_bad: bool = False
    """Whether the ranker finds none of them acceptable."""
    weight: float = 1.0
    """How much it counts in learning beside rankings of weight 1."""
    chances: tuple[tuple[int, int, float], ...] = ()
    """Soft labels, where the ranker gave them: two positions, and the chance that the first is the better one."""

    def pairs(self) -> Iterator[tuple[int, int]]:
        """Every comparison that the ranking implies, as (better, worse); ties imply none."""
        for upper, tier in enumerate(self.tiers):
            for lower in self.tiers[upper + 1 :]:
                for better in tier:
                    for worse in lower:
                        yield better, worse

    @property
    def unranked(self) -> tuple[int, ...]:
        """Positions of the completions that stand in no tier."""
        ranked = {position for tier in self.tiers for position in tier}
        return tuple(position for position in range(len(self.completions)) if position not in ranked)


@dataclass(frozen=True, slots=True)
class Rating:
    """One number for one aspect of one completion."""

    completion: Completion
    value: float
    aspect: str = "overall"
    by: str = ""
    source: Source = "human"


@dataclass(frozen=True, slots=True)
class StepLabels:
    """One mark for each step of one completion."""

    completion: Completion
    steps: tuple[str, ...]
    """The completion's text, cut into steps: joined they give it back."""
    marks: tuple[Mark, ...]
    by: str = ""
    source: Source = "human"
