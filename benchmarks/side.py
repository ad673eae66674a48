"""One side's process, seen from the one who measures."""

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks.spec import Spec
from concord.machine import TURNS

ROOT = Path(__file__).resolve().parents[1]
PATIENCE = 600.0
"""Seconds that one answer may take."""
TAIL = 400
"""Letters of a log that tell why a side failed."""


class SideFailed(Exception):
    """A side's process died or was silent for too long."""


class Side:
    """A process that prepares, and then works a turn whenever it is told to."""

    def __init__(self, name: str, spec: Spec, patience: float = PATIENCE) -> None:
        self.name, self.spec, self.patience = name, spec, patience
        self.peak_mb = 0.0
        self.log = Path(spec.root) / "logs" / f"{spec.stage}-{spec.model}-{name}.log"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        python, module = sys.executable, "benchmarks.ours"
        if spec.side != "ours":
            python, module = str(Path(spec.root) / spec.side / "bin" / "python"), "benchmarks.peer"
        with self.log.open("w", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                [python, "-m", module, spec.written()],
                cwd=ROOT,
                env=environment(spec),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    def tell(self, **order: Any) -> None:
        """Send an order."""
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # its death is seen where its answer is awaited
            self.process.stdin.write(json.dumps(order) + "\n")
            self.process.stdin.flush()

    def hear(self) -> dict[str, Any]:
        """Its answer, awaited."""
        assert self.process.stdout is not None
        timer = threading.Timer(self.patience, self.process.kill)
        timer.start()
        line = self.process.stdout.readline()
        timer.cancel()
        if not line:
            self.process.wait()
            why = self.log.read_text(encoding="utf-8", errors="replace").strip()[-TAIL:]
            raise SideFailed(f"{self.name} ended with code {self.process.returncode} ({self.log}): {why}")
        answer: dict[str, Any] = json.loads(line)
        self.peak_mb = float(answer["peak_mb"])
        return answer

    def turn(self) -> dict[str, Any]:
        """One turn of work."""
        self.tell(turn=1)
        return self.hear()

    def pin(self, cores: Iterable[int]) -> None:
        """Let it compute on these cores only, where the system can do that."""
        if hasattr(os, "sched_setaffinity"):
            with contextlib.suppress(ProcessLookupError):
                os.sched_setaffinity(self.process.pid, cores)

    def close(self) -> None:
        """End it."""
        self.tell(end=True)
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()


def environment(spec: Spec) -> dict[str, str]:
    """Of every side: so many threads, no network, and idle threads that wait as is best for it."""
    paths = [str(ROOT), *([os.environ["PYTHONPATH"]] if "PYTHONPATH" in os.environ else [])]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(paths if spec.side == "ours" else paths[:1]),
        "OMP_NUM_THREADS": str(spec.threads),
        "MKL_NUM_THREADS": str(spec.threads),
        **waiting(spec),
        "TOKENIZERS_PARALLELISM": "false",
        "HF_HUB_OFFLINE": "1",
        "HF_HOME": str(Path(spec.root).resolve() / "cache"),
        "TRL_EXPERIMENTAL_SILENCE": "1",
    }


def waiting(spec: Spec) -> dict[str, str]:
    """How idle threads wait: ours as `concord` settles it; a peer's awake, as torch comes, if nobody needs the core."""
    if {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"} & os.environ.keys():
        return {}
    if spec.side != "ours":
        return {"OMP_WAIT_POLICY": "PASSIVE"} if spec.busy else {}
    return {"OMP_WAIT_POLICY": "PASSIVE"} | ({} if spec.busy else {"GOMP_SPINCOUNT": str(TURNS)})
