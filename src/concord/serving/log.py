"""What was asked, answered and thought of it: two files that only grow, for `concord drift` and for people."""

import json
import logging
import queue
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from concord.errors import StoreError
from concord.records.files import dumps
from concord.records.growing import Growing

REQUESTS, FEEDBACK = "requests.jsonl", "feedback.jsonl"
KNOWN = 1_000_000
"""Answers of which feedback is taken: the newest of the log."""


class Log:
    """Lines that come together are put on the disk together; none is acknowledged before."""

    def __init__(self, folder: Path, texts: bool = True) -> None:
        self.texts = texts
        self.failure: StoreError | None = None
        """Why nothing is written down any more."""
        self.files = {name: Growing(folder / name) for name in (REQUESTS, FEEDBACK)}
        self.known: dict[str, int] = {}
        for row in rows(self.files[REQUESTS]):
            self._learn(row)
        self._waiting: queue.SimpleQueue[tuple[str, str, Future[None]] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write, name="log", daemon=True)
        self._thread.start()

    def add(self, name: str, row: Mapping[str, Any]) -> "Future[None]":
        """Write a row down; the promise is kept once it is on the disk, or tells why it is not."""
        if name == REQUESTS:
            self._learn(row)
        promise: Future[None] = Future()
        promise.set_running_or_notify_cancel()  # whoever leaves gives up waiting; the row is written all the same
        self._waiting.put((name, dumps(row), promise))
        return promise

    def close(self) -> None:
        """Write what waits, and end."""
        self._waiting.put(None)
        self._thread.join()
        for file in self.files.values():
            file.close()

    def _learn(self, row: Mapping[str, Any]) -> None:
        if len(self.known) >= KNOWN:
            self.known.pop(next(iter(self.known)))
        self.known[str(row["id"])] = len(row["choices"])

    def _write(self) -> None:
        open_ = True
        while open_:
            found = [self._waiting.get()]
            while not self._waiting.empty():
                found.append(self._waiting.get())
            open_ = None not in found
            for name, file in self.files.items():
                lines = [one for one in found if one is not None and one[0] == name]
                if not lines:
                    continue
                failure = self._put(file, [line for _, line, _ in lines])
                for _, _, promise in lines:
                    if failure:
                        promise.set_exception(failure)
                    else:
                        promise.set_result(None)

    def _put(self, file: Growing, lines: Sequence[str]) -> StoreError | None:
        """Put lines on the disk; why they are not there, if they are not."""
        if self.failure is not None:
            return self.failure
        try:
            file.add(lines)
        except StoreError as error:  # the disk may have room again
            return error
        except Exception as error:  # whatever it is, all who wait must hear of it
            logging.getLogger("uvicorn.error").error("The log ended.", exc_info=error)
            self.failure = StoreError(f"{file.path} can be written no more: {error}. Start the server anew.")
        return self.failure


def rows(file: Growing) -> Iterator[dict[str, Any]]:
    """The rows of a log; a damaged one is an error."""
    for number, line in enumerate(file.lines(), start=1):
        try:
            yield json.loads(line)
        except ValueError as error:
            raise StoreError(
                f"{file.path}:{number} is damaged: {error}. Move the file away, and the log begins anew."
            ) from error
