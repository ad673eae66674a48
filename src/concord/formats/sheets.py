"""CSV: a table of texts, in which other values are marked, and which no spreadsheet can be made to obey.

A column named `tiers:json` holds JSON. A text that a spreadsheet would take for a formula is written with
an apostrophe before it, which reading takes away again.
"""

import csv
import io
import json
from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import Path
from typing import IO, Any, BinaryIO

from concord.errors import RecordError
from concord.formats.caps import MOST_FIELDS, Caps
from concord.formats.fields import Fault, shown, visible
from concord.formats.lines import Line, refuse_other_files, strict_value

MARK = ":json"
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20", "'")
"""What a spreadsheet takes for the beginning of a formula, wide forms too, and the apostrophe itself."""


def harmless(text: str) -> str:
    """A cell's text as no spreadsheet will compute it."""
    return f"'{text}" if text.startswith(FORMULA) else text


def as_written(cell: str) -> str:
    """The text that `harmless` made a cell of."""
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(FORMULA) else cell


def sheet(path: Path, file: BinaryIO, caps: Caps, tabs: bool = False) -> Iterator[Line]:
    """Every row of a CSV file under the names of its first row; an empty cell is a field that is absent."""
    start = file.peek(4) if isinstance(file, io.BufferedReader) else b""
    refuse_other_files(path, start)
    text = io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline="")
    try:
        first = text.readline(caps.row)
        names = header(path, first, tabs)
        csv.field_size_limit(caps.row)
        lines = bounded(path, text, caps.row)
        yield from body(names, csv.reader(lines, delimiter=separator(first, tabs), strict=True))
    finally:
        text.detach()


def bounded(path: Path, text: IO[str], most: int) -> Iterator[str]:
    """The lines of a file, none of which is read that is longer than a row may be."""
    for number in count(2):
        line = text.readline(most + 1)
        if len(line) > most:
            raise RecordError(
                f"{path}:{number}: the row has more than {most:,} characters, which no text has."
            )
        if not line:
            return
        yield line


def body(names: list[str], reader: Any) -> Iterator[Line]:
    """The rows below the names of the columns."""
    while True:
        number = reader.line_num + 2
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Line(number, b"", {}, Fault("", f"the line is not CSV: {error}"))
            continue
        if cells:
            yield line(number, names, cells)


def header(path: Path, first: str, tabs: bool) -> list[str]:
    """The names of the columns."""
    if not first.strip():
        raise RecordError(f"{path} is empty: it has no rows. Give a file whose first row names the columns.")
    try:
        names = [name.strip() for name in next(csv.reader([first], delimiter=separator(first, tabs)))]
    except csv.Error as error:
        raise RecordError(f"{path}:1: the names of the columns cannot be read ({error}).") from None
    plain = [name.removesuffix(MARK) for name in names]
    twice = next((name for name in plain if plain.count(name) > 1), None)
    if twice is not None:
        raise RecordError(f"{path}:1: two columns are called {shown(twice)}. Rename one of them.")
    if len(names) > MOST_FIELDS:
        raise RecordError(f"{path}:1: has {len(names):,} columns; no row has more than {MOST_FIELDS:,}.")
    return names


def separator(first: str, tabs: bool) -> str:
    """What stands between cells: a comma, but a semicolon where the first row has no comma."""
    if tabs:
        return "\t"
    return ";" if ";" in first and "," not in first else ","


def line(number: int, names: list[str], cells: list[str]) -> Line:
    """One row under the names of its columns."""
    raw = json.dumps(cells, ensure_ascii=True).encode()
    try:
        if len(cells) != len(names):
            raise Fault("", f"the row has {len(cells)} cells for {len(names)} columns")
        row = {
            name.removesuffix(MARK): value(name, cell)
            for name, cell in zip(names, cells, strict=True)
            if cell
        }
    except Fault as fault:
        return Line(number, raw, {}, fault)
    return Line(number, raw, row)


def value(name: str, cell: str) -> Any:
    """What a cell holds."""
    if not cell.isascii():
        wrong = next((sign for sign in cell if "\udc80" <= sign <= "\udcff"), None)
        if wrong is not None:
            raise Fault(visible(name[:60]), f"holds the byte 0x{ord(wrong) - 0xDC00:02x}, which is not UTF-8")
    text = as_written(cell)
    return strict_value(text, visible(name[:60])) if name.endswith(MARK) else text


def write_sheet(path: Path, rows: Iterable[dict[str, Any]], columns: dict[str, bool]) -> None:
    """Write rows under the given columns; each says whether all that it holds is text."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        quoting = csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_ALL)
        writer.writerow([name if plain else name + MARK for name, plain in columns.items()])
        for row in rows:
            cells = [
                harmless(row[name] if plain else json.dumps(row[name], ensure_ascii=False))
                if name in row
                else ""
                for name, plain in columns.items()
            ]
            # A lone carriage return would end the row for whoever reads it; the library quotes line feeds alone.
            (quoting if any("\r" in cell for cell in cells) else writer).writerow(cells)
