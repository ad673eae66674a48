"""The elements of one long JSON array, each cut out and read on its own, so that no file lies in memory."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from concord.errors import RecordError
from concord.formats.caps import Caps
from concord.formats.fields import Fault
from concord.formats.lines import Line, parsed

SPECIAL = re.compile(rb'[\[\]{}",\\]')
CHUNK = 2**16


def array(path: Path, file: BinaryIO, caps: Caps) -> Iterator[Line]:
    """Every element of the array that a file holds, one at a time."""
    for number, (raw, whole) in enumerate(elements(path, file, caps.row), start=1):
        line = parsed(number, raw if len(raw) > caps.row else raw.strip(), caps.row)
        if not whole and line.fault is None:
            line = Line(number, raw, {}, Fault("", "the array breaks off after this element"))
        yield line


class Scan:
    """Where in the array a sign stands: inside a text, inside an element, or between two of them."""

    def __init__(self) -> None:
        self.depth, self.quoted, self.escaped = 0, False, -1

    def meet(self, sign: bytes, place: int) -> bytes:
        """The sign, if it opens the array, parts two elements or closes the array; nothing otherwise."""
        if place == self.escaped:
            return b""
        if self.quoted or sign == b'"':
            if sign == b"\\":
                self.escaped = place + 1
            self.quoted = not self.quoted if sign == b'"' else self.quoted
            return b""
        if sign in b"[{":
            self.depth += 1
            return sign if self.depth == 1 else b""
        if sign in b"]}":
            self.depth -= 1
            return sign if not self.depth else b""
        return sign if sign == b"," and self.depth == 1 else b""


def elements(path: Path, file: BinaryIO, longest: int) -> Iterator[tuple[bytes, bool]]:
    """The text of each element, and whether it was closed; what is too long is cut there, never kept."""
    scan, place, piece, any_yet = Scan(), 0, bytearray(), False
    while chunk := file.read(CHUNK):
        start = 0
        for found in SPECIAL.finditer(chunk):
            sign = scan.meet(found.group(), place + found.start())
            if not sign:
                continue
            if sign not in b"[{":
                keep(piece, chunk[start : found.start()], longest)
                if sign == b"," or any_yet or piece.strip():
                    yield bytes(piece), True
                if sign != b",":
                    refuse_more(path, chunk[found.end() :] + file.read(CHUNK))
                    return
                any_yet = True
                piece.clear()
            start = found.end()
        if scan.depth:
            keep(piece, chunk[start:], longest)
        place += len(chunk)
    yield bytes(piece), False


def keep(piece: bytearray, more: bytes, longest: int) -> None:
    """Lengthen an element, but never beyond what shows that it is too long."""
    piece += more[: max(0, longest + 1 - len(piece))]


def refuse_more(path: Path, rest: bytes) -> None:
    """An array is the whole of a file."""
    if rest.strip():
        raise RecordError(
            f"{path} goes on after the end of its JSON array. "
            "Put all rows into the array, or write one object a line without brackets."
        )
