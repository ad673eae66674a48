"""Read a data file: all of it is right, or every fault is named; nothing is dropped in silence."""

from collections.abc import Iterator
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
    count: int = 0
    reasons: list[str] = field(default_factory=list)
    """Of a file that is refused the first 20: a million of them would only fill the memory."""
    rows: list[dict[str, Any]] = field(default_factory=list)

    def add(self, line: Line, fault: Fault) -> None:
        """Note one row and what is wrong with it."""
        self.count += 1
        if self.keep or self.count <= SHOWN:
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
        count = self.count
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
    passage = Passage(path, kind, skip_invalid, brief=False)
    records = tuple(passage)
    return Rows(records, tuple(passage.rejected.reasons), passage.warnings, passage.notes.format)


class Passage:
    """One passage through a file, record by record; what is wrong with it is raised at its end.

    Without `skip_invalid` nothing that was made of the records before may be kept if that happens.
    """

    def __init__(self, path: Path, kind: Kind, skip_invalid: bool = False, brief: bool = True) -> None:
        self.path, self.kind = path, kind
        self.notes = Notes(brief=brief)
        self.rejected = Rejected(path, keep=skip_invalid)

    def __iter__(self) -> Iterator[Any]:
        stream, kept = lines(self.path), 0
        first = list(islice(stream, ROWS_SNIFFED))
        if not first:
            raise RecordError(
                f"{self.path} is empty: it has no rows. Give a file with one JSON object a line."
            )
        known = [line.row for line in first]
        self.notes.format = likeliest(known, self.kind) or native(self.kind)
        turn = FORMATS[self.notes.format].read
        for line in chain(first, stream):
            self.notes.line = line.number
            try:
                if line.fault:
                    raise line.fault
                record = turn(line.row, self.notes)
            except Fault as fault:
                self.rejected.add(line, fault)
                continue
            kept += 1
            yield record
        self.judge(kept, first[0].number, misplaced(known, self.kind))

    def judge(self, kept: int, start: int, hint: str) -> None:
        """Refuse the file if rows of it cannot be read, or put those that were skipped beside it."""
        if self.rejected.count and not (self.rejected.keep and kept):
            raise RecordError(self.rejected.told(kept + self.rejected.count, hint))
        if hint:
            raise RecordError(f"{self.path}:{start}: {hint}")
        if self.rejected.rows:
            write_rows(self.rejected.file, self.rejected.rows)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Everything odd that was met, each kind once."""
        return self.notes.warnings(str(self.path))


def misplaced(rows: list[dict[str, Any]], kind: Kind) -> str:
    """A hint if a file plainly holds another kind of records than the one asked for."""
    name = likeliest(rows)
    if name is None or likeliest(rows, kind) is not None or FORMATS[name].kind == kind:
        return ""
    return f"The rows look like {FORMATS[name].kind} ({name}), not like {kind}. Is it the right file?"
