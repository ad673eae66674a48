"""Searches with a person's regular expressions, in a process of their own that is killed when its time is over.

This file is also the program of that process: it reads a JSON line for each search and writes one back. It
imports nothing of the package, so that it starts in a moment.
"""

import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

MEMORY = 512 * 2**20
"""Bytes that the process may take."""
START = 10.0
"""Seconds that it may take to start, which no search is charged with."""


class Searcher:
    """A process that searches; one that is killed is replaced by a new one when it is next asked."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self.killed = 0
        """Searches that took too long."""

    def search(self, pattern: str, text: str, whole: bool, seconds: float) -> bool | None:
        """Whether a pattern is found; None if that took longer than it may."""
        process = self._process or self._start()
        line = json.dumps([pattern, text, whole]).encode() + b"\n"
        found = self._answer(process, line, time.monotonic() + seconds)
        if found is None:
            self.killed += 1
            self.close()
        return found

    def _start(self) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-I", "-S", str(Path(__file__).resolve())]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True, bufsize=0
        )
        self._answer(self._process, json.dumps(["", "", False]).encode() + b"\n", time.monotonic() + START)
        return self._process

    def _answer(self, process: "subprocess.Popen[bytes]", line: bytes, end: float) -> bool | None:
        assert process.stdin is not None and process.stdout is not None, "both ends are pipes"
        answer = b""
        os.set_blocking(process.stdin.fileno(), False)
        try:
            while not answer.endswith(b"\n"):
                left = end - time.monotonic()
                writing = [process.stdin] if line else []
                ready = select.select([process.stdout], writing, [], max(0.0, left))
                if not any(ready) or left <= 0:
                    return None
                if ready[1]:
                    line = line[os.write(process.stdin.fileno(), line[: 1 << 16]) :]
                if ready[0]:
                    some = os.read(process.stdout.fileno(), 64)
                    if not some:
                        return None  # it ended, most likely for want of memory
                    answer += some
        except BrokenPipeError:
            return None
        return answer == b"true\n"

    def close(self) -> None:
        """End the process and whatever it started."""
        process, self._process = self._process, None
        if process is not None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()

    def __del__(self) -> None:
        self.close()


def _serve() -> None:
    """Answer searches until nobody asks any more."""
    import resource

    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    for line in sys.stdin:
        pattern, text, whole = json.loads(line)
        found = (re.fullmatch if whole else re.search)(pattern, text)
        print("true" if found else "false", flush=True)


if __name__ == "__main__":
    _serve()
