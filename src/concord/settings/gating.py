"""Settings of single criteria of the gate, and of the risks that somebody accepts."""

from typing import Annotated, Literal

from pydantic import StringConstraints, model_validator

from concord.settings.closed import Settings
from concord.settings.quantities import Price

Said = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Baseline = Literal["reference", "release"]
"""Whom a candidate is held against: the supervised policy of its own run, or the run in `gate.against`."""

LIMITS = ("at_least", "at_most", "not_below", "not_above")


class Criterion(Settings):
    """One thing that the candidate must show: a metric, a limit, and on which part of the held-out prompts."""

    metric: Said
    """What is measured: a mark such as `refused`, `win_rate`, `kl`, or another name from the page of the gate."""
    at_least: float | None = None
    """The low end of the metric's interval must reach this."""
    at_most: float | None = None
    """The high end of the metric's interval may reach this and no more."""
    not_below: Baseline | None = None
    """Whose value it may fall short of by the margin and no more: `reference`, or `release` for `gate.against`."""
    not_above: Baseline | None = None
    """Whose value it may exceed by the margin and no more: `reference`, or `release` for `gate.against`."""
    margin: Price = 0.0
    """By how much it may be worse than that baseline, in the metric's own unit: 0.02 is two points of a share."""
    kind: Said | None = None
    """Only answers to prompts of this kind; all if not given."""
    split: Said | None = None
    """Only answers to prompts of this split, such as `new`; all if not given."""
    required: bool = True
    """Whether an open answer stops the candidate too; a clear miss always does."""
    title: str = ""
    """What is asked, in the words of those who decide; written from the metric if not given."""

    @model_validator(mode="after")
    def _has_one_limit(self) -> "Criterion":
        given = [name for name in LIMITS if getattr(self, name) is not None]
        if len(given) != 1:
            said = f"{' and '.join(given)} are given" if given else "none is given"
            raise ValueError(f"a criterion has one limit, {said}; give one of {', '.join(LIMITS)}")
        if self.margin and given[0] in ("at_least", "at_most"):
            raise ValueError(f"a margin belongs to not_below or not_above; put it into {given[0]}")
        return self


class Accepted(Settings):
    """A risk that somebody takes: the criterion stays missed or open, and their name and reason stand beside it."""

    by: Said
    """Who takes it."""
    reason: Said
    """Why."""
    worst: float | None = None
    """The value beyond which it is accepted no more, as the criterion counts it; any value if not given."""
