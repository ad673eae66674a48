"""What is brought in and taken out: tasks from files of completions or rankings, and what people said as files."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from concord import formats
from concord.annotation import asked, offers, records, told
from concord.annotation.faults import Refusal
from concord.annotation.tables import Project
from concord.errors import RecordError
from concord.formats.lines import lines
from concord.records.files import dumps

UPLOAD = "upload.jsonl"
SHOWN = 20
"""Reasons that a reply names; the rest are counted."""
READERS: dict[str, Callable[[Path], formats.Rows[Any]]] = {
    "completions": formats.read_completions,
    "rankings": formats.read_rankings,
}
WRITERS: dict[str, Any] = {
    "rankings": (records.rankings, formats.write_rankings),
    "demonstrations": (records.demonstrations, formats.write_demonstrations),
    "ratings": (records.ratings, formats.write_ratings),
}


@dataclass(frozen=True)
class Content:
    """A file, and what it could not carry."""

    text: str
    told: dict[str, str]


def bring(session: Session, project: Project, asked: asked.NewTasks) -> told.Imported:
    """Add the tasks of a file; a row that cannot be read is named, and then nothing is added."""
    text = asked.text if asked.text is not None else "\n".join(dumps(row) for row in asked.rows or [])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / UPLOAD
        path.write_text(text, encoding="utf-8")
        kind = kind_of(path, asked)
        try:
            rows = READERS[kind](path)
        except RecordError as error:
            raise Refusal(422, "records", str(error).replace(str(path), UPLOAD), "text") from None
    warnings = [line.replace(str(path), UPLOAD) for line in rows.warnings]
    found = (
        offers.of_completions(rows.records)
        if kind == "completions"
        else offers.of_rankings(rows.records, asked.gold)
    )
    added = offers.add(session, project, found, "gold" if asked.gold else "work")
    again = [f"{len(added.known)} tasks that the project has already"] if added.known else []
    return told.Imported(
        rows=len(rows.records),
        tasks=len(added.new),
        left_out=shortened([*added.left_out, *again]),
        warnings=shortened(warnings),
    )


def shortened(lines: Sequence[str]) -> list[str]:
    """The first lines, and how many more there are."""
    more = len(lines) - SHOWN
    return [*lines[:SHOWN], *([f"... and {more} more"] if more > 0 else [])]


def kind_of(path: Path, asked: asked.NewTasks) -> str:
    """What kind of records the rows are; gold needs rankings, for its answers are known."""
    try:
        name = asked.format or formats.sniff(line.row for line in lines(path))
    except RecordError as error:
        raise Refusal(422, "records", str(error).replace(str(path), UPLOAD), "format") from None
    known = formats.FORMATS.get(name)
    if known is None or known.kind not in READERS or (asked.gold and known.kind != "rankings"):
        wanted = "rankings" if asked.gold else "completions or rankings"
        names = [name for name, one in formats.FORMATS.items() if one.kind in wanted]
        raise Refusal(
            422, "format", f"`{name}` is no format of {wanted}. Give {' or '.join(names)}.", "format"
        )
    return known.kind


def export(session: Session, project: Project, format: str) -> Content:
    """What people said, in a format of rankings, demonstrations or ratings."""
    known = formats.FORMATS.get(format)
    if known is None or known.kind not in WRITERS or known.write is None:
        names = [name for name, one in formats.FORMATS.items() if one.kind in WRITERS and one.write]
        raise Refusal(422, "format", f"`{format}` is not written here. Give {', '.join(names)}.", "format")
    rows, write = WRITERS[known.kind]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "export.jsonl"
        report = write(path, rows(session, project), format)
        text = path.read_text(encoding="utf-8") if report.rows else ""
    told = {"x-concord-records": str(report.records), "x-concord-rows": str(report.rows)}
    return Content(text, told | ({"x-concord-lost": "; ".join(report.losses)} if report.losses else {}))
