"""The lines of a JSONL file, each one JSON object: strict where Python's own reader is lenient."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from concord.errors import RecordError
from concord.formats.caps import MOST_FIELDS, Caps
from concord.formats.fields import Fault, shown, visible

BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a file: its object, or what is wrong with it."""

    number: int
    """Its line; in a JSON array, a Parquet file or a folder, which row it is, counted from 1."""
    raw: bytes
    """As it stood in the file; empty where rows are no text."""
    row: dict[str, Any]
    fault: Fault | None = None


def lines(path: Path, file: BinaryIO, caps: Caps) -> Iterator[Line]:
    """Every line of a file but the blank ones, cut at newlines alone, one at a time."""
    for number, raw in enumerate(cut(file, caps.row), start=1):
        if number == 1:
            raw = raw.removeprefix(BOM)  # noqa: PLW2901
            refuse_other_files(path, raw)
        if raw.strip():
            yield parsed(number, raw, caps.row)


def cut(file: BinaryIO, longest: int) -> Iterator[bytes]:
    """The file's lines; the rest of one that is far too long is passed over unread."""
    while raw := file.readline(longest + 1):
        yield raw
        while len(raw) > longest and not raw.endswith(b"\n"):
            raw = file.readline(longest + 1)


def refuse_other_files(path: Path, start: bytes) -> None:
    """Say so if a file is plainly something else than UTF-8 text."""
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise RecordError(f"{path}:1: byte 0 begins UTF-16 text, not UTF-8. Save the file again as UTF-8.")
    if start.startswith((b"PK\x03\x04", b"\x28\xb5\x2f\xfd", b"BZh", b"\xfd7zXZ\x00", b"7z\xbc\xaf")):
        raise RecordError(f"{path} is an archive that is not read. Unpack it, and name the file inside.")


def parsed(number: int, raw: bytes, longest: int) -> Line:
    """One line as an object, or with its fault."""
    try:
        return Line(number, raw, strict_object(raw, longest))
    except Fault as fault:
        return Line(number, raw[:1000] if len(raw) > longest else raw, {}, fault)


def strict_object(raw: bytes, longest: int) -> dict[str, Any]:
    """The one JSON object that a line holds, without any of the leniencies of Python's reader."""
    if len(raw) > longest:
        raise Fault("", f"the line has more than {longest:,} bytes; one row is never that long")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Fault("", f"byte {error.start} of the line (0x{raw[error.start]:02x}) is not UTF-8") from None
    value = strict_value(text)
    if not isinstance(value, dict):
        raise Fault("", f"the row is {shown(value)}; each line must hold one JSON object")
    return value


def strict_value(text: str, at: str = "") -> Any:
    """The one JSON value that a text holds."""
    try:
        return json.loads(text, object_pairs_hook=without_duplicates, parse_constant=refuse_constant)
    except json.JSONDecodeError as error:
        raise Fault(at, told(error, text)) from None
    except RecursionError:
        raise Fault(at, "the JSON is nested too deeply") from None
    except ValueError:  # Python refuses to read a number of more than 4,300 digits
        raise Fault(at, "a number in the JSON has thousands of digits") from None


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
