"""The loop: its gradient does not depend on how a step is cut into batches, and its notes are true means."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from concord.errors import TrainingError
from concord.training import Guard, Local, Loss, Optimizer, fit


@dataclass
class Rows:
    x: Tensor
    mask: Tensor

    @property
    def weight(self) -> float:
        return float(self.mask.sum())

    def describe(self) -> dict[str, Any]:
        return {"rows": len(self.x)}


class Steps:
    settled = True

    def __init__(self, steps: list[list[Rows]]) -> None:
        self.steps = steps

    def __iter__(self) -> Iterator[list[Rows]]:
        return iter(self.steps)

    def state(self) -> dict[str, Any]:
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        assert state == {}


class Keeping(Local):
    """An engine that keeps each step's gradients."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[list[Tensor]] = []

    def step(self, optimizer: Optimizer, number: int, norms: dict[str, float]) -> None:
        self.seen.append([p.grad.clone() for _, p in optimizer.named() if p.grad is not None])
        super().step(optimizer, number, norms)


def network() -> nn.Sequential:
    torch.manual_seed(7)
    return nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 1)).double()


def masked_square(net: nn.Module) -> Any:
    def objective(batch: Rows) -> Loss:
        wrong = net(batch.x).squeeze(-1).square() * batch.mask
        mean = wrong.sum() / batch.mask.sum().clamp(min=1)
        return Loss(mean, {"square": mean}, {"tokens": batch.mask.sum()})

    return objective


def learn_cut(size: int) -> tuple[list[Tensor], dict[str, Any]]:
    """One step on 8 rows of very different weight, cut into batches of `size`."""
    net = network()
    x = torch.randn(8, 6, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    mask = (torch.arange(6)[None] < torch.tensor([1, 6, 2, 5, 3, 4, 1, 6])[:, None]).double()
    step = [Rows(x[i : i + size], mask[i : i + size]) for i in range(0, 8, size)]
    engine = Keeping()
    told: dict[str, Any] = {}
    fit(
        Steps([step]), masked_square(net), engine, Optimizer({"net": net}, 0.1), Guard(),
        [lambda number, notes: told.update(notes)],
    )  # fmt: skip
    return engine.seen[0], told


def test_one_gradient_however_a_step_is_cut() -> None:
    whole, told = learn_cut(8)
    for size in (1, 2, 4):
        parts, again = learn_cut(size)
        for a, b in zip(whole, parts, strict=True):
            assert (a - b).abs().max() < 1e-12
        assert float(again["loss"]) == pytest.approx(float(told["loss"]), abs=1e-12)
        assert float(again["square"]) == pytest.approx(float(told["loss"]), abs=1e-12)
        assert float(again["tokens"]) == 28.0
        assert again["grad_norm.net"] == pytest.approx(told["grad_norm.net"], abs=1e-12)


def slope(weight: Tensor) -> Any:
    return lambda batch: Loss((weight * batch.x).mean(), dict(batch.notes))


@dataclass
class Plain:
    x: Tensor
    weight: float
    notes: dict[str, Any]


def one(value: float) -> nn.Linear:
    net = nn.Linear(1, 1, bias=False)
    nn.init.constant_(net.weight, value)
    return net


def run(
    net: nn.Linear, steps: list[list[Plain]], done: int = 0
) -> tuple[int, list[tuple[int, dict[str, Any]]]]:
    told: list[tuple[int, dict[str, Any]]] = []
    last = fit(
        Steps(steps),  # type: ignore[arg-type]
        slope(net.weight), Local(), Optimizer({"net": net}, 0.5, clip_norm=None), Guard(),
        [lambda number, notes: told.append((number, dict(notes)))], done,
    )  # fmt: skip
    return last, told


def test_notes_are_weighted_means_by_hand() -> None:
    # weights 1 and 3: loss = 2 * (1/4 * 4 + 3/4 * 8) = 14, gradient 7, kl (1*0.1 + 3*0.5)/4 = 0.4
    step = [
        Plain(torch.tensor([4.0]), 1.0, {"kl": torch.tensor(0.1), "rare": 5.0}),
        Plain(torch.tensor([8.0]), 3.0, {"kl": torch.tensor(0.5)}),
    ]
    net = one(2.0)
    last, told = run(net, [step], done=4)
    assert last == 5
    (number, notes), = told  # fmt: skip
    assert number == 5
    assert float(notes["loss"]) == pytest.approx(14.0)
    assert float(notes["kl"]) == pytest.approx(0.4)
    assert notes["rare"] == pytest.approx(5.0)  # over the batches that have it
    assert notes["grad_norm.net"] == pytest.approx(7.0)
    assert notes["rate.net"] == 0.5
    assert notes["skipped"] == 0.0
    assert not notes["loss"].requires_grad and not notes["kl"].requires_grad
    # Adam's first step is the rate times the gradient's sign
    assert net.weight.item() == pytest.approx(1.5, abs=1e-6)


def test_a_batch_without_weight_changes_nothing() -> None:
    heavy = Plain(torch.tensor([4.0]), 2.0, {"kl": 0.25})
    empty = Plain(torch.tensor([9.0]), 0.0, {"kl": float("nan")})
    _, alone = run(one(1.0), [[heavy]])
    _, both = run(one(1.0), [[heavy, empty]])
    assert float(alone[0][1]["loss"]) == float(both[0][1]["loss"]) == 4.0
    assert both[0][1]["kl"] == 0.25
    assert alone[0][1]["grad_norm.net"] == both[0][1]["grad_norm.net"]


@pytest.mark.parametrize("weight", [0.0, float("nan"), -1.0])
def test_a_step_without_weight_is_an_error(weight: float) -> None:
    with pytest.raises(TrainingError, match=r"Step 1 weighs .* bears loss"):
        run(one(1.0), [[Plain(torch.tensor([1.0]), weight, {})]])


def test_a_feed_that_ends_at_once_leaves_the_count() -> None:
    assert run(one(1.0), [], done=9) == (9, [])
