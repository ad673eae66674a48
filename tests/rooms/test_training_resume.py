"""Resume: a run that is killed and started again ends bit for bit where the undisturbed run ends."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from concord.training import (
    Checkpoints,
    Diary,
    Guard,
    Local,
    Loss,
    Optimizer,
    Saving,
    fit,
    network_tensors,
    restore_networks,
    restore_rng,
    schedule,
)

STEPS = 12
ROLLOUT = 3
UNTIMED = ("seconds", "tokens_per_second", "memory_mb")


class Killed(BaseException):
    """What kill -9 would do, without the wait."""


class Row:
    def __init__(self, x: Tensor) -> None:
        self.x = x

    @property
    def weight(self) -> float:
        return float(len(self.x))


class Rollouts:
    """A feed that makes experience by chance and reads each portion three times: settled after the third."""

    def __init__(self) -> None:
        self.number = 0
        self.mean = 0.0  # moves with what was seen, like a running reward mean

    @property
    def settled(self) -> bool:
        return self.number % ROLLOUT == 0

    def __iter__(self) -> Iterator[list[Row]]:
        while self.number < STEPS:
            x = torch.randn(6, 4) + self.mean
            self.mean = 0.9 * self.mean + 0.1 * float(x.mean())
            for _ in range(ROLLOUT):
                self.number += 1
                yield [Row(x[:4]), Row(x[4:])]

    def state(self) -> dict[str, Any]:
        return {"number": self.number, "mean": self.mean}

    def restore(self, state: dict[str, Any]) -> None:
        self.number, self.mean = state["number"], state["mean"]


def fingerprint(tensors: dict[str, Tensor], state: dict[str, Any]) -> str:
    """One hash of every name, type, shape, bit and counter."""
    digest = hashlib.sha256(json.dumps(state).encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().numpy().tobytes())
    return digest.hexdigest()


def life(folder: Path, every: int, kill_at: int | None = None, poison: int | None = None) -> str:
    """One process's life: go on from the newest checkpoint, learn, perhaps die; returns the final hash."""
    torch.manual_seed(11)
    net = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.3), nn.Linear(8, 1))
    critic = nn.Linear(4, 1)
    networks = {"policy": net, "critic": critic}
    optimizer = Optimizer(
        networks, {"policy": 0.01, "critic": 0.02}, 0.1, 0.5, schedule("cosine", STEPS, 0.2)
    )
    feed, guard = Rollouts(), Guard(patience=3)
    diary = Diary(folder / "metrics.jsonl", "toy", show=False)
    checkpoints = Checkpoints(folder / "state", facts={"steps": STEPS})
    done = 0
    if found := checkpoints.newest():
        tensors, state = found.tensors(), found.state
        restore_networks(networks, tensors)
        optimizer.restore(tensors)
        restore_rng(tensors)
        feed.restore(state["feed"])
        guard.restore(state["guard"])
        done = found.step
    diary.rewind(done)

    def gather() -> tuple[dict[str, Tensor], dict[str, Any]]:
        memory = {**network_tensors(networks), **optimizer.tensors()}
        return memory, {"feed": feed.state(), "guard": guard.state()}

    saving = Saving(checkpoints, 0, gather, feed)

    def objective(batch: Row) -> Loss:
        wrong = (net(batch.x) - batch.x.sum(-1, keepdim=True)).square().mean()
        wrong = wrong + critic(batch.x).square().mean()
        return Loss(wrong * (torch.nan if feed.number == poison else 1.0), {}, {"tokens": batch.weight})

    def sometimes(number: int, notes: dict[str, Any]) -> None:
        if number % every == 0:
            saving(number, notes)

    def death(number: int, notes: dict[str, Any]) -> None:
        if number == kill_at:
            raise Killed

    try:
        fit(feed, objective, Local(), optimizer, guard, [diary, guard, sometimes, death], done)
    finally:
        diary.close()
    return fingerprint(*gather())


def metrics(folder: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{name: value for name, value in line.items() if name not in UNTIMED} for line in lines]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, list[dict[str, Any]]]:
    folder = tmp_path_factory.mktemp("undisturbed")
    return life(folder, every=1), metrics(folder)


@pytest.mark.parametrize("every", range(1, 8))
def test_killed_and_resumed_is_bit_equal(
    tmp_path: Path, every: int, undisturbed: tuple[str, list[dict[str, Any]]]
) -> None:
    for kill_at in (5, 8, 11):  # three deaths, one of them inside each rollout
        with pytest.raises(Killed):
            life(tmp_path, every, kill_at)
    kept = [int(path.name) for path in Checkpoints(tmp_path / "state", facts={"steps": STEPS}).paths()]
    assert all(step % ROLLOUT == 0 and step % every == 0 for step in kept)  # never half-used experience
    assert life(tmp_path, every) == undisturbed[0]
    assert metrics(tmp_path) == undisturbed[1]
    assert [line["step"] for line in metrics(tmp_path)] == list(range(1, STEPS + 1))


def test_half_and_half_is_the_whole(tmp_path: Path, undisturbed: tuple[str, list[dict[str, Any]]]) -> None:
    with pytest.raises(Killed):
        life(tmp_path, 1, kill_at=STEPS // 2)
    assert life(tmp_path, 1) == undisturbed[0]


def test_two_undisturbed_runs_are_equal(
    tmp_path: Path, undisturbed: tuple[str, list[dict[str, Any]]]
) -> None:
    assert life(tmp_path, every=7) == undisturbed[0]


def test_a_skipped_step_is_resumed_too(tmp_path: Path) -> None:
    whole = life(tmp_path / "a", 1, poison=5)
    with pytest.raises(Killed):
        life(tmp_path / "b", 1, kill_at=8, poison=5)
    assert life(tmp_path / "b", 1, poison=5) == whole
    assert metrics(tmp_path / "a") == metrics(tmp_path / "b")
    assert metrics(tmp_path / "b")[4]["loss"] == "NaN" and metrics(tmp_path / "b")[4]["skipped"] == 1


def test_a_step_that_was_refused_is_not_saved(tmp_path: Path) -> None:
    life(tmp_path, 1, poison=STEPS)
    names = [path.name for path in Checkpoints(tmp_path / "state", facts={"steps": STEPS}).paths()]
    assert names == ["000006", "000009"]


def test_a_damaged_newest_checkpoint_costs_steps_and_not_the_result(
    tmp_path: Path, undisturbed: tuple[str, list[dict[str, Any]]]
) -> None:
    with pytest.raises(Killed):
        life(tmp_path, 1, kill_at=10)
    file = tmp_path / "state" / "000009" / "tensors.safetensors"
    raw = bytearray(file.read_bytes())
    raw[-1] ^= 1
    file.write_bytes(bytes(raw))
    assert life(tmp_path, 1) == undisturbed[0]
    assert metrics(tmp_path) == undisturbed[1]
