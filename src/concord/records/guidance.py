"""What people, judges and rules say about completions: rankings, ratings and step labels."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from concord.records.text import Completion, Demonstration, Prompt

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


@dataclass(frozen=True, slots=True)
class Judgement:
    """One answer to one task, as it was given: the ranking, and everything that was noted beside it."""

    ranking: Ranking
    aspects: Mapping[str, Mapping[int, float]] = field(default_factory=dict)
    """For each aspect the number that each completion was given, by its position."""
    edits: Mapping[int, str] = field(default_factory=dict)
    """Completions that the judge wrote anew, by their position."""
    comment: str = ""
    skip: str = ""
    """Why the task was passed over, if it was; then nothing need be ranked."""
    active_seconds: float | None = None
    """Time in which the page was in view and in use."""
    idle_seconds: float | None = None
    guideline: int | None = None
    """The version of the guideline that the judge had read."""
    revision: int = 1
    """A later revision of the same task by the same judge replaces an earlier one; none is deleted."""
    created: str = ""
    """When, in UTC, as in "2026-11-20T16:00:00Z"."""

    def ratings(self) -> Iterator[Rating]:
        """The numbers that were given, each as a rating."""
        said = self.ranking
        for aspect, values in self.aspects.items():
            for position, value in values.items():
                yield Rating(said.completions[position], value, aspect, said.by, said.source)

    def demonstrations(self) -> Iterator[Demonstration]:
        """What became of the best completions when they were written anew: as good as it gets."""
        best = self.ranking.tiers[0] if self.ranking.tiers else ()
        for position, text in self.edits.items():
            if position in best:
                yield Demonstration(self.ranking.prompt, text, self.ranking.by)

    def rankings(self) -> Iterator[Ranking]:
        """The ranking, if it says anything, and for each edit that it is better than what it replaces."""
        said = self.ranking
        if said.tiers or said.all_bad:
            yield said
        for position, text in self.edits.items():
            better, worse = Completion(said.prompt, text, by=said.by), said.completions[position]
            if better.text != worse.text:
                pair = (better, worse)
                yield Ranking(said.prompt, pair, ((0,), (1,)), said.by, said.source, said.aspect)
