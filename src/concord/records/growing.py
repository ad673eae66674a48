"""A file that only grows, whole line by whole line, each on the disk before anybody relies on it."""

import os
import weakref
from collections.abc import Iterable, Iterator
from pathlib import Path

from concord.records.files import storing

BLOCK = 2**16


class Growing:
    """Lines are added at the end; one that a killed process left half written is cut off at the next opening.

    One process at a time may add: what a second one is just writing would look half written to the first.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with storing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            os.ftruncate(self._file, whole(self._file))
        self.close = weakref.finalize(self, os.close, self._file)

    def lines(self) -> Iterator[bytes]:
        """What stands in it, without the ends of the lines."""
        with storing(self.path), self.path.open("rb") as file:
            for line in file:
                yield line.removesuffix(b"\n")

    def add(self, lines: Iterable[str]) -> None:
        """Write lines down, all or none of them, and wait until they are on the disk."""
        raw = b"".join(line.encode("utf-8", "replace") + b"\n" for line in lines)
        with storing(self.path):
            before = os.fstat(self._file).st_size
            try:
                while raw:
                    raw = raw[os.write(self._file, raw) :]
                os.fsync(self._file)
            except OSError:
                os.ftruncate(self._file, before)
                raise


def whole(file: int) -> int:
    """How many bytes of an open file are whole lines."""
    end = os.fstat(file).st_size
    while end > 0:
        start = max(0, end - BLOCK)
        place = os.pread(file, end - start, start).rfind(b"\n")
        if place >= 0:
            return start + place + 1
        end = start
    return 0
