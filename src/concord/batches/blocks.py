"""Long columns of numbers kept in blocks, each in a file that ends with the sha256 of what comes before."""

import hashlib
import io
import os
import uuid
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from concord.records.files import storing, sync

SEAL = hashlib.sha256().digest_size


class Blocks:
    """Numbers that are costly to compute: whoever comes first has written them for all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self, start: int) -> Any:
        """The block that begins at a place, or None if there is none that is as it was written."""
        try:
            written = self.place(start).read_bytes()
        except OSError:
            return None
        body, seal = written[:-SEAL], written[-SEAL:]
        if hashlib.sha256(body).digest() != seal:
            return None
        return np.load(io.BytesIO(body), allow_pickle=False)

    def write(self, start: int, numbers: Sequence[float]) -> Any:
        """Put a block on the disk, whole or not at all; returns what stands there, for another may have been first."""
        body = io.BytesIO()
        np.save(body, np.array(numbers, dtype=np.float32), allow_pickle=False)
        draft = self.folder / f".tmp-{uuid.uuid4().hex}"
        with storing(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            try:
                with draft.open("wb") as file:
                    file.write(body.getvalue() + hashlib.sha256(body.getvalue()).digest())
                    file.flush()
                    os.fsync(file.fileno())
                if self.place(start).exists() and self.read(start) is None:
                    self.place(start).unlink(missing_ok=True)  # it is damaged
                with suppress(FileExistsError):  # another process has just written the same numbers
                    os.link(draft, self.place(start))
                sync(self.folder)
            finally:
                draft.unlink(missing_ok=True)
        return self.read(start)

    def place(self, start: int) -> Path:
        """The file of the block that begins at a place."""
        return self.folder / f"{start:09}.npy"
