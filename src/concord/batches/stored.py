"""Rendered rows in plain files, named by content and read where they lie: a million take no more memory than a few.

A store is a sealed folder of one-dimensional numpy arrays. A list is one or more rows that stand one after
the other; rows after its first leave out the tokens with which that one begins too, which is their prompt.
"""

import os
import shutil
import uuid
import weakref
from array import array
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from itertools import groupby
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from concord.batches.template import Rendered
from concord.errors import StoreError
from concord.records import manifest
from concord.records.files import storing, sync

HEADER = 128
"""Bytes before the numbers: what numpy writes too, padded so that the count can be filled in at the end."""
KINDS = {
    "tokens": "<i4",
    "rows": "<i8",
    "lengths": "<i4",
    "marks": "<i4",
    "ends": "<i8",
    "lists": "<i8",
    "tiers": "<i2",
    "weights": "<i8",
    "told": "<i8",
    "chances": "<i4",
}
"""The arrays and what their numbers are.

tokens: ids of all rows, without what a row shares with its list's first. rows: where each row's tokens begin,
and the end. lengths: tokens of each row, shared ones included. marks: lengths of the stretches of a row, not
scored and scored in turn. ends: where each row's marks begin, and the end. lists: the first row of each list,
and the end. tiers: of each row, 0 best. weights: of each list, in parts of SHARE. told: where each list's
soft labels begin, and the end. chances: of each soft label two rows of its list and a chance in parts of SHARE.
"""
SHARE = 10**6
"""Weights and chances are kept to six digits."""
Chances = tuple[tuple[int, int, float], ...]
FLUSH = 1 << 16
"""Numbers that are gathered before they are written."""


class Column:
    """One array on its way to the disk."""

    def __init__(self, path: Path, kind: str) -> None:
        self.kind, self.count = np.dtype(kind), 0
        self.file: BinaryIO = path.open("wb")
        self.file.write(bytes(HEADER))
        self.waiting = array("q")

    def add(self, numbers: Iterable[int]) -> None:
        """Put numbers at the end."""
        self.waiting.extend(numbers)
        if len(self.waiting) >= FLUSH:
            self.flush()

    def flush(self) -> None:
        """Write down what waits."""
        self.file.write(np.array(self.waiting).astype(self.kind).tobytes())
        self.count += len(self.waiting)
        self.waiting = array("q")

    def end(self) -> None:
        """Write the rest, and the header that says how many there are."""
        self.flush()
        about = f"{{'descr': '{self.kind.str}', 'fortran_order': False, 'shape': ({self.count},), }}"
        header = b"\x93NUMPY\x01\x00" + (HEADER - 10).to_bytes(2, "little")
        self.file.seek(0)
        self.file.write(header + about.ljust(HEADER - 11).encode("ascii") + b"\n")


class Draft:
    """A store in the making."""

    def __init__(self, folder: Path, small: bool) -> None:
        self.folder = folder
        kinds = KINDS | ({"tokens": "<u2"} if small else {})
        self.columns = {name: Column(folder / f"{name}.npy", kind) for name, kind in kinds.items()}
        self.rows = self.tokens = self.marks = self.told = 0

    def add(
        self, rows: Sequence[Rendered], tiers: Sequence[int], weight: float = 1.0, chances: Chances = ()
    ) -> None:
        """Put one list at the end."""
        column, first = self.columns, rows[0]
        column["weights"].add((max(1, round(weight * SHARE)),))
        column["told"].add((self.told,))
        for one, other, chance in chances:
            column["chances"].add((one, other, round(chance * SHARE)))
        self.told += len(chances)
        column["lists"].add((self.rows,))
        for number, row in enumerate(rows):
            runs = [len(list(run)) for _, run in groupby(row.scored)]
            marks = [0, *runs] if row.scored and row.scored[0] else runs
            alike = number and row.tokens[: marks[0]] == first.tokens[: marks[0]]
            shared = marks[0] if alike else 0
            column["rows"].add((self.tokens,))
            column["ends"].add((self.marks,))
            column["tokens"].add(row.tokens[shared:])
            column["marks"].add(marks)
            column["lengths"].add((len(row),))
            self.tokens += len(row) - shared
            self.marks += len(marks)
        self.rows += len(rows)
        column["tiers"].add(tiers)

    def __enter__(self) -> "Draft":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        try:
            if kind is None:
                self.end()
        finally:
            for column in self.columns.values():
                column.file.close()

    def end(self) -> None:
        """Write down where all of it ends."""
        for name, end in (
            ("rows", self.tokens),
            ("ends", self.marks),
            ("lists", self.rows),
            ("told", self.told),
        ):
            self.columns[name].add((end,))
        for column in self.columns.values():
            column.end()


class Store:
    """A finished store: any list of it is made in a moment, and what was not asked for stays on disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.facts: dict[str, Any] = manifest.facts(folder)["fit"]
        (
            self.rows,
            self.lengths,
            self.ends,
            self.lists,
            self.tiers,
            self.weights,
            self._told,
            self._chances,
        ) = (
            opened(folder / f"{name}.npy")
            for name in ("rows", "lengths", "ends", "lists", "tiers", "weights", "told", "chances")
        )
        # Not mapped: pages that a map has touched count as this process's own, and in the end all would.
        self.tokens, self.marks = Shelf(folder / "tokens.npy"), Shelf(folder / "marks.npy")

    def __len__(self) -> int:
        return len(self.lists) - 1

    def told(self, place: int) -> tuple[float, Chances]:
        """The weight of one list, and its soft labels."""
        first, last = int(self._told[place]), int(self._told[place + 1])
        found = self._chances[3 * first : 3 * last].reshape(-1, 3).tolist()
        return int(self.weights[place]) / SHARE, tuple(
            (one, other, chance / SHARE) for one, other, chance in found
        )

    def rendered(self, place: int) -> list[Rendered]:
        """The rows of one list."""
        first, last = int(self.lists[place]), int(self.lists[place + 1])
        starts, ends = self.rows[first : last + 1].tolist(), self.ends[first : last + 1].tolist()
        tokens, marks = self.tokens.read(starts[0], starts[-1]), self.marks.read(ends[0], ends[-1])
        found: list[Rendered] = []
        for number, length in enumerate(self.lengths[first:last].tolist()):
            own = tokens[starts[number] - starts[0] : starts[number + 1] - starts[0]]
            if missing := length - len(own):
                own = found[0].tokens[:missing] + own
            runs = marks[ends[number] - ends[0] : ends[number + 1] - ends[0]]
            scored: list[bool] = []
            for turn, run in enumerate(runs):
                scored += [turn % 2 == 1] * run
            found.append(Rendered(own, scored))
        return found


class Shelf:
    """A long array of which a few numbers at a time are read."""

    def __init__(self, path: Path) -> None:
        whole = opened(path)
        self.path, self.kind = path, whole.dtype
        self.descriptor = os.open(path, os.O_RDONLY)
        weakref.finalize(self, os.close, self.descriptor)

    def read(self, start: int, stop: int) -> list[int]:
        """The numbers from one place up to another."""
        size = self.kind.itemsize
        with storing(self.path):
            raw = os.pread(self.descriptor, (stop - start) * size, HEADER + start * size)
        if len(raw) != (stop - start) * size:
            raise StoreError(f"{self.path} was cut off while it was in use. Give the same command again.")
        found: list[int] = np.frombuffer(raw, dtype=self.kind).tolist()
        return found


def opened(path: Path) -> Any:
    """An array as it lies on the disk."""
    with storing(path):
        return np.load(path, mmap_mode="r", allow_pickle=False)


def existing(folder: Path) -> Store | None:
    """The store in a folder, if it is whole: size and sha256 of every file are as they were written."""
    return Store(folder) if folder.is_dir() and manifest.flaw(folder) is None else None


def made(folder: Path, small: bool, fill: Callable[[Draft], dict[str, Any]]) -> Store:
    """Make a store under another name and put it in its place whole; if that fails, nothing is left of it.

    `fill` adds the lists and returns what is to be remembered about them.
    """
    draft = folder.with_name(f".tmp-{uuid.uuid4().hex}")
    try:
        with storing(folder):
            draft.mkdir(parents=True)
            with Draft(draft, small) as store:
                fit = fill(store)
            manifest.seal(draft, {"fit": fit})
            put(draft, folder)
    finally:
        for rest in folder.parent.glob(f"{draft.name}*"):
            shutil.rmtree(rest, ignore_errors=True)
    return Store(folder)


def put(draft: Path, folder: Path) -> None:
    """Give a sealed store its name. Of two processes that made the same one, the first has done so."""
    if folder.is_dir() and manifest.flaw(folder) is not None:
        with suppress(FileNotFoundError):  # another process has taken the damaged one away
            folder.rename(draft.with_name(f"{draft.name}-damaged"))
    try:
        draft.rename(folder)
    except OSError:
        if not folder.is_dir():
            raise
    sync(folder.parent)
