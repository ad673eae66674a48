"""A run's numbers copied to another tool, each step once, while the run goes on or after it."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from concord.monitoring.shelf import Shelf
from concord.monitoring.sinks import CLOCK, Series, Sink, quietly
from concord.monitoring.standing import METRICS, Standing, facts, last_line, place, standing
from concord.monitoring.tail import Place, follow, values

WORDS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
"""How a line of metrics says what JSON has no number for."""


@dataclass
class Copied:
    """One stage's numbers on their way."""

    key: str
    sink: Sink
    place: Place = field(default_factory=Place)
    last: float = -1.0
    written: int = 0
    """Steps that were written by this mirror."""
    present: int = 0
    """Steps that were there before."""
    unreadable: int = 0


class Mirror:
    """Copies all stages of a run that write down numbers, each as a series of its own."""

    def __init__(self, run: Shelf, name: str, open_sink: Callable[[Series], Sink]) -> None:
        self.run, self.name, self.open_sink = run, name, open_sink
        self.copied: dict[str, Copied] = {}

    def look(self, now: float) -> Standing:
        """Copy what has come since the last look."""
        seen = standing(self.run, now)
        for stage in seen.learning:
            where = place(self.run, stage)
            if where is not None:
                self.copy(stage, where)
        return seen

    def copy(self, stage: str, where: Shelf) -> None:
        """Copy one stage; one that was begun anew with other settings is another series."""
        key, copied = key_of(where), self.copied.get(stage)
        if copied is None or copied.key != key:
            if copied is not None:
                self.end(copied)
            sink = self.open_sink(Series(self.name, stage, key, began(where)))
            copied = self.copied[stage] = Copied(key, sink, last=sink.last)
        fresh = copied.written
        file = where.open(METRICS)
        if file is None:
            return
        with file:
            for news in follow(file, copied.place):
                copied.place = news.place
                for value in values(news.lines):
                    write(copied, value)
        if copied.written != fresh:
            with quietly():
                copied.sink.flush()

    def close(self) -> None:
        """Let go of every series."""
        for copied in self.copied.values():
            self.end(copied)

    @staticmethod
    def end(copied: Copied) -> None:
        """Let go of one."""
        with quietly():
            copied.sink.close()


def write(copied: Copied, value: dict[str, Any] | None) -> None:
    """One line, if it is not there yet: a run that was killed writes the same steps again."""
    step = None if value is None else value.get("step")
    if value is None or not isinstance(step, int) or isinstance(step, bool):
        copied.unreadable += 1
    elif step <= copied.last:
        copied.present += 1
    else:
        copied.sink.write(step, floats(value))
        copied.last = step
        copied.written += 1


def floats(line: dict[str, Any]) -> dict[str, float]:
    """The numbers of a line of metrics, those that are not finite included."""
    found: dict[str, float] = {}
    for name, value in line.items():
        if isinstance(value, str) and value in WORDS:
            found[name] = WORDS[value]
        elif name != "step" and isinstance(value, int | float) and not isinstance(value, bool):
            found[name] = float(value)
    return found


def key_of(where: Shelf) -> str:
    """What a stage was made from, in one word."""
    told = where.read(".key")
    if told:
        return told.decode("utf-8", "replace").strip()
    return str(facts(where).get("key", ""))


def began(where: Shelf) -> float:
    """When the first step was begun, as far as the last line and its hour tell."""
    seconds = last_line(where).get(CLOCK)
    return (where.changed(METRICS) or 0.0) - (float(seconds) if isinstance(seconds, int | float) else 0.0)
