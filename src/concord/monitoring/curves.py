"""A stage's numbers step by step, and no more of them than a screen has pixels."""

import math
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concord.monitoring.tail import News, Place, values

Floats = NDArray[np.float64]
MOST_NAMES = 200
"""Kinds of numbers that are kept of one stage; names that come later are told and left out."""
LONGEST_NAME = 80
MISSING = math.nan


@dataclass(frozen=True)
class Point:
    """One step's numbers; None for one that was not finite."""

    step: float
    numbers: Mapping[str, float | None]


@dataclass(frozen=True)
class Thinned:
    """One kind of number, a value for each of some stretches of steps; None where there was none."""

    middle: Sequence[float | None]
    low: Sequence[float | None]
    high: Sequence[float | None]


@dataclass
class Curves:
    """All that a stage wrote down so far."""

    place: Place = field(default_factory=Place)
    steps: "array[float]" = field(default_factory=lambda: array("d"))
    columns: "dict[str, array[float]]" = field(default_factory=dict)
    wild: dict[str, int] = field(default_factory=dict)
    """How often each number was not finite."""
    unreadable: int = 0
    """Lines that are no step's numbers, or stand in the wrong order."""
    left_out: set[str] = field(default_factory=set)
    """Names beyond those that are kept."""

    def take(self, news: News) -> list[Point]:
        """Add the lines that are new; the points that they held."""
        if news.afresh:
            self.clear()
        self.place = news.place
        found = []
        for value in values(news.lines):
            point = self.point(value)
            if point is not None:
                self.add(point)
                found.append(point)
        return found

    def clear(self) -> None:
        """Forget everything: it was of another file."""
        del self.steps[:]
        self.columns.clear()
        self.wild.clear()
        self.left_out.clear()
        self.unreadable = 0

    def point(self, value: dict[str, Any] | None) -> Point | None:
        """A line's numbers, if it is a line of numbers."""
        step = None if value is None else finite(value.get("step"))
        if value is None or step is None or (self.steps and step <= self.steps[-1]):
            self.unreadable += 1
            return None
        return Point(step, numbers(value))

    def add(self, point: Point) -> None:
        """Put one step at the end."""
        for name, value in point.numbers.items():
            if name not in self.columns:
                if len(self.columns) >= MOST_NAMES or len(name) > LONGEST_NAME:
                    self.left_out.add(name[:LONGEST_NAME])
                    continue
                self.columns[name] = array("d", [MISSING]) * len(self.steps)
            if value is None:
                self.wild[name] = self.wild.get(name, 0) + 1
        self.steps.append(point.step)
        for name, column in self.columns.items():
            told = point.numbers.get(name)
            column.append(MISSING if told is None else told)

    def thinned(self, width: int) -> tuple[list[float], dict[str, Thinned]]:
        """The last step of each of at most `width` stretches, and each number's mean, least and most there."""
        steps = np.array(self.steps, dtype=float)
        starts = stretches(steps, width)
        ends = np.append(starts[1:], len(steps)) - 1 if len(steps) else starts
        return steps[ends].tolist(), {name: thin(np.array(one), starts) for name, one in self.columns.items()}

    def latest(self) -> dict[str, float]:
        """The last value of each number."""
        found = {}
        for name, column in self.columns.items():
            told = next((value for value in reversed(column) if not math.isnan(value)), None)
            if told is not None:
                found[name] = told
        return found

    def remarks(self) -> list[str]:
        """What could not be read or is not kept."""
        found = [f"{name} was not finite at {count} steps." for name, count in sorted(self.wild.items())]
        if self.unreadable:
            found.append(f"{self.unreadable} lines of its numbers could not be read.")
        if self.left_out:
            found.append(f"Not shown, for there are too many numbers: {', '.join(sorted(self.left_out))}.")
        return found


def stretches(steps: Floats, width: int) -> NDArray[np.intp]:
    """Where each stretch of steps begins: `width` of them, equally wide on the axis, without the empty ones."""
    if len(steps) <= width:
        return np.arange(len(steps))
    share = (steps - steps[0]) / (steps[-1] - steps[0])
    numbers = np.minimum((share * width).astype(np.intp), width - 1)
    return np.flatnonzero(np.diff(numbers, prepend=-1))


def thin(column: Floats, starts: NDArray[np.intp]) -> Thinned:
    """A number's mean, least and most in each stretch."""
    if not len(starts):
        return Thinned([], [], [])
    there = ~np.isnan(column)
    counts = np.add.reduceat(there.astype(float), starts)
    sums = np.add.reduceat(np.where(there, column, 0.0), starts)
    middle = np.divide(sums, counts, out=np.full(len(starts), MISSING), where=counts > 0)
    low, high = np.fmin.reduceat(column, starts), np.fmax.reduceat(column, starts)
    return Thinned(told(middle), told(low), told(high))


def told(column: Floats) -> list[float | None]:
    """The same in JSON's terms, with the digits that a screen can show."""
    return [None if math.isnan(value) else float(f"{value:.6g}") for value in column.tolist()]


def numbers(line: Mapping[str, Any]) -> dict[str, float | None]:
    """The numbers of a line of metrics; what is not finite stands there as a word, and is None here."""
    found: dict[str, float | None] = {}
    for name, value in line.items():
        if name == "step":
            continue
        if value in ("NaN", "Infinity", "-Infinity"):
            found[name] = None
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found[name] = finite(value)
    return found


def finite(value: object) -> float | None:
    """A number as a float, if it is one and finite."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None
