"""A journey small enough to be made again and again: every stage and every method, in seconds."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from concord import formats
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
learning: {device: cpu, precision: float32, checkpoint_seconds: 0}
"""
SIZES = {"demonstrations": 24, "more_demonstrations": 32, "prompts": 12, "held_out": 16}
PASSING = {"seconds", "tokens_per_second", "memory_mb"}
"""What a line of metrics says of the moment it was written in, and not of what was learned."""
SOUND = ("done", "go", 0)
MAIN = "import sys; from concord.cli.main import main; sys.exit(main())"


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
        return subprocess.run(
            self.command(verb, run, *more),
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
            env=surroundings(),
        )


def surroundings() -> dict[str, str]:
    return {**os.environ, "PYTHONUNBUFFERED": "1"}


@pytest.fixture(scope="session")
def cut(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The starter recipe's data, cut to a few rows each."""
    whole, few = tmp_path_factory.mktemp("whole"), tmp_path_factory.mktemp("few")
    init(whole)
    (few / "data").mkdir()
    for name, count in SIZES.items():
        with (whole / "data" / f"{name}.jsonl").open(encoding="utf-8") as file:
            (few / "data" / f"{name}.jsonl").write_text("".join(islice(file, count)), encoding="utf-8")
    (few / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
    return few


@pytest.fixture
def tiny(cut: Path, tmp_path: Path) -> Tiny:
    """A copy of the tiny recipe that a test may spoil."""
    folder = tmp_path / "asked"
    (folder / "data").mkdir(parents=True)
    for name in SIZES:
        (folder / "data" / f"{name}.jsonl").write_bytes((cut / "data" / f"{name}.jsonl").read_bytes())
    (folder / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
    return Tiny(folder)


def results(run: Path) -> dict[str, str]:
    """What came of a run, file by file: everything but the time that it took."""
    found = {}
    for path in sorted(run.rglob("*")):
        name = path.relative_to(run).as_posix()
        if path.suffix == ".safetensors" or path.name in LASTING:
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
        elif path.name == "metrics.jsonl":
            found[name] = hashlib.sha256("\n".join(metrics(path)).encode()).hexdigest()
    return found


LASTING = ("completions.jsonl", "rankings.jsonl", "answers.jsonl", "many.jsonl", "held_out.jsonl", "verdict.json")


def metrics(path: Path) -> list[str]:
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [json.dumps({k: v for k, v in line.items() if k not in PASSING}, sort_keys=True) for line in lines]
