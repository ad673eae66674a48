"""What a verb says: its result on stdout, as lines or as one JSON object, and progress on stderr."""

import contextlib
import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TextIO

PIPE_CLOSED = 141  # 128 + SIGPIPE, as the shell would say


class Voice:
    """Speaks to a person or to a machine, never to both at once."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json
        self._out = sys.stdout

    def say(self, line: str) -> None:
        """Tell how things are going."""
        self._write(line, sys.stderr)

    def tell(self, lines: Iterable[str], value: Mapping[str, Any]) -> None:
        """Give the result: the lines to a person, the value to a machine."""
        if self.as_json:
            self._write(json.dumps(value, ensure_ascii=False, allow_nan=False, default=str), self._out)
            return
        for line in lines:
            self._write(line, self._out)

    def complain(self, message: str, kind: str, code: int) -> int:
        """Say why a verb failed, and return its exit code."""
        if self.as_json:
            self.tell([], {"error": {"kind": kind, "message": message, "exit": code}})
        else:
            self.say(message)
        return code

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """For a machine, stdout holds one object only: whatever else prints does so on stderr."""
        with contextlib.redirect_stdout(sys.stderr) if self.as_json else contextlib.nullcontext():
            yield

    def _write(self, line: str, stream: TextIO) -> None:
        # A file name may hold bytes that no encoding knows; they are shown, not tripped over.
        known = getattr(stream, "encoding", None) or "utf-8"
        text = line.encode(known, "backslashreplace").decode(known)
        try:
            print(text, file=stream, flush=True)
        except BrokenPipeError:
            # The reader left (`concord show ... | head`): say no more, also not when Python exits.
            with contextlib.suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
            raise SystemExit(PIPE_CLOSED) from None
