"""The lines of a JSONL file, each one JSON object: strict where Python's own reader is lenient."""

import difflib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from concord.errors import RecordError
from concord.formats.fields import Fault, shown, visible
from concord.records.files import storing

LONGEST_LINE = 64 * 2**20
"""Bytes; a longer line is a file that is not JSONL, and would only fill the memory."""
MOST_FIELDS = 1_000
"""Keys of one object; a row with more is a table laid on its side."""
BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Line:
    """One line that is not blank: its object, or what is wrong with it."""

    number: int
    raw: bytes
    row: dict[str, Any]
    fault: Fault | None = None


def opened(path: Path) -> BinaryIO:
    """The file, or an error that says what stands in its way."""
    try:
        return path.open("rb")
    except FileNotFoundError:
        raise RecordError(f"{path} does not exist.{neighbour(path)} Check the path.") from None
    except IsADirectoryError:
        raise RecordError(f"{path} is a folder. Name a JSONL file in it.") from None
    except OSError as error:
        raise RecordError(f"{path} cannot be opened: {error.strerror}. Check the path.") from error


def neighbour(path: Path) -> str:
    """The file beside a missing one whose name is most like it, in words."""
    try:
        beside = [entry.name for entry in path.parent.iterdir() if entry.is_file()]
    except OSError:
        return f" The folder {path.parent} does not exist either."
    found = difflib.get_close_matches(path.name, beside, n=1, cutoff=0.5)
    return f" Did you mean {path.with_name(found[0])}?" if found else ""


def lines(path: Path) -> Iterator[Line]:
    """Every line of a file but the blank ones, cut at newlines alone, one at a time."""
    with opened(path) as file, storing(path):
        for number, raw in enumerate(cut(file), start=1):
            if number == 1:
                raw = raw.removeprefix(BOM)  # noqa: PLW2901
                refuse_other_files(path, raw)
            if raw.strip():
                yield parsed(number, raw)


def cut(file: BinaryIO) -> Iterator[bytes]:
    """The file's lines; the rest of one that is far too long is passed over unread."""
    while raw := file.readline(LONGEST_LINE + 1):
        yield raw
        while len(raw) > LONGEST_LINE and not raw.endswith(b"\n"):
            raw = file.readline(LONGEST_LINE + 1)


def refuse_other_files(path: Path, start: bytes) -> None:
    """Say so if a file is plainly something else than UTF-8 text."""
    if start.startswith(b"\x1f\x8b"):
        raise RecordError(f"{path} is compressed with gzip. Unpack it first: gunzip --keep {path}")
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise RecordError(f"{path}:1: byte 0 begins UTF-16 text, not UTF-8. Save the file again as UTF-8.")
    if start.startswith(b"PAR1"):
        raise RecordError(f"{path} is a Parquet file, not JSONL. Write its rows as one JSON object a line.")


def parsed(number: int, raw: bytes) -> Line:
    """One line as an object, or with its fault."""
    try:
        return Line(number, raw, strict_object(raw))
    except Fault as fault:
        return Line(number, raw[:1000] if len(raw) > LONGEST_LINE else raw, {}, fault)


def strict_object(raw: bytes) -> dict[str, Any]:
    """The one JSON object that a line holds, without any of the leniencies of Python's reader."""
    if len(raw) > LONGEST_LINE:
        raise Fault("", f"the line has more than {LONGEST_LINE:,} bytes; one row is never that long")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Fault("", f"byte {error.start} of the line (0x{raw[error.start]:02x}) is not UTF-8") from None
    try:
        value = json.loads(text, object_pairs_hook=without_duplicates, parse_constant=refuse_constant)
    except json.JSONDecodeError as error:
        raise Fault("", told(error, text)) from None
    except RecursionError:
        raise Fault("", "the JSON is nested too deeply") from None
    except ValueError:  # Python refuses to read a number of more than 4,300 digits
        raise Fault("", "a number in the JSON has thousands of digits") from None
    if not isinstance(value, dict):
        raise Fault("", f"the row is {shown(value)}; each line must hold one JSON object")
    return value


def told(error: json.JSONDecodeError, text: str) -> str:
    """What is wrong with a line that is not JSON."""
    place = f"column {error.pos + 1}"
    if error.msg == "Extra data":
        return f"the line goes on after its first value, at {place}; put each object on a line of its own"
    if error.pos >= len(text.rstrip()):
        return f"the JSON breaks off at {place}; the line is not complete"
    near = visible(text[error.pos : error.pos + 20].rstrip())
    return f"the line is not JSON: {error.msg} at {place}, near {near}"


def without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object in which no key stands twice: of two values, nobody can say which is meant."""
    if len(pairs) > MOST_FIELDS:
        raise Fault("", f"an object has {len(pairs):,} fields; no row has more than {MOST_FIELDS:,}")
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise Fault(visible(key[:60]), "stands twice in one object; keep one of them")
            seen.add(key)
    return found


def refuse_constant(name: str) -> Any:
    """NaN and Infinity are no JSON."""
    raise Fault("", f"the row holds {name}, which is not a number of JSON")
