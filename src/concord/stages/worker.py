"""One stage in a process of its own: light to import, so that the front door stays fast."""

import json
import os
import resource
import shutil
import signal
import sys
import threading
import time
import traceback
from multiprocessing import parent_process
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, TextIO

from concord import machine
from concord.errors import ConcordError
from concord.records.manifest import MADE_FROM
from concord.runs import Loaded, Run
from concord.settings import Learning, Recipe

STATE = "state"
"""Where a stage keeps its checkpoints until it is done."""

MEGABYTE = 2**20 if sys.platform == "darwin" else 2**10
"""What `ru_maxrss` counts in, on either system, as a share of a megabyte."""


def side_by_side(learning: Learning) -> int:
    """How many stages may run at once."""
    return learning.workers or usual(learning)


def usual(learning: Learning) -> int:
    """Two stages side by side where two cores and no GPU allow it."""
    gpu = learning.device == "cuda" or (learning.device == "auto" and Path("/dev/nvidia0").exists())
    return 1 if gpu else min(2, machine.cores())


def threads(learning: Learning, alone: bool) -> int:
    """The threads of a stage: a function of recipe and machine alone, so that no result depends on luck."""
    if learning.threads:
        return learning.threads
    return machine.cores() if alone else max(1, machine.cores() // usual(learning))


class Plain:
    """Standard error without a terminal's tricks, for stages whose lines would run into each other."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        """Pass text on."""
        return self.stream.write(text)

    def flush(self) -> None:
        """Pass it on now."""
        self.stream.flush()

    def isatty(self) -> bool:
        """No progress bars here."""
        return False


def serve(order: str, mouth: Connection) -> None:
    """Carry out one task and tell how it ended, in JSON."""
    for number in (signal.SIGINT, signal.SIGHUP):  # a terminal's are for the parent, which then asks us
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    follow_parent()
    asked = json.loads(order)
    if not asked["alone"]:
        sys.stderr = Plain(sys.stderr)
    answer: dict[str, Any]
    try:
        answer = {"seconds": perform(asked)}
    except ConcordError as error:
        answer = {"error": type(error).__name__, "message": str(error)}
    except SystemExit as leaving:
        answer = {"exit": leaving.code}
    except MemoryError as error:
        answer = {"error": "TrainingError", "message": too_large(error)}
    except BaseException as error:  # a bug: its traceback is for the maintainers, and the parent shows it
        answer = {"bug": traceback.format_exc()}
        if type(error).__name__ == "OutOfMemoryError":  # torch's own, which this room must not import to name
            answer = {"error": "TrainingError", "message": too_large(error)}
    mouth.send_bytes(json.dumps(answer).encode())
    mouth.close()


def too_large(error: BaseException) -> str:
    """Memory ran out, and what there is to do."""
    reason = str(error).partition("\n")[0]
    return f"memory ran out ({reason}). Lower `learning.micro_tokens`, `longest` or `learning.workers`."


def follow_parent() -> None:
    """Die with the process that gave the order, so that nobody works on for a run that is dead."""
    parent = parent_process()
    if parent is None:
        return

    def watch() -> None:
        wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()


def perform(asked: dict[str, Any]) -> float:
    """The work itself, then the seal; returns the seconds it took."""
    from concord.stages import work

    loaded = Loaded(Recipe.model_validate(asked["recipe"]), Path(asked["folder"]), Path(asked["source"]))
    run, name = Run(Path(asked["run"])), asked["task"]
    count = threads(loaded.recipe.learning, asked["alone"])
    machine.keep_freed_memory()
    work.prepare(count)
    began = time.monotonic()
    folder = run.begin(name, asked["key"])
    before = spent(folder)
    told = work.work(loaded, run, name, folder, asked["key"])
    shutil.rmtree(folder / STATE, ignore_errors=True)  # kept until all else is there: a kill loses no steps
    seconds = round(before + time.monotonic() - began, 2)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MEGABYTE
    facts = {
        "key": asked["key"],
        MADE_FROM: asked["made_from"],
        "seconds": seconds,
        "peak_mb": round(peak),
        "threads": count,
    }
    run.finish(name, {**told, **facts})
    return seconds


def spent(folder: Path) -> float:
    """Seconds that an interrupted try had spent by the last line of its diary."""
    diary = folder / "metrics.jsonl"
    if not diary.is_file():
        return 0.0
    lines = diary.read_text(encoding="utf-8", errors="replace").rstrip("\n").rsplit("\n", 1)
    try:
        return float(json.loads(lines[-1])["seconds"])
    except (ValueError, KeyError, TypeError):
        return 0.0  # the last line was cut off: a guess would be worse than a low count
