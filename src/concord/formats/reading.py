"""Read a data file: all of it is right, or every fault is named; nothing is dropped in silence."""

from dataclasses import dataclass, field
from itertools import chain, islice
from os import PathLike
from pathlib import Path
from typing import Any

from concord.errors import RecordError
from concord.formats.fields import Fault
from concord.formats.lines import Line, lines
from concord.formats.rows import Notes, Rows
from concord.formats.table import FORMATS, ROWS_SNIFFED, Kind, likeliest, native
from concord.records import Completion, Demonstration, Prompt, Ranking, Rating, StepLabels
from concord.records.files import write_rows

SHOWN = 20
"""Faults that a message shows; the rest are counted."""


def read_prompts(path: str | PathLike[str], skip_invalid: bool = False) -> Rows[Prompt]:
    """The prompts in a file."""
    return read(Path(path), "prompts", skip_invalid)


def read_completions(path: str | PathLike[str], skip_invalid: bool = False) -> Rows[Completion]:
    """The completions in a file."""
    return read(Path(path), "completions", skip_invalid)


def read_demonstrations(path: str | PathLike[str], skip_invalid: bool = False) -> Rows[Demonstration]:
    """The demonstrations in a file."""
    return read(Path(path), "demonstrations", skip_invalid)


def read_rankings(path: str | PathLike[str], skip_invalid: bool = False) -> Rows[Ranking]:
    """The rankings in a file, or its preference pairs as rankings of two."""
    return read(Path(path), "rankings", skip_invalid)


def read_ratings(path: str | PathLike[str], skip_invalid: bool = False) -> Rows[Rating]:
    """The ratings in a file."""
    return read(Path(path), "ratings", skip_invalid)


def read_steps(path: str | PathLike[str], skip_invalid: bool = False) -> Rows[StepLabels]:
    """The step labels in a file."""
    return read(Path(path), "steps", skip_invalid)


@dataclass(slots=True)
class Rejected:
    """The rows of a file that cannot be taken."""

    path: Path
    keep: bool
    """Whether the rows themselves are kept, to be written beside the file."""
    reasons: list[str] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)

    def add(self, line: Line, fault: Fault) -> None:
        """Note one row and what is wrong with it."""
        self.reasons.append(f"{self.path}:{line.number}: {fault}")
        if self.keep:
            text = line.raw.decode("utf-8", "backslashreplace").rstrip("\r\n")
            self.rows.append({"line": line.number, "field": fault.field, "reason": fault.reason, "row": text})

    @property
    def file(self) -> Path:
        """Where rejected rows go."""
        return self.path.with_name(f"{self.path.stem}.rejected.jsonl")

    def told(self, rows: int, hint: str) -> str:
        """Everything that is wrong with the file: the first 20 faults, and how many more."""
        count = len(self.reasons)
        text = [f"{self.path}: {count:,} of {rows:,} rows cannot be read, so nothing was taken."]
        text += [f"  {reason}" for reason in self.reasons[:SHOWN]]
        if count > SHOWN:
            text.append(f"  ... and {count - SHOWN:,} more.")
        if hint:
            text.append(hint)
        if self.keep:
            text.append("No row is left to go on with.")
        else:
            text.append(
                "Correct them. To leave them out, read the file in Python with skip_invalid=True: "
                f"they are then listed in {self.file.name}."
            )
        return "\n".join(text)


def read(path: Path, kind: Kind, skip_invalid: bool) -> Rows[Any]:
    """The records of one kind in a file, whatever format of that kind it has."""
    stream = lines(path)
    first = list(islice(stream, ROWS_SNIFFED))
    if not first:
        raise RecordError(f"{path} is empty: it has no rows. Give a file with one JSON object a line.")
    known = [line.row for line in first]
    name = likeliest(known, kind) or native(kind)
    notes, records, rejected = Notes(format=name), [], Rejected(path, keep=skip_invalid)
    for line in chain(first, stream):
        notes.line = line.number
        try:
            if line.fault:
                raise line.fault
            records.append(FORMATS[name].read(line.row, notes))
        except Fault as fault:
            rejected.add(line, fault)
    count, hint = len(records) + len(rejected.reasons), misplaced(known, kind)
    if rejected.reasons and not (skip_invalid and records):
        raise RecordError(rejected.told(count, hint))
    if hint:
        raise RecordError(f"{path}:{first[0].number}: {hint}")
    if rejected.rows:
        write_rows(rejected.file, rejected.rows)
    return Rows(tuple(records), tuple(rejected.reasons), notes.warnings(str(path)), name)


def misplaced(rows: list[dict[str, Any]], kind: Kind) -> str:
    """A hint if a file plainly holds another kind of records than the one asked for."""
    name = likeliest(rows)
    if name is None or likeliest(rows, kind) is not None or FORMATS[name].kind == kind:
        return ""
    return f"The rows look like {FORMATS[name].kind} ({name}), not like {kind}. Is it the right file?"
