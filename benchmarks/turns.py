"""A side's end of the line to the one who measures: it works a turn when told to, and says what it took.

Nothing but the standard library is used here, for peers run it in environments of their own.
"""

import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any


class Turns:
    """Waits for orders, counts steps, and tells the time and memory of each turn."""

    def __init__(self, steps: int = 1) -> None:
        self.steps = steps
        """Steps that make a turn."""
        self.left = 0
        self.told: dict[str, float] = {}
        self.began = (0.0, 0.0)
        # what libraries print must not get between the lines of this conversation
        self.out = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(2, 1)

    def say(self, **facts: Any) -> None:
        """One line to the one who measures."""
        self.out.write(json.dumps({**facts, "peak_mb": peak_mb()}) + "\n")
        self.out.flush()

    def ready(self, **facts: Any) -> dict[str, Any]:
        """Say that all is prepared, and wait for the first order."""
        self.say(ready=True, **facts)
        return self.wait()

    def wait(self) -> dict[str, Any]:
        """Wait for an order; without one, or told to end, the process is over."""
        line = sys.stdin.readline()
        order: dict[str, Any] = json.loads(line) if line.strip() else {"end": True}
        if order.get("end"):
            self.say(ended=True)
            self.out.close()
            os._exit(0)
        self.left, self.told = self.steps, {}
        self.began = (time.perf_counter(), time.process_time())
        return order

    def step(self, **work: float) -> None:
        """One step is done; the last of a turn answers, and waits for the next order."""
        self.left -= 1
        for name, amount in work.items():
            self.told[name] = self.told.get(name, 0.0) + amount
        if self.left <= 0:
            self.done()

    def done(self, **facts: Any) -> dict[str, Any]:
        """The turn is over: say what it took and gave, and wait for the next order."""
        wall, cpu = time.perf_counter() - self.began[0], time.process_time() - self.began[1]
        self.say(wall=wall, cpu=cpu, **self.told, **facts)
        return self.wait()


def peak_mb() -> float:
    """The most memory that this process has held, in MiB."""
    try:
        for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
            if line.startswith(
                "VmHWM:"
            ):  # unlike getrusage it knows nothing of the process before this program
                return round(int(line.split()[1]) / 2**10, 1)
    except OSError:
        pass  # not Linux
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (2**20 if sys.platform == "darwin" else 2**10), 1)
