"""Which stage does what: the one table from a task's name to the function that works on it."""

import sys
from collections.abc import Callable
from pathlib import Path

import torch

from concord.runs import Loaded, Run
from concord.stages import answers, duels, evaluate, gate, rank, reward, sample, sft, suites, watch
from concord.stages.bench import Bench

Work = Callable[[Bench, Path, str], None]

STAGES: dict[str, Work] = {
    "sft": sft.work,
    "sample": sample.work,
    "rank": rank.work,
    "reward": reward.work,
    "align": watch.work,
    "rivals": watch.work,
    "answers": answers.work,
    "duels": duels.work,
    "suites": suites.work,
    "evaluate": evaluate.work,
    "gate": gate.work,
}


def prepare(threads: int) -> None:
    """Set the threads before the first of them starts."""
    torch.set_num_threads(threads)


def work(loaded: Loaded, run: Run, name: str, folder: Path, key: str) -> dict[str, str]:
    """Carry out one task in its folder; what it tells of itself beside its files."""

    def say(line: str) -> None:
        print(f"{name}: {line}", file=sys.stderr, flush=True)

    stage, _, _ = name.partition("/")
    bench = Bench(loaded, run, name, say)
    torch.manual_seed(bench.seed)  # whatever is drawn while networks are made follows from the seed too
    STAGES[stage](bench, folder, key)
    return bench.facts
