"""Read a data file: all of it is right, or every fault is named; nothing is dropped in silence."""

import contextlib
import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain, islice
from os import PathLike
from pathlib import Path
from typing import IO, Any

from concord.errors import RecordError
from concord.formats.caps import CAPS, Caps
from concord.formats.containers import rows, stem
from concord.formats.fields import Fault
from concord.formats.lines import Line
from concord.formats.rows import Notes, Rows, counted
from concord.formats.shape import Kind
from concord.formats.sniffing import ROWS_SNIFFED, Guess, likeliest, native, sniff
from concord.formats.table import FORMATS
from concord.records import Completion, Demonstration, Judgement, Prompt, Ranking, Rating, StepLabels
from concord.records.files import dumps, write_lines

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


def read_judgements(path: str | PathLike[str], skip_invalid: bool = False) -> Rows[Judgement]:
    """The judgements in a file."""
    return read(Path(path), "judgements", skip_invalid)


def recognise(path: str | PathLike[str], caps: Caps = CAPS) -> Guess:
    """The format that the first rows of a file have, and how sure that is."""
    return sniff([line.row for line in islice(rows(Path(path), caps), ROWS_SNIFFED)])


@dataclass(slots=True)
class Rejected:
    """The rows of a file that cannot be taken."""

    path: Path
    keep: bool
    """Whether the rows themselves are kept, to be written down."""
    folder: Path | None = None
    """Where they are written; beside the file if nothing is said."""
    brief: bool = False
    """Whether only the first 20 reasons are kept, for a file whose records are not kept either."""
    count: int = 0
    reasons: list[str] = field(default_factory=list)
    """Of a file that is refused the first 20: a million of them would only fill the memory."""
    held: IO[str] | None = None
    """The rows with their reasons, until it is known whether they are written down."""

    def add(self, line: Line, fault: Fault) -> None:
        """Note one row and what is wrong with it."""
        self.count += 1
        if (self.keep and not self.brief) or self.count <= SHOWN:
            self.reasons.append(f"{self.path}:{line.number}: {fault}")
        if self.held:
            raw = line.raw or json.dumps(line.row, ensure_ascii=False, default=str).encode(
                "utf-8", "surrogatepass"
            )
            text = raw.decode("utf-8", "backslashreplace").rstrip("\r\n")
            entry = {"line": line.number, "field": fault.field, "reason": fault.reason, "row": text}
            self.held.write(f"{dumps(entry)}\n")

    def write(self) -> None:
        """Put the rows where people find them; where none was rejected, those of an earlier time are gone."""
        if self.held and self.count:
            self.held.seek(0)
            write_lines(self.file, (line.removesuffix("\n") for line in self.held))
        elif self.held:
            self.file.unlink(missing_ok=True)

    @property
    def file(self) -> Path:
        """Where rejected rows go."""
        return (self.folder or self.path.parent) / f"{stem(self.path)}.rejected.jsonl"

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
                "Correct them. To leave them out, give `concord import` with --skip-invalid, or "
                f"skip_invalid=True in Python: they are then listed in {self.file.name}."
            )
        return "\n".join(text)


def read(path: Path, kind: Kind, skip_invalid: bool) -> Rows[Any]:
    """The records of one kind in a file, whatever format of that kind it has."""
    passage = Passage(path, kind, skip_invalid, brief=False)
    records = tuple(passage)
    reasons = tuple(passage.rejected.reasons)
    return Rows(records, reasons, passage.warnings, passage.notes.format, passage.kept)


class Passage:
    """One passage through a file, record by record; what is wrong with it is raised at its end.

    Without `skip_invalid` nothing that was made of the records before may be kept if that happens.
    """

    def __init__(
        self,
        path: Path,
        kind: Kind,
        skip_invalid: bool = False,
        brief: bool = True,
        format: str | None = None,
        caps: Caps = CAPS,
        aside: Path | None = None,
    ) -> None:
        """Of a `format`, if it is known beforehand; `aside` is the folder for rows that are skipped."""
        self.path, self.kind, self.caps = path, kind, caps
        self.notes = Notes(format=format or "", brief=brief)
        self.rejected = Rejected(path, keep=skip_invalid, folder=aside, brief=brief)
        self.kept = self.records = 0
        """Rows that were taken, and the records that came of them."""

    def __iter__(self) -> Iterator[Any]:
        with contextlib.ExitStack() as held:
            if self.rejected.keep:
                self.rejected.held = held.enter_context(
                    tempfile.TemporaryFile("w+", encoding="utf-8", newline="\n")
                )
            yield from self.through()

    def through(self) -> Iterator[Any]:
        """Every record of every row that can be read."""
        stream = rows(self.path, self.caps)
        first = list(islice(stream, ROWS_SNIFFED))
        if not first:
            raise RecordError(
                f"{self.path} is empty: it has no rows. Give a file with one JSON object a line."
            )
        known = [line.row for line in first]
        hint = "" if self.notes.format else misplaced(known, self.kind)
        self.notes.format = self.notes.format or likeliest(known, self.kind) or native(self.kind)
        turn = FORMATS[self.notes.format].reader(self.kind)
        if turn is None:
            raise RecordError(f"{self.path}: rows of {self.notes.format} are not read as {self.kind}.")
        self.kept = self.records = 0
        for line in chain(first, stream):
            self.notes.line = line.number
            try:
                if line.fault:
                    raise line.fault
                found = turn(line.row, self.notes)
            except Fault as fault:
                self.rejected.add(line, fault)
                continue
            self.kept += 1
            for record in found if isinstance(found, list) else (found,):
                self.records += 1
                yield record
        self.judge(first[0].number, hint)

    def judge(self, start: int, hint: str) -> None:
        """Refuse the file if rows of it cannot be read, or put those that were skipped beside it."""
        if self.rejected.count and not (self.rejected.keep and self.kept):
            raise RecordError(self.rejected.told(self.kept + self.rejected.count, hint))
        if hint:
            raise RecordError(f"{self.path}:{start}: {hint}")
        self.rejected.write()

    @property
    def skipped(self) -> int:
        """Rows that were left out."""
        return self.rejected.count

    @property
    def listed(self) -> Path | None:
        """Where the rows that were left out are listed with their reasons, if there are any."""
        return self.rejected.file if self.skipped else None

    @property
    def summary(self) -> str:
        """The count that must come out even: rows in = kept + skipped."""
        return counted(self.records, self.kept, self.skipped, self.notes.format)

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
