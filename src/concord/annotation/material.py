"""What is brought in: tasks from files of completions or rankings."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from concord import formats
from concord.annotation import asked, offers, told
from concord.annotation.faults import Refusal
from concord.annotation.tables import Project
from concord.errors import RecordError
from concord.records.files import dumps

UPLOAD = "upload.jsonl"
MISPLACED = "Is it the right file?"
"""What readers say to rows that look like another kind of records."""
SHOWN = 20
"""Reasons that a reply names; the rest are counted."""
READERS: dict[formats.Kind, Callable[[Path], formats.Rows[Any]]] = {
    "completions": formats.read_completions,
    "rankings": formats.read_rankings,
}


def bring(session: Session, project: Project, asked: asked.NewTasks) -> told.Imported:
    """Add the tasks of a file; a row that cannot be read is named, and then nothing is added."""
    text = asked.text if asked.text is not None else "\n".join(written(asked.rows or []))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / UPLOAD
        path.write_text(text, encoding="utf-8")
        kind, rows = read(path, kinds_of(asked))
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


def written(rows: Sequence[Any]) -> Iterator[str]:
    """Rows as lines of a file; what no file can hold is refused."""
    for number, row in enumerate(rows, start=1):
        try:
            yield dumps(row).encode().decode()
        except ValueError as error:
            raise Refusal(422, "records", f"Row {number} cannot be written down: {error}.", "rows") from None


def shortened(lines: Sequence[str]) -> list[str]:
    """The first lines, and how many more there are."""
    more = len(lines) - SHOWN
    return [*lines[:SHOWN], *([f"... and {more} more"] if more > 0 else [])]


def kinds_of(asked: asked.NewTasks) -> list[formats.Kind]:
    """What kinds of records the rows may be; gold needs rankings, for its answers are known."""
    possible: list[formats.Kind] = ["rankings"] if asked.gold else list(READERS)
    if asked.format is None:
        return possible
    known = formats.FORMATS.get(asked.format)
    kinds = [kind for kind in possible if known and known.reader(kind)]
    if not kinds:
        names = [name for name, one in formats.FORMATS.items() if any(one.reader(kind) for kind in possible)]
        said = f"`{asked.format}` is no format of {' or '.join(possible)}. Give one of {', '.join(names)}."
        raise Refusal(422, "format", said, "format")
    return kinds


def read(path: Path, kinds: Sequence[formats.Kind]) -> tuple[formats.Kind, formats.Rows[Any]]:
    """The rows as the first kind that they are; if they are none, why not as the one that they look like."""
    reasons = []
    for kind in kinds:
        try:
            return kind, READERS[kind](path)
        except RecordError as error:
            reasons.append(str(error).replace(str(path), UPLOAD))
    reason = next((one for one in reasons if MISPLACED not in one), reasons[0])
    raise Refusal(422, "records", reason, "text")
