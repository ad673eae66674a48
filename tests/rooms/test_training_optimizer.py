"""The optimiser: AdamW by hand and against torch, own clipping for each network, an exact memory."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from concord.errors import StoreError, TrainingError
from concord.training import Optimizer, schedule


def line(value: float, dtype: torch.dtype = torch.float64) -> nn.Linear:
    net = nn.Linear(1, 1, bias=False, dtype=dtype)
    nn.init.constant_(net.weight, value)
    return net


def push(optimizer: Optimizer, number: int = 1) -> None:
    norms = {name: float(norm) for name, norm in optimizer.norms().items()}
    optimizer.step(number, norms)
    optimizer.clear()


def test_two_steps_by_hand() -> None:
    # rate 0.1, decay 0.5, betas (0.9, 0.999), gradients 2 then -1, weight 1
    net = line(1.0)
    optimizer = Optimizer({"net": net}, 0.1, weight_decay=0.5, clip_norm=None)
    net.weight.grad = torch.tensor([[2.0]], dtype=torch.float64)
    push(optimizer)
    first = 1.0 * (1 - 0.1 * 0.5) - 0.1 * 2.0 / (2.0 + 1e-8)
    assert net.weight.item() == pytest.approx(first, abs=1e-12)
    net.weight.grad = torch.tensor([[-1.0]], dtype=torch.float64)
    push(optimizer, 2)
    m = (0.9 * 0.2 + 0.1 * -1.0) / (1 - 0.9**2)
    v = (0.999 * 0.004 + 0.001 * 1.0) / (1 - 0.999**2)
    second = first * 0.95 - 0.1 * m / (math.sqrt(v) + 1e-8)
    assert net.weight.item() == pytest.approx(second, abs=1e-12)


def test_as_torch_does_it() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 8), nn.LayerNorm(8), nn.Linear(8, 1)).double()
    twin = nn.Sequential(nn.Linear(4, 8), nn.LayerNorm(8), nn.Linear(8, 1)).double()
    twin.load_state_dict(net.state_dict())
    ours = Optimizer({"net": net}, 0.01, weight_decay=0.1, clip_norm=0.5)
    theirs = torch.optim.AdamW(
        [
            {"params": [p for p in twin.parameters() if p.dim() >= 2], "weight_decay": 0.1},
            {"params": [p for p in twin.parameters() if p.dim() < 2], "weight_decay": 0.0},
        ],
        lr=0.01,
        foreach=False,
    )
    for number in range(1, 6):
        x = torch.randn(16, 4, dtype=torch.float64)
        net(x).square().sum().backward()
        push(ours, number)
        theirs.zero_grad()
        twin(x).square().sum().backward()
        torch.nn.utils.clip_grad_norm_(twin.parameters(), 0.5)
        theirs.step()
    for a, b in zip(net.parameters(), twin.parameters(), strict=True):
        # torch divides by the norm + 1e-6, we by the norm
        assert (a - b).abs().max() < 1e-6


def test_each_network_is_clipped_on_its_own_norm() -> None:
    policy, critic = nn.Linear(2, 1, bias=False), nn.Linear(2, 1, bias=False)
    optimizer = Optimizer({"policy": policy, "critic": critic}, {"policy": 0.1, "critic": 0.2}, clip_norm=1.0)
    policy.weight.grad = torch.tensor([[0.3, 0.4]])
    critic.weight.grad = torch.tensor([[30.0, 40.0]])
    norms = {name: float(norm) for name, norm in optimizer.norms().items()}
    assert norms == pytest.approx({"policy": 0.5, "critic": 50.0})
    optimizer.step(1, norms)
    assert policy.weight.grad.tolist()[0] == pytest.approx([0.3, 0.4])  # short enough: untouched
    assert critic.weight.grad.tolist()[0] == pytest.approx([0.6, 0.8])
    assert optimizer.rates_at(1) == {"policy": 0.1, "critic": 0.2}


def test_only_matrices_decay() -> None:
    net = nn.Sequential(nn.Linear(2, 2), nn.LayerNorm(2))
    before = [p.detach().clone() for p in net.parameters()]
    optimizer = Optimizer({"net": net}, 0.1, weight_decay=0.5)
    for parameter in net.parameters():
        parameter.grad = torch.zeros_like(parameter)
    push(optimizer)
    for old, new in zip(before, net.parameters(), strict=True):
        assert torch.allclose(new, old * (0.95 if old.dim() == 2 else 1.0), atol=1e-7)


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(5, 3)
        self.head = nn.Linear(3, 5, bias=False)
        self.head.weight = self.embed.weight
        self.frozen = nn.Linear(3, 3)
        self.frozen.requires_grad_(False)

    def forward(self, ids: Tensor) -> Any:
        return self.head(self.embed(ids))


def test_tied_once_frozen_never_shared_with_the_first() -> None:
    policy, critic = Tied(), nn.Module()
    critic.trunk = policy.embed
    critic.head = nn.Linear(3, 1)
    optimizer = Optimizer({"policy": policy, "critic": critic}, 0.1)
    names = [name for name, _ in optimizer.named()]
    assert names == ["policy.embed.weight", "critic.head.weight", "critic.head.bias"]


def test_memory_is_restored_to_the_bit_under_plain_names() -> None:
    torch.manual_seed(3)
    net = nn.Linear(3, 2)
    optimizer = Optimizer({"policy": net}, 0.01)
    for number in (1, 2):
        net(torch.randn(4, 3)).square().sum().backward()
        push(optimizer, number)
    saved = {name: tensor.clone() for name, tensor in optimizer.tensors().items()}
    assert sorted(saved) == [
        "policy.bias.exp_avg", "policy.bias.exp_avg_sq", "policy.bias.step",
        "policy.weight.exp_avg", "policy.weight.exp_avg_sq", "policy.weight.step",
    ]  # fmt: skip
    twin = nn.Linear(3, 2)
    twin.load_state_dict(net.state_dict())
    other = Optimizer({"policy": twin}, 0.01)
    other.restore({**saved, "policy.weight": net.weight.detach(), "rng.cpu": torch.get_rng_state()})
    x = torch.randn(4, 3)
    for each, network in ((optimizer, net), (other, twin)):
        network(x).square().sum().backward()
        push(each, 3)
    assert torch.equal(net.weight, twin.weight) and torch.equal(net.bias, twin.bias)
    for name, tensor in optimizer.tensors().items():
        assert torch.equal(tensor, other.tensors()[name])


def test_a_memory_that_does_not_fit_is_refused() -> None:
    net = nn.Linear(3, 2)
    optimizer = Optimizer({"policy": net}, 0.01)
    net(torch.ones(1, 3)).sum().backward()
    push(optimizer)
    saved = optimizer.tensors()
    with pytest.raises(StoreError, match=r"critic\.weight\.exp_avg"):
        optimizer.restore({**saved, "critic.weight.exp_avg": torch.zeros(1)})
    with pytest.raises(StoreError, match=r"policy\.weight.*only step, exp_avg was saved"):
        optimizer.restore({n: t for n, t in saved.items() if n != "policy.weight.exp_avg_sq"})
    with pytest.raises(StoreError, match=r"saved as \(9, 3\)"):
        optimizer.restore({**saved, "policy.weight.exp_avg": torch.zeros(9, 3)})


def test_nothing_to_learn_and_half_precision_are_errors() -> None:
    with pytest.raises(TrainingError, match="every parameter of policy is frozen"):
        Optimizer({"policy": nn.Linear(1, 1).requires_grad_(False)}, 0.1)
    with pytest.raises(TrainingError, match=r"policy\.weight is torch\.bfloat16"):
        Optimizer({"policy": nn.Linear(1, 1, dtype=torch.bfloat16)}, 0.1)


def test_schedules_by_hand() -> None:
    assert [schedule("constant", 4)(n) for n in range(1, 5)] == [1, 1, 1, 1]
    assert [schedule("linear", 4)(n) for n in range(1, 6)] == [1, 0.75, 0.5, 0.25, 0]
    # warm-up over 2 of 6 steps, then down over 4
    assert [schedule("linear", 6, 1 / 3)(n) for n in range(1, 7)] == pytest.approx(
        [1 / 3, 2 / 3, 1, 0.75, 0.5, 0.25]
    )
    cosine = [0.5 + 0.5 * math.cos(math.pi * share) for share in (0, 0.25, 0.5, 0.75)]
    assert [schedule("cosine", 4)(n) for n in range(1, 5)] == pytest.approx(cosine)
    assert cosine[2] == pytest.approx(0.5)
    assert [schedule("constant", 4, 0.5)(n) for n in range(1, 5)] == pytest.approx([1 / 3, 2 / 3, 1, 1])
    assert schedule("cosine", 1)(1) == 1 and schedule("linear", 2, 1.0)(99) == 0
