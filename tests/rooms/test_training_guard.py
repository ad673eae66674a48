"""The guard: what is not finite is never learned, never saved, never shown as 0, and ends the run in time."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from concord.errors import Diverged
from concord.training import Diary, Guard, Local, Loss, Optimizer, fit

NAN, INF = float("nan"), float("inf")


@dataclass
class Value:
    x: Tensor
    weight: float = 1.0

    def describe(self) -> dict[str, Any]:
        return {"x": self.x}


class Values:
    settled = True

    def __init__(self, values: list[float]) -> None:
        self.values = values

    def __iter__(self) -> Iterator[list[Value]]:
        for value in self.values:
            yield [Value(torch.tensor([value]))]

    def state(self) -> dict[str, Any]:
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        return None


def net_of(value: float = 1.0) -> nn.Linear:
    net = nn.Linear(1, 1, bias=False)
    nn.init.constant_(net.weight, value)
    return net


def learn(net: nn.Linear, values: list[float], guard: Guard, path: Path, rate: float = 0.1) -> None:
    diary = Diary(path / "metrics.jsonl", "toy", show=False)
    try:
        fit(
            Values(values), lambda batch: Loss((net(batch.x) ** 2).mean()), Local(),
            Optimizer({"net": net}, rate), guard, [diary, guard],
        )  # fmt: skip
    finally:
        diary.close()


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (path / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.parametrize(("bad", "word"), [(NAN, "NaN"), (INF, "Infinity")])
def test_a_bad_loss_is_skipped_counted_and_shown(tmp_path: Path, bad: float, word: str) -> None:
    net, twin = net_of(), net_of()
    guard = Guard(patience=2, dump=tmp_path / "refused")
    learn(net, [1.0, bad, 1.0, bad, 1.0], guard, tmp_path)
    (tmp_path / "twin").mkdir()
    learn(twin, [1.0, 1.0, 1.0], Guard(), tmp_path / "twin")
    assert torch.equal(net.weight, twin.weight)  # as if the bad steps had not been
    assert guard.skipped == 2 and guard.in_a_row == 0
    assert [line["skipped"] for line in lines(tmp_path)] == [0, 1, 0, 1, 0]
    assert lines(tmp_path)[1]["loss"] == word
    dumped = json.loads((tmp_path / "refused/000002.json").read_text())
    assert dumped["step"] == 2 and dumped["loss"] == word and dumped["batches"] == [{"x": [word]}]
    assert "grad_norm.net" in dumped


class Spoil(torch.autograd.Function):
    """A finite loss with a gradient that is not."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return gradient * NAN


spoil: Any = Spoil.apply


def test_a_bad_gradient_ends_the_run_after_patience() -> None:
    net = net_of()
    optimizer, guard = Optimizer({"net": net}, 0.1), Guard(patience=3)
    told: list[dict[str, Any]] = []
    with pytest.raises(Diverged, match=r"Step 3: grad_norm\.net is NaN.* in a row: 3; .* of step 0\. Lower"):
        fit(
            Values([1.0] * 9), lambda batch: Loss(spoil(net(batch.x)).mean()), Local(),
            optimizer, guard, [lambda number, notes: told.append(dict(notes))],
        )  # fmt: skip
    assert net.weight.item() == 1.0 and optimizer.tensors() == {}
    assert [float(notes["loss"]) for notes in told] == [1.0, 1.0]
    assert [notes["skipped"] for notes in told] == [1.0, 1.0]


def test_a_rate_of_1e30_stops_with_finite_weights(tmp_path: Path) -> None:
    net = net_of()
    with pytest.raises(Diverged, match="loss is Infinity"):
        learn(net, [1.0] * 50, Guard(), tmp_path, rate=1e30)
    assert torch.isfinite(net.weight).all()
    assert [line["loss"] for line in lines(tmp_path)] == [1.0, "Infinity", "Infinity"]


def test_patience_counts_only_what_is_in_a_row_and_survives_a_restart() -> None:
    guard = Guard(patience=2)
    assert not guard.allows(1, NAN, {"net": 1.0})
    assert guard.allows(2, 1.0, {"net": 1.0})
    assert not guard.allows(3, 1.0, {"net": INF})
    later = Guard(patience=2)
    later.restore(guard.state())
    with pytest.raises(Diverged, match=r"Step 4: .* weights are those of step 2"):
        later.allows(4, 1.0, {"net": NAN})
    assert later.skipped == 3


@pytest.mark.parametrize("kl", [10.5, NAN, torch.tensor(11.0)])
def test_a_note_beyond_its_limit_ends_the_run(kl: Any) -> None:
    guard = Guard(limits={"kl": 10.0})
    guard(1, {"kl": 10.0, "loss": 99.0})
    guard(2, {"loss": 99.0})
    with pytest.raises(Diverged, match=r"Step 3: `kl` is .* beyond its limit 10\.0"):
        guard(3, {"kl": kl})


def test_a_refused_step_is_not_judged_twice() -> None:
    guard = Guard(limits={"kl": 10.0})
    assert not guard.allows(1, NAN, {})
    guard(1, {"kl": NAN})
