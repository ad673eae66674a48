"""Measure Concord beside its peers: `python -m benchmarks [--quick] [--stages sft,dpo] [--results FILE]`."""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks import environments, folders, machine, plan, table
from benchmarks.measure import measure
from benchmarks.side import ROOT, SideFailed

RESULTS = ROOT / "benchmarks" / "results.json"
MINUTES = 50.0
"""After which no further comparison begins."""


def main(words: list[str]) -> int:
    """Make what is needed, measure, print, write down."""
    asked = read(words)
    root = ROOT / ".bench"
    environments.make(root)
    for name in folders.SHAPES:
        if not (root / "models" / name / "reward" / "model.safetensors").exists():
            folders.make(root / "models", name)
    precision = asked.precision or ("bfloat16" if machine.fast_bfloat16() else "float32")
    planned = plan.cells(asked.stages, asked.quick, len(machine.cores()))
    cells = [cell for cell in planned if cell.model in asked.models]
    peaks = {threads: machine.peaks(threads) for threads in {cell.threads for cell in cells}}
    result: dict[str, Any] = {
        "machine": {
            **machine.facts(),
            "precision": precision,
            "gemm_gflops": {str(threads): peak for threads, peak in peaks.items()},
            "small_product_ms": machine.waiting(len(machine.cores()[:2])),
            "peers": environments.versions(root),
        },
        "rows": [],
        "left_out": [],
    }
    began = time.monotonic()
    for number, cell in enumerate(cells, start=1):
        minutes = (time.monotonic() - began) / 60
        if minutes > asked.minutes:
            result["left_out"].append(cell.title)
            continue
        print(f"[{number} of {len(cells)}, {minutes:.1f} min] {cell.title}", flush=True)
        result["rows"].append(tried(cell, precision, root, peaks[cell.threads]))
        asked.results.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        for line in table.lines(result["rows"][-1:])[2:]:
            print(f"  {line}", flush=True)
    print("", *table.lines(result["rows"]), "", *table.verdicts(result["rows"]), sep="\n")
    for title in result["left_out"]:
        print(f"not measured, for {asked.minutes:g} minutes were over: {title}")
    print(f"written to {asked.results}")
    return int(any("failed" in row for row in result["rows"]))


def tried(cell: plan.Cell, precision: str, root: Path, peak: dict[str, float]) -> dict[str, Any]:
    """A comparison's row; one that fails is told, and keeps no other from being measured."""
    try:
        return measure(cell, precision, str(root), peak)
    except SideFailed as failure:
        return {
            "stage": cell.stage,
            "model": cell.model,
            "threads": cell.threads,
            "neighbour": cell.busy,
            "failed": str(failure),
        }


def read(words: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the tiny model, one thread, idle")
    parser.add_argument("--stages", default=",".join(plan.STAGES), help="some of: %(default)s")
    parser.add_argument("--models", default=",".join(plan.MODELS), help="some of: %(default)s")
    precisions = ("bfloat16", "float32")
    parser.add_argument("--precision", choices=precisions, help="of training; the first where it is native")
    parser.add_argument("--minutes", type=float, default=MINUTES, help="begin nothing after (%(default)s)")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where to write")
    asked = parser.parse_args(words)
    for name, known in (("stages", plan.STAGES), ("models", plan.MODELS)):
        asked_for = vars(asked)[name].split(",")
        strange = set(asked_for) - set(known)
        if strange:
            parser.error(f"--{name}: there is no {', '.join(sorted(strange))}; there are {', '.join(known)}")
        setattr(asked, name, asked_for)
    return asked


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
