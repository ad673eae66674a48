"""A finding: one cause, how plain it is, why, and what to change."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

FOUND = 0.5
"""From this score on a cause is named."""


@dataclass(frozen=True)
class Sign:
    """One piece of evidence: what was seen, where it stands, and at which step if it has one."""

    what: str
    file: str
    step: int | None = None


@dataclass(frozen=True)
class Change:
    """A setting to change, from what to what; `to` may be words where no number follows from the evidence."""

    setting: str
    now: object
    to: object

    def told(self) -> str:
        """In words."""
        return f"change `{self.setting}` from {plain(self.now)} to {plain(self.to)}"


@dataclass(frozen=True)
class Finding:
    """One cause and its evidence."""

    cause: str
    score: float
    """0.5 where the evidence just passes its limit, 1 where it is as plain as can be; the same for all causes."""
    because: str
    signs: Sequence[Sign]
    changes: Sequence[Change] = ()


def graded(value: float, limit: float, plainly: float) -> float:
    """How plain a number is: 0.5 at its limit, 1 where it is plainly wrong, 0 as far on the other side.

    Where both bounds are above 0 the scale is that of ratios, for rates and drifts are told in times.
    """
    if limit > 0 and plainly > 0:
        value, limit, plainly = (math.log(max(one, 1e-12)) for one in (value, limit, plainly))
    found = 0.5 + 0.5 * (value - limit) / (plainly - limit)
    return min(1.0, max(0.0, found))


def mean(values: Sequence[float]) -> float:
    """The mean of some numbers; 0 of none."""
    return math.fsum(values) / len(values) if values else 0.0


def third(values: Sequence[tuple[int, float]], last: bool) -> float:
    """The mean of a curve's first or last third, of one point at least."""
    size = max(1, len(values) // 3)
    return mean([value for _, value in (values[-size:] if last else values[:size])])


def plain(value: object) -> str:
    """A setting's value in words."""
    if isinstance(value, float):
        return f"{value:.3g}"
    return f"about {value.about:.2g}" if isinstance(value, About) else str(value)


@dataclass(frozen=True)
class About:
    """A number that is a place to begin, not a result."""

    about: float
