"""One process at a time: a lock that dies with the process that holds it."""

import contextlib
import fcntl
import json
import os
import platform
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from concord.errors import StoreError
from concord.records.files import storing

PAUSE = 0.05


@contextlib.contextmanager
def lock(
    path: Path, wait: float = 0.0, of: Path | None = None, instead: str = "folder with --run"
) -> Iterator[None]:
    """Hold a lock file; whoever else wants it is told at once, or after `wait` seconds, who has it.

    `of` is what the lock stands for, to be named in the message: the file's folder if not given; `instead` says
    what else may be named, and how.

    The lock is the kernel's, not the file's content: that only says who holds it, so what a killed
    process left in it blocks nobody. The file is never deleted, because a waiting process may have
    it open already and would then hold a lock that the next one cannot see.
    """
    with storing(path):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        _take(descriptor, path, time.monotonic() + wait, of or path.parent, instead)
        with storing(path):
            os.truncate(descriptor, 0)
            os.pwrite(descriptor, _signature(), 0)
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                os.truncate(descriptor, 0)
    finally:
        os.close(descriptor)


def _take(descriptor: int, path: Path, until: float, what: Path, instead: str) -> None:
    while True:
        try:
            with storing(path):
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except StoreError as error:
            if not isinstance(error.__cause__, BlockingIOError):
                raise
            if time.monotonic() >= until:
                raise StoreError(_taken(descriptor, what, instead)) from None
        time.sleep(PAUSE)


def _signature() -> bytes:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return json.dumps({"pid": os.getpid(), "host": platform.node(), "since": now}).encode()


def _taken(descriptor: int, what: Path, instead: str) -> str:
    try:
        holder = json.loads(os.pread(descriptor, 4096, 0))
        who = f"process {holder['pid']} on {holder['host']} since {holder['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        who = "another process, which has not yet said which"
    return f"{what} is in use by {who}. Wait for it to end or stop it, or name another {instead}."
