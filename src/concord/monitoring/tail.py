"""The whole lines of a file that others write on, since the last look; a place in it that outlives the reader."""

import json
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

HEAD = 256
"""Bytes at the beginning that tell a file from another that was put in its place."""
MOST_AT_ONCE = 32 * 2**20
"""Bytes that one look takes; the next look takes the rest."""
LONGEST_LINE = 4 * 2**20
"""A longer line is passed over and counted as unreadable."""


@dataclass(frozen=True)
class Place:
    """How far a file was read: which file it was, and the bytes up to the end of a line."""

    inode: int = 0
    head: int = 0
    offset: int = 0

    def __str__(self) -> str:
        return f"{self.inode:x}.{self.head:x}.{self.offset:x}"

    @classmethod
    def read(cls, text: str) -> "Place":
        """A place as it was written down; the beginning if it was not."""
        parts = text.split(".")
        try:
            inode, head, offset = (int(part, 16) for part in parts)
        except ValueError:
            return cls()
        return cls(inode, head, max(0, offset))


@dataclass(frozen=True)
class News:
    """What a look found."""

    lines: tuple[bytes, ...]
    """Whole lines, without their ends."""
    place: Place
    """Where the next look begins."""
    afresh: bool
    """Whether the file is another one than at the last look, so that what was read of it no longer counts."""


def look(file: BinaryIO, since: Place) -> News:
    """Read on in a file: from its beginning if it is not the file that was read, or has become shorter."""
    state = os.fstat(file.fileno())
    head = file.read(HEAD)
    end = head.find(b"\n")
    # A first line that is not yet whole is no mark of the file: it will be longer at the next look.
    whole_head = head[:end] if end >= 0 else head if len(head) == HEAD else b""
    mark = zlib.crc32(whole_head)
    same = (state.st_ino, mark) == (since.inode, since.head) and since.offset <= state.st_size
    start = since.offset if same else 0
    file.seek(start)
    data = file.read(MOST_AT_ONCE)
    whole, newline, rest = data.rpartition(b"\n")
    afresh = not same and since.offset > 0
    if not newline and len(rest) == MOST_AT_ONCE:  # a line without end: nobody waits for it
        return News((b"",), Place(state.st_ino, mark, start + len(rest)), afresh)
    lines = tuple(whole.split(b"\n")) if newline else ()
    at = Place(state.st_ino, mark, start + len(whole) + len(newline))
    return News(lines, at, afresh)


def follow(file: BinaryIO, since: Place) -> Iterator[News]:
    """All that there is to be read on, look after look."""
    while True:
        file.seek(0)
        news = look(file, since)
        if news.place == since and not news.afresh:
            return
        since = news.place
        yield news


def values(lines: tuple[bytes, ...]) -> Iterator[dict[str, Any] | None]:
    """The objects in lines of JSON; None for each line that is none."""
    for line in lines:
        try:
            value = json.loads(line) if len(line) <= LONGEST_LINE else None
        except (ValueError, RecursionError):
            value = None
        yield value if isinstance(value, dict) else None
