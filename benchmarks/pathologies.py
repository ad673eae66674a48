"""Sick and healthy trainings for `concord explain`: `python -m benchmarks.pathologies FOLDER [NAME ...]`.

One starter run gives supervised policy, rankings and reward model; each trial is a short `align` on top of them with
one fault planted, or none. What is done is kept; the table at the end says which cause was named first.
"""

import argparse
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from benchmarks.planted import FAULTS, HEALTHY, Fault, Planted
from concord import machine
from concord.errors import ConcordError
from concord.monitoring.explain import explain
from concord.records.files import write_json
from concord.runs import Loaded, Run, load
from concord.stages import align, reward, sft
from concord.stages.carry_out import carry_out
from concord.stages.demo import init
from concord.stages.plan import key, plan

WELL = "healthy"
SHARED = ("sft", "sample", "rank", "reward")
STAGES: dict[str, Callable[..., None]] = {"sft": sft.work, "reward": reward.work, "align": align.work}


def say(line: str) -> None:
    """Progress goes to standard error."""
    print(line, file=sys.stderr, flush=True)


def shared(root: Path, seed: int) -> Path:
    """The run that all trials of a seed begin with."""
    inputs, folder = root / "inputs", root / f"shared-{seed}"
    if not inputs.exists():
        init(inputs)
    loaded = load(inputs / "recipe.yaml", [f"seed={seed}", "rivals={}"])
    if all(Run(folder).finished(name) for name in SHARED):
        return folder
    with Run.open(folder, loaded) as run:
        carry_out(loaded, run, SHARED, frozenset(), say)
    return folder


def trial(root: Path, fault: Fault, seed: int) -> Path:
    """One training with its fault, in a run folder of its own; one that ended is not made again."""
    folder = root / f"seed-{seed}" / fault.name
    if (folder / "ended.json").exists():
        return folder
    begun = shared(root, seed)
    shutil.rmtree(folder, ignore_errors=True)
    inputs = folder / "inputs"
    shutil.copytree(root / "inputs", inputs)
    for name in SHARED:
        shutil.copytree(begun / name, folder / "run" / name)
    fault.data(inputs / "data", folder / "run", seed)
    loaded = load(inputs / "recipe.yaml", [f"seed={seed}", "rivals={}", *fault.settings])
    began = time.monotonic()
    with Run.open(folder / "run", loaded) as run:
        said = learned(fault, loaded, run)
    write_json(folder / "ended.json", {"said": said, "seconds": round(time.monotonic() - began, 1)})
    return folder


def learned(fault: Fault, loaded: Loaded, run: Run) -> str:
    """Carry out the trial's stages in this process; what stopped one of them is part of the trial."""
    tasks = {task.name: task for task in plan(loaded)}
    for name in fault.stages:
        name_of_it = key(tasks[name], loaded, run) or fault.name
        if run.path(name).exists():
            run.forget(name)
        folder = run.begin(name, name_of_it)
        bench = Planted(loaded, run, name, say, fault=fault)
        torch.manual_seed(bench.seed)
        try:
            STAGES[name](bench, folder, name_of_it)
        except ConcordError as error:
            run.release(name)
            return str(error)
        run.finish(name, {**bench.facts, "key": name_of_it, "seconds": 0, "peak_mb": 0, "threads": 1})
    return ""


@dataclass(frozen=True)
class Told:
    """What `explain` made of a trial."""

    trial: str
    planted: str
    named: list[str]
    right: bool


def told(folder: Path, fault: Fault) -> Told:
    """Explain a trial, and see whether what was planted is named first."""
    found = explain(folder / "run").findings
    right = found[0].cause in fault.causes if found else not fault.causes
    named = [f"{one.cause} {one.score:.2f}" for one in found]
    return Told(fault.name, " or ".join(fault.causes) or WELL, named or [WELL], right)


def main(words: Sequence[str]) -> int:
    """Make what is missing, then say what was named."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pathologies", description=__doc__)
    parser.add_argument("folder", type=Path, help="where the runs are kept")
    parser.add_argument("names", nargs="*", help="some of the trials; all if none is named")
    parser.add_argument("--seed", type=int, default=0, help="what all draws follow from (%(default)s)")
    parser.add_argument("--table", action="store_true", help="only explain what there is")
    asked = parser.parse_intermixed_args(words)
    machine.keep_freed_memory()
    torch.set_num_threads(1)
    rows: list[Told] = []
    for fault in (*FAULTS, *HEALTHY):
        if asked.names and fault.name not in asked.names:
            continue
        folder = asked.folder / f"seed-{asked.seed}" / fault.name
        if not asked.table:
            say(f"{fault.name} ...")
            folder = trial(asked.folder.absolute(), fault, asked.seed)
        if (folder / "ended.json").exists():
            rows.append(told(folder, fault))
    write_json(asked.folder / f"seed-{asked.seed}.json", [asdict(row) for row in rows])
    for row in rows:
        verdict = "ok" if row.right else "NO"
        print(f"{verdict} {row.trial:18} planted: {row.planted:36} named: {', '.join(row.named)}")
    sick = [row for row in rows if row.planted != WELL]
    well = [row for row in rows if row.planted == WELL]
    print(
        f"the planted cause first: {sum(row.right for row in sick)} of {len(sick)}; "
        f"healthy runs named sick: {sum(not row.right for row in well)} of {len(well)}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
