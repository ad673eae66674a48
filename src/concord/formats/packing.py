"""Packing a file as its name asks for: JSON Lines, compressed or not, a JSON array, CSV, Parquet."""

import gzip
import json
import tempfile
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import IO, Any, Literal

from concord.errors import RecordError
from concord.formats.arrow import write_parquet
from concord.formats.containers import inner
from concord.formats.sheets import write_sheet
from concord.records.files import drafted, write_lines

LEVEL = 6
Container = Literal["jsonl", "jsonl.gz", "json", "csv", "parquet"]
"""What a file is packed in when its name ends so."""


def pack(path: Path, lines: Iterable[str], blank: Collection[str] = ()) -> None:
    """Write rows, each given as a line of JSON; the file is there whole, or not at all.

    `blank` names what is text also where it is empty, for a person to fill in: in a table its cells stay plain.
    """
    ending = path.suffix.lower()
    if ending == ".gz" and inner(path) in (".csv", ".tsv", ".parquet"):
        raise RecordError(f"{path}: {inner(path)} is not written compressed. Leave out .gz.")
    if ending == ".tsv":
        raise RecordError(f"{path}: .tsv is read but not written. Name it .csv.")
    if ending in (".csv", ".parquet"):
        with tempfile.TemporaryFile("w+", encoding="utf-8", newline="\n") as held:
            held.writelines(f"{line}\n" for line in lines)
            columns = columns_of(held, blank)
            with drafted(path) as draft:
                if ending == ".csv":
                    write_sheet(draft, parsed(held), columns)
                else:
                    write_parquet(draft, parsed(held), parsed(held), path)
    elif ending == ".json":
        write_lines(path, bracketed(lines))
    elif ending == ".gz":
        # Without a name and a time in it, so that equal rows are equal bytes.
        with (
            drafted(path) as draft,
            draft.open("wb") as file,
            gzip.GzipFile("", "wb", LEVEL, file, mtime=0) as packed,
        ):
            for line in lines:
                packed.write(line.encode("utf-8") + b"\n")
    else:
        write_lines(path, lines)


def bracketed(lines: Iterable[str]) -> Iterator[str]:
    """The lines of a JSON array."""
    last = None
    yield "["
    for line in lines:
        if last is not None:
            yield f" {last},"
        last = line
    if last is not None:
        yield f" {last}"
    yield "]"


def parsed(held: IO[str]) -> Iterator[dict[str, Any]]:
    """The rows of such a file, from the first on."""
    held.seek(0)
    while line := held.readline():
        yield json.loads(line)


def columns_of(held: IO[str], blank: Collection[str]) -> dict[str, bool]:
    """Every key of rows, and whether all that stands under it is a text, which is not empty unless it may be."""
    columns: dict[str, bool] = {}
    for row in parsed(held):
        for key, value in row.items():
            text = isinstance(value, str) and (value != "" or key in blank)
            columns[key] = columns.get(key, True) and text
    return columns
