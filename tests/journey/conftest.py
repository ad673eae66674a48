"""A journey small enough to be made again and again: every stage and every method, in seconds."""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from concord.stages.demo import init

RECIPE = """\
base: starter
seed: 1
prompts: data/prompts.jsonl
sft: {demonstrations: data/demonstrations.jsonl, epochs: 1, batch: 8}
sample: {k: 3, longest: 16}
rank: {by: panel}
reward: {epochs: 1, batch: 4, hold_out: 0.3}
align:
  method: ppo
  critic_rounds: 1
  rollout: {rounds: 2, prompts: 4, samples: 2, passes: 1, updates: 2, longest: 12}
rivals:
  grpo: {method: grpo, rollout: {rounds: 2, prompts: 2, samples: 3, updates: 1, longest: 12}}
  rloo: {method: rloo, rollout: {rounds: 2, prompts: 2, samples: 3, updates: 1, longest: 12}}
  dpo: {method: dpo, batch: 4}
  rejection: {method: rejection, samples: 2, longest: 12, batch: 4}
  imitation: {method: sft, demonstrations: data/more_demonstrations.jsonl, epochs: 1, batch: 8}
evaluate: {prompts: data/held_out.jsonl, temperatures: [1.0], best_of: [2], longest: 12, curve: 4}
gate: {win_rate: 0.0, kl: 1000}
learning: {device: cpu, precision: float32, threads: 1, checkpoint_seconds: 0}
"""
SIZES = {"demonstrations": 24, "more_demonstrations": 32, "prompts": 12, "held_out": 16}
PASSING = {"seconds", "tokens_per_second", "memory_mb"}
"""What a line of metrics says of the moment it was written in, and not of what was learned."""
TIMED = {"MANIFEST.json", "run.json", "findings.json", "report.json", "report.html"}
"""Files that tell seconds or when; that they are there counts all the same."""
MARK = "CONCORD_TEST_MARK"
FIRST = ("sft", "sample", "rank", "reward")
# A shell starts what it puts in the background deaf to Ctrl-C; what a person starts in a terminal hears it.
HEARS = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
MAIN = HEARS + "import sys; from concord.cli.main import main; sys.exit(main())"


@dataclass(frozen=True)
class Tiny:
    """A recipe with its data, and the ways to carry it out."""

    folder: Path

    @property
    def recipe(self) -> Path:
        return self.folder / "recipe.yaml"

    def data(self, name: str) -> Path:
        return self.folder / "data" / f"{name}.jsonl"

    def command(self, verb: str, run: Path | None, *more: str) -> list[str]:
        words = [verb, str(self.recipe), *more] + ([] if run is None else ["--run", str(run)])
        return [sys.executable, "-c", MAIN, *words]

    def carry_out(self, verb: str, run: Path | None, *more: str) -> "subprocess.CompletedProcess[str]":
        words = self.command(verb, run, *more)
        return subprocess.run(words, capture_output=True, text=True, check=False, timeout=240)

    def begin(self, run: Path, mark: str, *more: str, verb: str = "run") -> "subprocess.Popen[str]":
        """Start a command in a process group of its own; all its processes carry the mark."""
        return subprocess.Popen(
            self.command(verb, run, *more),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env={**os.environ, MARK: mark},
        )

    @staticmethod
    def results(run: Path) -> dict[str, str]:
        return results(run)

    @staticmethod
    def alive(mark: str) -> dict[int, int]:
        return alive(mark)

    @staticmethod
    def gone(marks: Sequence[str], within: float) -> bool:
        """Whether nobody with one of these marks is left after so many seconds."""
        until = time.monotonic() + within
        while any(alive(mark) for mark in marks):
            if time.monotonic() > until:
                return False
            time.sleep(0.05)
        return True


@dataclass(frozen=True)
class Finished:
    """A run that went to its end, what the command said, and how long it took."""

    run: Path
    out: str
    err: str
    seconds: float


def once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], Any]) -> tuple[Path, Any]:
    """A folder that is made once, also where several processes share the tests (pytest-xdist), and what came of it."""
    own = factory.getbasetemp()
    root = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    folder, told = root / name, root / f"{name}.json"
    with (root / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not told.exists():
            folder.mkdir()
            told.write_text(json.dumps(make(folder)), encoding="utf-8")
    return folder, json.loads(told.read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def cut(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The starter recipe's data, cut to a few rows each."""

    def make(few: Path) -> None:
        whole = tmp_path_factory.mktemp("whole")
        init(whole)
        (few / "data").mkdir()
        for name, count in SIZES.items():
            with (whole / "data" / f"{name}.jsonl").open(encoding="utf-8") as file:
                (few / "data" / f"{name}.jsonl").write_text("".join(islice(file, count)), encoding="utf-8")
        (few / "recipe.yaml").write_text(RECIPE, encoding="utf-8")

    return once(tmp_path_factory, "few", make)[0]


@pytest.fixture(scope="session")
def whole() -> type[Tiny]:
    """For tests that share the recipe of the session, and leave it as it is."""
    return Tiny


@pytest.fixture
def tiny(cut: Path, tmp_path: Path) -> Tiny:
    """A copy of the tiny recipe that a test may spoil."""
    folder = tmp_path / "asked"
    (folder / "data").mkdir(parents=True)
    for name in SIZES:
        (folder / "data" / f"{name}.jsonl").write_bytes((cut / "data" / f"{name}.jsonl").read_bytes())
    (folder / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
    return Tiny(folder)


@pytest.fixture(scope="session")
def finished(cut: Path, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """The recipe carried out to its end: to be looked at and compared with; who changes it makes a copy."""

    def make(folder: Path) -> list[Any]:
        began = time.monotonic()
        done = Tiny(cut).carry_out("run", folder / "run", "--json")
        assert done.returncode == 0, done.stderr
        return [done.stdout, done.stderr, time.monotonic() - began]

    folder, (out, err, seconds) = once(tmp_path_factory, "finished", make)
    return Finished(folder / "run", out, err, seconds)


@pytest.fixture(scope="session")
def begun(finished: Finished, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose first stages are done, to be copied and damaged: state is in sealed folders and nowhere else."""

    def make(folder: Path) -> None:
        (folder / "run").mkdir()
        for name in FIRST:
            shutil.copytree(finished.run / name, folder / "run" / name)
        for path in finished.run.iterdir():
            if path.is_file() and not path.name.startswith((".", "report", "MANIFEST")):
                shutil.copy2(path, folder / "run")

    return once(tmp_path_factory, "begun", make)[0] / "run"


@pytest.fixture(scope="session")
def calm(cut: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., dict[str, str]]:
    """What stage sft gives under some settings when nobody disturbs it; made once for each."""

    def of(*settings: str) -> dict[str, str]:
        def make(folder: Path) -> dict[str, str]:
            done = Tiny(cut).carry_out("sft", folder / "run", *settings)
            assert done.returncode == 0, done.stderr
            return results(folder / "run")

        found: dict[str, str] = once(tmp_path_factory, "-".join(("calm", *settings)), make)[1]
        return found

    return of


def results(run: Path) -> dict[str, str]:
    """Every file of a run and what is in it, apart from the time that it took to make it, and from the cache."""
    found = {}
    for path in sorted(path for path in run.rglob("*") if path.is_file()):
        name = path.relative_to(run).as_posix()
        if name.startswith(".cache/"):
            continue
        if path.name == "metrics.jsonl":
            found[name] = "\n".join(metrics(path))
        elif path.name in TIMED or name.startswith(".lock"):
            found[name] = ""
        else:
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def metrics(path: Path) -> list[str]:
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [json.dumps({k: v for k, v in line.items() if k not in PASSING}, sort_keys=True) for line in lines]


def alive(mark: str) -> dict[int, int]:
    """The processes whose surroundings carry a mark, and their parents."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if f"{MARK}={mark}\0".encode() in (folder / "environ").read_bytes():
                found[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue  # it ended in between, or is another user's
    return found
