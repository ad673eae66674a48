"""Answers kept on disk by what was asked, so that a stage that was stopped asks nothing twice."""

import json
import threading
from pathlib import Path
from typing import Any

from concord.records.files import dumps
from concord.records.growing import Growing


class Memory:
    """A file that only grows: a line for each answer, on the disk before it is used."""

    def __init__(self, path: Path) -> None:
        self._known: dict[str, Any] = {}
        self._lock = threading.Lock()
        self._file = Growing(path)
        for line in self._file.lines():
            self._learn(line)

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
        with self._lock:
            self._file.add([dumps({"asked": asked, "answer": answer})])
            self._known[asked] = answer
