"""Files that are either whole or not there: every write is atomic, and every failure is explained."""

import contextlib
import errno
import json
import os
import shutil
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from concord.errors import StoreError

ADVICE = {
    errno.ENOSPC: "The disk is full. Free some space and give the same command again",
    errno.EDQUOT: "Your disk quota is used up. Free some space and give the same command again",
    errno.EFBIG: "The file would exceed this process's size limit. Raise it and give the same command again",
    errno.EACCES: "You have no rights there. Choose another place, or change its permissions",
    errno.EPERM: "You have no rights there. Choose another place, or change its permissions",
    errno.EROFS: "That file system is read-only. Choose another folder",
    errno.ENOENT: "It does not exist. Check the path",
    errno.ENOTDIR: "A part of the path is a file. Choose another folder",
    errno.EISDIR: "It is a folder. Name a file",
    errno.EEXIST: "A file of that name stands there. Choose another folder",
}
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
RIGHTS = (errno.EACCES, errno.EPERM, errno.EROFS)
"""Refusals that have nothing to do with what is being done."""


def explain(error: OSError, path: Path) -> StoreError:
    """The same failure in words that say what to do."""
    number = error.errno or 0
    reason = os.strerror(number) if number else str(error)
    advice = ADVICE.get(number, "Check the disk and give the same command again")
    if number in FULL:
        return StoreError(
            f"{path}: {reason}.{free_space(path)} {advice}; what was finished before is intact."
        )
    return StoreError(f"{path}: {reason}. {advice}.")


def free_space(path: Path) -> str:
    """How much room is left where a path would lie, in words."""
    for folder in (path, *path.absolute().parents):
        if folder.is_dir():
            return f" {shutil.disk_usage(folder).free // 2**20} MiB are free."
    return ""


@contextlib.contextmanager
def storing(path: Path) -> Iterator[None]:
    """Whatever the file system refuses inside is raised as a StoreError about `path`."""
    try:
        yield
    except OSError as error:
        raise explain(error, path) from error


def sync(path: Path) -> None:
    """Wait until a file or a folder's list of names is on the disk itself."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def drafted(path: Path) -> Iterator[Path]:
    """A file under another name: it takes the place of `path` by one rename, if the block ends well."""
    draft = path.with_name(f".tmp-{uuid.uuid4().hex}")
    with storing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield draft
            sync(draft)
            draft.replace(path)
            sync(path.parent)
        finally:
            draft.unlink(missing_ok=True)


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Write a text file whole: under another name first, then by one rename."""
    with drafted(path) as draft, draft.open("w", encoding="utf-8", newline="\n") as file:
        for line in lines:
            file.write(line)
            file.write("\n")


def write_text(path: Path, text: str) -> None:
    """Write a text file whole."""
    write_lines(path, text.removesuffix("\n").split("\n"))


def dumps(value: Any) -> str:
    """One line of JSON: readable, and without NaN, which JSON does not have."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file whole, indented for people."""
    write_text(path, json.dumps(value, ensure_ascii=False, allow_nan=False, indent=1))


def write_rows(path: Path, rows: Iterable[Any]) -> None:
    """Write a JSONL file whole, one value a line."""
    write_lines(path, (dumps(row) for row in rows))


def read_json(path: Path) -> Any:
    """The value in a JSON file that Concord wrote."""
    with storing(path):
        text = path.read_text(encoding="utf-8")
    try:
        return json.loads(text)
    except ValueError as error:
        raise StoreError(f"{path} is damaged: {error}. Delete it and give the same command again.") from error


def read_rows(path: Path) -> Iterator[Any]:
    """The values of a JSONL file that Concord wrote; a damaged line is an error, never skipped."""
    with storing(path), path.open(encoding="utf-8", newline="\n") as file:
        for number, line in enumerate(file, start=1):
            try:
                yield json.loads(line)
            except ValueError as error:
                raise StoreError(
                    f"{path}:{number} is damaged: {error}. Redo the stage that wrote it with --again."
                ) from error
