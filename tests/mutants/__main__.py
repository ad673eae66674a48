"""Put one fault after another into a copy of the source and see whether the fast tests notice.

python -m tests.mutants                      80 faults drawn by --seed, and those with a name
python -m tests.mutants --only sequence      faults of files whose path holds this word
python -m tests.mutants --all --json m.json  every fault there is
"""

import argparse
import itertools
import json
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.mutants.named import NAMED, SAME, Named
from tests.mutants.operators import Mutant, drawn, mutants_of

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = Path("src/concord")
MUTATED = ("maths", "algorithms")
ROOMS = "tests/rooms/test_algorithms_*.py"
TESTS = {
    "maths": ("tests/maths", "tests/rooms/test_soft_labels.py", ROOMS),
    "algorithms": (ROOMS, "tests/rooms/test_soft_labels.py"),
}
"""Who is to notice a room's faults: for a formula its own tests, then those of the methods built on it."""
QUIET = ("-W", "ignore:Module already imported:pytest.PytestAssertRewriteWarning")
"""Plugins may have come with what was loaded before the fork."""
OWN = ("", str(ROOT), str(ROOT / "src"))
"""Where the sound source is found, which no trial may see."""
SECONDS = itertools.count(1_000_000_000)
LIMIT = 120
"""Seconds after which a fault that makes the tests hang counts as noticed."""


def main() -> int:
    """Mutate, test, tell; 1 if a fault went unnoticed."""
    args = asked()
    preload()
    with tempfile.TemporaryDirectory(prefix="mutants-") as place:
        copy = copied(Path(place))
        faults = chosen(args, copy / PACKAGE)
        clean = trial(copy, tests_of("maths", copy))
        if clean["outcome"] != "survived":
            print(f"the tests fail without any fault:\n{clean['said']}")
            return 1
        rows = []
        for fault in faults:
            row = one_fault(fault, copy)
            rows.append(row)
            told = f"{row['name']}: {row['kind']}: {row['change']}"
            print(f"{row['outcome']:9} {row['seconds']:5.1f} s  {told}", flush=True)
    return summed_up(rows, args.json)


def chosen(args: argparse.Namespace, source: Path) -> list[Mutant | Named]:
    """The faults to put in: those with a name, and some or all of those that can be made."""
    paths = [path for room in MUTATED for path in sorted((source / room).rglob("*.py"))]
    made = [one for path in paths for one in mutants_of(path, source) if args.only in one.file]
    made = [one for one in made if (one.file, one.function, one.before, one.after) not in SAME]
    some = made if args.all else drawn(made, args.count, args.seed)
    named = [one for one in NAMED if args.only in one.file]
    print(f"{len(made)} faults can be made; {len(some)} are, and {len(named)} with a name", flush=True)
    return [*named, *some]


def asked() -> argparse.Namespace:
    """What the command was told."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("--count", type=int, default=80, help="faults to draw")
    parser.add_argument("--seed", type=int, default=0, help="which ones")
    parser.add_argument("--all", action="store_true", help="every fault there is")
    parser.add_argument("--only", default="", help="files whose path holds this word")
    parser.add_argument("--json", type=Path, help="also write the table to a file")
    return parser.parse_args()


def preload() -> None:
    """Load what all tests need and no fault touches, once: each trial is a fork of this process."""
    import numpy
    import peft
    import pytest
    import scipy.stats
    import torch
    import transformers

    torch.set_num_threads(1)
    loaded = (numpy, peft, pytest, scipy.stats, transformers)
    assert all(loaded) and "concord" not in sys.modules, "the source must be the copy's"


def copied(place: Path) -> Path:
    """The source and its tests, to be spoiled."""
    for name in ("src", "tests", "benchmarks"):
        shutil.copytree(ROOT / name, place / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "ARCHITECTURE.md"):
        shutil.copy(ROOT / name, place / name)
    return place


def tests_of(room: str, copy: Path) -> list[str]:
    """The tests that are to notice faults of a room."""
    paths = [path for pattern in TESTS[room] for path in sorted(copy.glob(pattern))]
    return list(dict.fromkeys(map(str, paths)))


def one_fault(fault: Mutant | Named, copy: Path) -> dict[str, Any]:
    """Put a fault in, run the tests until one fails, and put the file back."""
    path = copy / PACKAGE / fault.file
    sound = path.read_text(encoding="utf-8")
    if isinstance(fault, Named):
        facts = {"name": fault.file, "kind": fault.what}
        if sound.count(fault.before) != 1:
            return {**facts, "change": fault.before, "outcome": "stale", "seconds": 0.0, "by": "", "said": ""}
        spoiled = sound.replace(fault.before, fault.after)
    else:
        facts = {"name": fault.name, "kind": fault.kind}
        spoiled = fault.applied(sound)
    change = f"{' '.join(fault.before.split())} -> {' '.join(fault.after.split())}"
    try:
        put(path, spoiled)
        found = trial(copy, tests_of(fault.file.partition("/")[0], copy))
    finally:
        put(path, sound)
    return {
        **facts,
        "change": change,
        **found,
        **({} if isinstance(fault, Named) else {"mutant": asdict(fault)}),
    }


def put(path: Path, text: str) -> None:
    """Write a file as of a second of its own: what Python compiled of it is known by its second and its length."""
    path.write_text(text, encoding="utf-8")
    second = next(SECONDS)
    os.utime(path, (second, second))


def trial(copy: Path, tests: list[str]) -> dict[str, Any]:
    """Run the tests in a process of their own; who noticed, and how long it took."""
    began, note = time.monotonic(), copy / "said.txt"
    child = os.fork()
    if not child:
        run(copy, tests, note)
    end = began + LIMIT
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            break
        time.sleep(0.02)
    else:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        status = -1
    said = note.read_text(encoding="utf-8", errors="replace")
    failed = [line for line in said.splitlines() if line.startswith(("FAILED", "ERROR"))]
    by = failed[0].split(" - ")[0].partition(" ")[2].rpartition("/")[2] if failed else ""
    outcome = "survived" if status == 0 else "killed"
    return {
        "outcome": outcome,
        "by": by or ("time" if status == -1 else ""),
        "seconds": round(time.monotonic() - began, 1),
        "said": said[-2000:] if not by and status else "",
    }


def run(copy: Path, tests: list[str], note: Path) -> None:
    """In the fork: the copy's own source, the copy's own tests, the first failure ends it."""
    import pytest

    descriptor = os.open(note, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.chdir(copy)
    sys.path[:] = [str(copy / "src"), str(copy), *(one for one in sys.path if one not in OWN)]
    os.environ["PYTHONPATH"] = f"{copy / 'src'}{os.pathsep}{copy}"
    for name in [name for name in sys.modules if name.partition(".")[0] in ("tests", "concord")]:
        del sys.modules[name]
    code = 1
    try:
        code = pytest.main(
            ["-n0", "-x", "-q", "-m", "not slow", "-p", "no:cacheprovider", "--tb=line", *QUIET, *tests]
        )
        import concord

        assert str(concord.__file__).startswith(str(copy)), "the tests saw another source"
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(int(code))


def summed_up(rows: list[dict[str, Any]], file: Path | None) -> int:
    """How many were noticed, and which were not."""
    counts = Counter(row["outcome"] for row in rows)
    kinds = Counter(row["kind"] for row in rows if "mutant" in row)
    lived = Counter(row["kind"] for row in rows if "mutant" in row and row["outcome"] == "survived")
    print("\nkind            made  survived")
    for kind, count in sorted(kinds.items()):
        print(f"{kind:15} {count:4}  {lived[kind]:8}")
    total = counts["killed"] + counts["survived"]
    print(f"\n{counts['killed']} of {total} noticed, {counts['survived']} survived, {counts['stale']} stale")
    for row in rows:
        if row["outcome"] != "killed":
            print(f"{row['outcome']}: {row['name']}: {row['kind']}: {row['change']}")
    if file:
        file.write_text(json.dumps({"counts": counts, "rows": rows}, indent=1), encoding="utf-8")
    return 1 if counts["survived"] or counts["stale"] else 0


if __name__ == "__main__":
    sys.exit(main())
