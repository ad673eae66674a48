"""What a suite finds: observations mark by mark, with the side on which each is better, and answers to read."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from concord.records import Completion
from concord.roles import Sampler, Scorer

Direction = Literal["at least", "at most", ""]
"""The side on which a mark is good; none if it should be near a middle, such as a difference of 0."""
EXAMPLES = 3
"""Answers of each sort that a finding shows."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Whoever is tried, through the roles; what it does not have, the suites leave unmeasured and say so."""

    sampler: Sampler
    likelihood: Scorer | None = None
    """The log-probability of a completion's text after its prompt; the end counts if its finish is `stop`."""
    opinion: Scorer | None = None
    """A reward model."""
    judge: Callable[[Completion], Mapping[str, bool] | None] | None = None
    """What a judge that knows the truth sees, under the names of detectors or its own; None where it cannot tell."""
    goes_on: Callable[[Sequence[Completion]], Sequence[str]] | None = None
    """What the policy would say next after answers that are only begun."""


@dataclass(frozen=True, slots=True)
class Mark:
    """One mark's observations; whoever reports it turns them into a value with an interval."""

    values: tuple[float, ...]
    clusters: tuple[str, ...]
    """What is independent: values with the same name tell partly the same."""
    direction: Direction = "at least"
    scale: Literal["share", "mean", "lean", "rate", "difference"] = "share"
    """A share of zeros and ones; a mean; twice a share less one; counts in a thousand; a share less `others`' share."""
    others: tuple[float, ...] = ()
    """Zeros and ones of other answers, for a difference of two shares."""
    bounds: tuple[float, float] = (-math.inf, math.inf)
    """Between which values of a mean can lie."""


@dataclass(frozen=True, slots=True)
class PairedTest:
    """A paired test: whether a difference is more than chance, after Holm's correction for all of the suite's."""

    name: str
    p: float
    holm: float
    n: int


@dataclass
class Finding:
    """What one suite found."""

    marks: dict[str, Mark] = field(default_factory=dict)
    tests: list[PairedTest] = field(default_factory=list)
    examples: list[dict[str, Any]] = field(default_factory=list)
    unmeasured: list[str] = field(default_factory=list)
    """What could not be measured, and why."""
    answers: list[Completion] = field(default_factory=list)
    """All that was answered."""
    n: int = 0
    """Probes."""

    def join(self, other: "Finding") -> None:
        """Take in what probes of another sort found."""
        self.marks |= other.marks
        self.tests += other.tests
        self.examples += other.examples
        self.unmeasured += other.unmeasured
        self.answers += other.answers
        self.n += other.n


def shares(values: Sequence[bool], clusters: Sequence[str], direction: Direction = "at least") -> Mark:
    """A mark that is a share."""
    return Mark(tuple(map(float, values)), tuple(clusters), direction)


def means(
    values: Sequence[float],
    clusters: Sequence[str],
    direction: Direction = "",
    bounds: tuple[float, float] = (-math.inf, math.inf),
) -> Mark:
    """A mark that is a mean."""
    return Mark(tuple(values), tuple(clusters), direction, "mean", bounds=bounds)


def example(why: str, *said: Completion) -> dict[str, Any]:
    """Answers to read, with what is wrong with them: the last one's dialogue, and its text."""
    last = said[-1]
    dialogue = [{"role": turn.role, "content": turn.content} for turn in last.prompt.messages]
    return {"why": why, "prompt": dialogue, "text": last.text}
