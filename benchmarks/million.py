"""One million preference rows: is memory flat, and does a stage that tokenised them once start at once?

    python -m benchmarks.million [ROWS] [FOLDER]

Makes a file of synthetic pairs (100,000 rows, then ROWS, by default a million), and for each, every step in a
process of its own: check the file as a run does before it starts, tokenise it, start again from what lies on
disk, and go on at 70 % of the rows with a few steps of reward learning. Prints seconds and peak memory.
"""

import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

SMALL, LARGE, BATCH, STEPS = 100_000, 1_000_000, 16, 5
STARTER = Path(str(files("concord") / "models" / "starter_model"))
TEXT = (
    "the town lies on a river and has two bridges an old mill a library that opens at nine and people who "
    "like to talk about weather bread trains boats and who is right when two answers say the same thing"
)


def write(path: Path, rows: int) -> None:
    """A file of pairs, each with a prompt of its own."""
    chance, words = random.Random(0), TEXT.split()
    with path.open("w", encoding="utf-8") as file:
        for number in range(rows):
            prompt, better, worse = (
                " ".join(chance.choices(words, k=chance.randint(6, most))) for most in (20, 30, 30)
            )
            row = {"prompt": f"Question {number}: {prompt}?", "chosen": better, "rejected": f"No {worse}"}
            file.write(json.dumps(row) + "\n")


def look(path: Path, cache: Path) -> dict[str, float]:
    """Check a file as a run does before anything starts."""
    from concord.stages.inputs import Source, known_or_seen

    began = time.perf_counter()
    seen = known_or_seen(Source("rankings", path, "rankings", ()), None, cache)
    return {"seconds": time.perf_counter() - began, "rows": seen.count}


def start(path: Path, cache: Path) -> dict[str, float]:
    """Begin a reward stage: rows, model and feed are ready when its first batch is."""
    begun = time.perf_counter()
    from concord import formats
    from concord.algorithms.feeds import Reading
    from concord.algorithms.reward import RewardObjective
    from concord.batches import collate
    from concord.models import RewardModel, choose
    from concord.records import Stream, digest
    from concord.settings import Reward
    from concord.stages.plan import content
    from concord.training import Guard, Local, Optimizer, fit

    model = RewardModel.load(STARTER, choose())
    imported = time.perf_counter()
    stream: Any = Stream(lambda: iter(formats.Passage(path, "rankings")), digest(content(path)), cache)
    lists = collate.rankings(stream, model.template, 256, print)
    feed = Reading(lists, BATCH, 1, 0, collate.lists, 8192)
    next(iter(feed))
    ready = time.perf_counter()
    feed.restore({"done": int(0.7 * len(lists)) // BATCH})
    next(iter(feed))
    resumed = time.perf_counter()
    optimizer = Optimizer({"reward": model.network}, 1e-5, 0.0, 1.0, lambda step: 1.0)
    few = Some(feed, STEPS)
    fit(few, RewardObjective(model, Reward()), Local(), optimizer, Guard())
    return {
        "seconds": ready - imported,
        "model": imported - begun,
        "resume": resumed - ready,
        "rows": len(lists),
    }


class Some:
    """The first few steps of a feed."""

    settled = True

    def __init__(self, feed: Any, steps: int) -> None:
        self.feed, self.steps = feed, steps

    def __iter__(self) -> Any:
        return (step for step, _ in zip(self.feed, range(self.steps), strict=False))

    def state(self) -> dict[str, Any]:
        """There is none."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """There is nothing to restore."""


PARTS: dict[str, Callable[[Path, Path], dict[str, float]]] = {"look": look, "start": start}


def alone(part: str, path: Path, cache: Path) -> dict[str, float]:
    """Carry out one part in a process of its own, with its peak memory."""
    command = [sys.executable, "-m", "benchmarks.million", part, str(path), str(cache)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main(rows: int = LARGE, folder: Path | None = None) -> None:
    """Measure everything and print it."""
    peaks: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory(dir=folder) as place:
        for count in (SMALL, rows):
            path, cache = Path(place) / f"{count}.jsonl", Path(place) / f"cache{count}"
            write(path, count)
            for name, part in (
                ("checked", "look"), ("checked again", "look"), ("tokenised", "start"), ("started again", "start")
            ):  # fmt: skip
                found = alone(part, path, cache)
                peaks.setdefault(name, []).append(found["peak_mb"])
                resume = (
                    f", at row {0.7 * count:,.0f} after {found['resume']:.2f} s" if "resume" in found else ""
                )
                print(
                    f"{count:>9,} rows {name:14} {found['seconds']:8.1f} s{resume}, peak {found['peak_mb']:,.0f} MB"
                )
    for name, (small, large) in peaks.items():
        print(f"{name:24} peak x {large / small:.2f} for {rows // SMALL} times the rows")


if __name__ == "__main__":
    if sys.argv[1:] and sys.argv[1] in PARTS:
        from concord.machine import keep_freed_memory, settle_environment

        settle_environment()
        keep_freed_memory()
        answer = PARTS[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[3]))
        usage = resource.getrusage(resource.RUSAGE_SELF)
        print(
            json.dumps(
                {**answer, "processor": usage.ru_utime + usage.ru_stime, "peak_mb": usage.ru_maxrss / 1024}
            )
        )
    else:
        main(*(kind(word) for kind, word in zip((int, Path), sys.argv[1:], strict=False)))
