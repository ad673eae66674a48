"""The runs of a folder, to be looked at: no link is followed, nothing outside is opened, anything may be missing."""

import contextlib
import json
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

RUN = "run.json"
PARTIAL = ".partial"
MOST_RUNS = 1000
LONGEST = 16 * 2**20
"""Bytes of a file that is read at once; one that is longer counts as unreadable."""
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
"""A link is refused by the kernel, whatever it points to and whenever it was put there; a pipe makes nobody wait."""


@dataclass(frozen=True)
class Shelf:
    """A folder below a root that the operator named; every name on the way down is opened by itself."""

    root: Path
    parts: tuple[str, ...] = ()

    def __truediv__(self, name: str) -> "Shelf":
        """What lies below, by one name or by several with slashes between them."""
        return Shelf(self.root, (*self.parts, *name.split("/")))

    @property
    def name(self) -> str:
        """The last of the names."""
        return self.parts[-1] if self.parts else self.root.name

    @contextlib.contextmanager
    def folder(self) -> Iterator[int | None]:
        """The folder as the kernel knows it; None if there is none."""
        descriptor = self._descend(self.parts)
        try:
            yield descriptor
        finally:
            if descriptor is not None:
                os.close(descriptor)

    def _descend(self, parts: tuple[str, ...]) -> int | None:
        try:  # the root may be a link: whoever started the server named it
            descriptor = os.open(self.root, FOLDER & ~os.O_NOFOLLOW)
        except OSError:
            return None
        for part in parts:
            inner = step(descriptor, part, FOLDER)
            os.close(descriptor)
            if inner is None:
                return None
            descriptor = inner
        return descriptor

    def open(self, name: str) -> BinaryIO | None:
        """A plain file in this folder, to be read; None if there is none."""
        *way, last = name.split("/")
        folder = self._descend((*self.parts, *way))
        if folder is None:
            return None
        descriptor = step(folder, last, FILE)
        os.close(folder)
        if descriptor is None:
            return None
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            return None
        return os.fdopen(descriptor, "rb")

    def read(self, name: str, most: int = LONGEST) -> bytes | None:
        """A file's bytes; None if there is none or it is too long."""
        try:
            with self.open(name) or contextlib.nullcontext() as file:
                if file is None or os.fstat(file.fileno()).st_size > most:
                    return None
                return file.read(most)
        except OSError:
            return None

    def json(self, name: str) -> dict[str, Any]:
        """A JSON file's object; an empty one if it is missing, half written or something else."""
        try:
            value = json.loads(self.read(name) or b"")
        except (ValueError, RecursionError):
            return {}
        return value if isinstance(value, dict) else {}

    def entries(self) -> list[str]:
        """The names of the folders in this one, in order; links are left out."""
        return self._names(lambda one: one.is_dir(follow_symlinks=False))

    def files(self, ending: str) -> list[str]:
        """The names of the plain files in this folder that end so, in order; links are left out."""
        return self._names(lambda one: one.is_file(follow_symlinks=False) and one.name.endswith(ending))

    def _names(self, wanted: Callable[[os.DirEntry[str]], bool]) -> list[str]:
        with self.folder() as descriptor:
            if descriptor is None:
                return []
            try:
                with os.scandir(descriptor) as found:
                    return sorted(one.name for one in found if wanted(one) and printable(one.name))
            except OSError:
                return []

    def changed(self, name: str) -> float | None:
        """When a file was last written, in seconds since 1970; None if there is none."""
        try:
            with self.open(name) or contextlib.nullcontext() as file:
                return None if file is None else os.fstat(file.fileno()).st_mtime
        except OSError:
            return None

    def holds(self, name: str) -> bool:
        """Whether there is such a file."""
        file = self.open(name)
        if file is None:
            return False
        file.close()
        return True


def step(folder: int, name: str, how: int) -> int | None:
    """Open one name in a folder; None if it is not there, is a link, or is no name at all."""
    if name in ("", ".", "..") or "/" in name or "\0" in name:
        return None
    try:
        return os.open(name, how, dir_fd=folder)
    except OSError:
        return None


def printable(name: str) -> bool:
    """Whether a name can be shown and asked for again; hidden ones are nobody's business."""
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return not name.startswith(".")


def runs(shelf: Shelf) -> list[str]:
    """The names of the runs in a folder, the one that was begun last first."""
    found = [(one, (shelf / one).changed(RUN)) for one in shelf.entries()]
    begun = [(changed, one) for one, changed in found if changed is not None]
    return [one for _, one in sorted(begun, reverse=True)[:MOST_RUNS]]
