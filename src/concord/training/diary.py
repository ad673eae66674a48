"""The diary: one line of numbers a step, in a file that can be read while the run goes on."""

import json
import math
import resource
import sys
import time
from pathlib import Path
from typing import Any, TextIO

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from concord.errors import StoreError
from concord.records.files import dumps, storing, write_lines
from concord.training.notes import Notes, floats, plain
from concord.training.snapshot import gpus_in_use

WATCHED = {
    "loss": "loss {:.4g}",
    "accuracy": "accuracy {:.2f}",
    "score": "score {:.2f}",
    "kl": "drift {:.2f} nats",
}
"""What a watcher is shown of a step's notes, if it has them."""

PAUSE = 10.0
"""Seconds between lines where no terminal is watching."""


class Diary:
    """Writes metrics.jsonl, and tells whoever watches how far the run is."""

    def __init__(self, path: Path, title: str, total: int | None = None, show: bool = True) -> None:
        self.path = path
        self.title = title
        self.total = total
        self.show = show
        self.file: TextIO | None = None
        self.behind: int | None = None  # steps that earlier lives of the run had learned
        self.before = 0.0  # seconds spent by earlier lives of the run
        self.began = self.previous = time.monotonic()
        self.told = -math.inf
        self.untold = ""
        self.progress: Progress | None = None

    def __call__(self, number: int, notes: Notes) -> None:
        """Add a step's line; only here do notes become numbers."""
        line: dict[str, Any] = {"step": number, **floats(notes)}
        self.behind = number - 1 if self.behind is None else self.behind
        now = time.monotonic()
        line["seconds"] = round(self.before + now - self.began, 3)
        if "tokens" in line:
            line["tokens_per_second"] = round(line["tokens"] / max(now - self.previous, 1e-9), 1)
        line["memory_mb"] = memory_mb()
        self.previous = now
        with storing(self.path):
            if self.file is None:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self.file = self.path.open("a", encoding="utf-8", newline="\n")
            self.file.write(dumps(plain(line)) + "\n")
            self.file.flush()
        if self.show:
            self.tell(number, line)

    def rewind(self, step: int) -> None:
        """Drop the lines after a step, and a last line that was cut off: they will be written again."""
        self.close()
        kept = [(text, line) for text, line in rows(self.path) if line["step"] <= step]
        if self.path.exists():
            write_lines(self.path, (text for text, _ in kept))
        self.before = float(kept[-1][1]["seconds"]) if kept else 0.0
        self.began = self.previous = time.monotonic()

    def close(self) -> None:
        """Put the pen down."""
        if self.file is not None:
            self.file.close()
            self.file = None
        if self.progress is not None:
            self.progress.stop()
            self.progress = None
        if self.untold:
            print(self.untold, file=sys.stderr, flush=True)
            self.untold = ""

    def tell(self, number: int, line: dict[str, Any]) -> None:
        """Show where the run stands: a moving line on a terminal, else a plain one now and then."""
        words = summary(line)
        if self.progress is not None or sys.stderr.isatty():  # rich before 15: its stand-in is none
            if self.progress is None:
                self.progress = board()
                self.progress.start()
                self.progress.add_task(self.title, total=self.total, words="")
            self.progress.update(self.progress.task_ids[0], completed=number, words=words)
            return
        self.untold = f"{self.title}: step {number}{f' of {self.total}' if self.total else ''}, {words}"
        if self.total and number < self.total:
            self.untold += f", {self.left(number):.0f} s left"
        if self.previous - self.told >= PAUSE or number == self.total:
            print(self.untold, file=sys.stderr, flush=True)
            self.told = self.previous
            self.untold = ""

    def left(self, number: int) -> float:
        """Seconds to the last step, if the rest goes as this process has gone so far."""
        pace = (self.previous - self.began) / max(1, number - (self.behind or 0))
        return pace * ((self.total or number) - number)


def rows(path: Path) -> list[tuple[str, dict[str, Any]]]:
    """The lines of a diary, as text and value; only the end may be damaged, as a kill leaves it."""
    if not path.exists():
        return []
    with storing(path):
        texts = path.read_bytes().split(b"\n")
    *whole, _torn = texts  # what follows the last newline was never finished
    found: list[tuple[str, dict[str, Any]]] = []
    damaged = 0
    for place, raw in enumerate(whole, start=1):
        try:
            line = json.loads(raw)
            if not isinstance(line, dict) or not {"step", "seconds"} <= line.keys():
                raise ValueError("not a diary's line")
        except ValueError:
            damaged = damaged or place
            continue
        if damaged:
            raise StoreError(f"{path}:{damaged} is damaged. Redo the stage from its start with --again.")
        found.append((raw.decode("utf-8"), line))
    return found


def board() -> Progress:
    """The moving line."""
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("{task.fields[words]}", markup=False),
        TimeRemainingColumn(),
        console=Console(file=sys.stderr),
    )


def summary(line: dict[str, Any]) -> str:
    """The few numbers that a watcher wants, in words."""
    words = [form.format(line[name]) for name, form in WATCHED.items() if name in line]
    if "tokens_per_second" in line:
        words.append(f"{line['tokens_per_second']:,.0f} tokens/s")
    words.append(f"{line['memory_mb']:,.0f} MB")
    if line.get("skipped"):
        words.append("not learned: not finite")
    return ", ".join(words)


def memory_mb() -> float:
    """The most memory this process has held: the GPU's where one is used, else the machine's."""
    if gpus_in_use():
        return round(torch.cuda.max_memory_allocated() / 2**20, 1)
    # Linux counts in KiB, macOS in bytes
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (2**20 if sys.platform == "darwin" else 2**10), 1)
