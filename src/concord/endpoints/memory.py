"""Answers kept on disk by what was asked, so that a stage that was stopped asks nothing twice."""

import json
import os
import threading
import weakref
from pathlib import Path
from typing import Any

from concord.records.files import dumps, storing


class Memory:
    """A file that only grows: a line for each answer, on the disk before it is used."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._known: dict[str, Any] = {}
        self._lock = threading.Lock()
        with storing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            raw = path.read_bytes() if path.exists() else b""
            whole = raw[: raw.rfind(b"\n") + 1]
            if len(whole) < len(raw):  # somebody was stopped in the middle of a line
                os.truncate(path, len(whole))
            for line in whole.splitlines():
                self._learn(line)
            self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        weakref.finalize(self, os.close, self._file)

    def _learn(self, line: bytes) -> None:
        try:
            entry = json.loads(line)
            self._known[entry["asked"]] = entry["answer"]
        except (ValueError, KeyError, TypeError):
            return  # a damaged line is not an answer; its question is asked again

    def recall(self, asked: str) -> Any:
        """The answer to a question, or None."""
        return self._known.get(asked)

    def keep(self, asked: str, answer: Any) -> None:
        """Write an answer down."""
        line = dumps({"asked": asked, "answer": answer}).encode("utf-8", "replace") + b"\n"
        with self._lock, storing(self.path):
            while line:
                line = line[os.write(self._file, line) :]
            os.fsync(self._file)
            self._known[asked] = answer
