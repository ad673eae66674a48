"""What a file is packed in: JSON Lines, a JSON array, CSV, Parquet, each perhaps compressed, or a folder."""

import difflib
import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

from concord.errors import RecordError
from concord.formats import arrow, sheets
from concord.formats.arrays import array
from concord.formats.caps import CAPS, UNPACKED_ANYWAY, Caps
from concord.formats.lines import BOM, Line, lines
from concord.records.files import storing

GZIP = b"\x1f\x8b"
PARQUET = b"PAR1"
ENDINGS = (".gz", ".jsonl", ".json", ".csv", ".tsv", ".parquet")


def rows(path: Path, caps: Caps = CAPS) -> Iterator[Line]:
    """Every row of a data file or folder, one at a time, whatever it is packed in."""
    for count, line in enumerate(opened_rows(path, caps), start=1):
        if count > caps.rows:
            raise RecordError(f"{path} has more than {caps.rows:,} rows. Cut it into several files.")
        yield line


def opened_rows(path: Path, caps: Caps) -> Iterator[Line]:
    """The rows of a file by what it begins with, or of a folder by what stands in it."""
    if path.is_dir():
        yield from arrow.folder(path, caps)
        return
    with opened(path) as file, storing(path):
        start = file.peek(4)
        if start.startswith(PARQUET):
            yield from arrow.parquet(path, caps)
            return
        stream: io.BufferedReader = file
        if start.startswith(GZIP):
            stream = io.BufferedReader(Unpacked(path, file, caps))
            start = stream.peek(4)
            if start.startswith((GZIP, PARQUET)):
                raise RecordError(
                    f"{path} holds another packed file inside. Unpack it once: gunzip --keep {path}"
                )
        if inner(path) in (".csv", ".tsv"):
            yield from sheets.sheet(path, cast(BinaryIO, stream), caps, tabs=inner(path) == ".tsv")
        elif stream.peek(64).removeprefix(BOM).lstrip().startswith(b"["):
            yield from array(path, cast(BinaryIO, stream), caps)
        else:
            yield from lines(path, cast(BinaryIO, stream), caps)


def inner(path: Path) -> str:
    """What a file's name says that it holds, in lower case, compressed or not."""
    name = path.name.lower().removesuffix(".gz")
    return Path(name).suffix


def stem(path: Path) -> str:
    """A file's name without what says how it is packed."""
    name, left = path.name, True
    while left:
        left = False
        for ending in ENDINGS:
            if name.lower().endswith(ending) and len(name) > len(ending):
                name, left = name[: -len(ending)], True
    return name if name != path.name else path.stem


def opened(path: Path) -> io.BufferedReader:
    """The file, or an error that says what stands in its way."""
    try:
        return path.open("rb")
    except FileNotFoundError:
        raise RecordError(f"{path} does not exist.{neighbour(path)} Check the path.") from None
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


class Unpacked(io.RawIOBase):
    """A gzip file's content, refused as soon as it grows beyond all measure."""

    def __init__(self, path: Path, file: io.BufferedReader, caps: Caps) -> None:
        self.path, self.file, self.caps = path, file, caps
        self.content = gzip.GzipFile(fileobj=file)
        self.count = 0

    def readable(self) -> bool:
        """It is only read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Unpack the next bytes into a buffer."""
        view = memoryview(buffer)
        try:
            found = self.content.read(len(view))
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise RecordError(
                f"{self.path} is damaged: its gzip data cannot be unpacked after {self.count:,} bytes "
                f"({error}). Fetch or copy it again."
            ) from None
        self.count += len(found)
        packed = max(1, self.file.tell())
        if self.count > self.caps.size:
            raise RecordError(
                f"{self.path} unpacks to more than {self.caps.size:,} bytes. Cut it into parts."
            )
        if self.count > UNPACKED_ANYWAY and self.count > self.caps.ratio * packed:
            raise RecordError(
                f"{self.path} unpacks to more than {self.caps.ratio} times its size, which no text does. "
                "It may be made to fill the memory; unpack it by hand if it is not."
            )
        view[: len(found)] = found
        return len(found)
