"""DPO and its relatives (T27)."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd import gradcheck

from concord.maths.preference import dpo, dpo_conservative, hinge, implicit_reward, ipo
from concord.maths.ranking import bradley_terry

D = torch.float64
GOLDEN = tuple(torch.tensor([x], dtype=D) for x in (-10.0, -12.0, -11.0, -11.5))
examples = settings(max_examples=20, deadline=None, derandomize=True, database=None)
logprob = st.floats(-60, 0)


def test_golden():
    """T27: h = 1.5, beta = .1."""
    assert dpo(*GOLDEN, beta=0.1).item() == pytest.approx(0.6209570478, abs=1e-10)
    assert ipo(*GOLDEN, beta=0.1).item() == pytest.approx(12.25, abs=1e-12)
    assert hinge(*GOLDEN, beta=0.1).item() == pytest.approx(0.85, abs=1e-12)
    assert hinge(*GOLDEN, beta=1.0).item() == 0.0
    got = dpo_conservative(*GOLDEN, beta=0.1, smoothing=0.25).item()
    assert got == pytest.approx(0.75 * 0.6209570478 + 0.25 * (0.6209570478 + 0.15), abs=1e-9)


def test_loss_is_log_2_at_the_start():
    """T27: where policy and reference agree."""
    better, worse = torch.tensor([-3.0, -7.0], dtype=D), torch.tensor([-5.0, -1.0], dtype=D)
    start = (better, worse, better, worse)
    assert dpo(*start, beta=0.3).tolist() == pytest.approx([math.log(2)] * 2, abs=1e-15)
    assert dpo_conservative(*start, beta=0.3, smoothing=0.2).tolist() == pytest.approx(
        [math.log(2)] * 2, abs=1e-15
    )
    assert hinge(*start, beta=0.3).tolist() == [1.0, 1.0]
    assert implicit_reward(better, better, beta=0.3).tolist() == [0.0, 0.0]


def test_implicit_reward_of_the_best_policy_is_the_reward():
    """T27, 4.80, erratum 4.74: beta log(pi* / pi_ref) = r - beta log Z for pi* = pi_ref e^(r / beta) / Z."""
    reference, reward = torch.tensor([0.5, 0.3, 0.2], dtype=D).log(), torch.tensor([0.0, 1.0, 2.0], dtype=D)
    best = (reference + reward / 0.5).log_softmax(-1)
    torch.testing.assert_close(
        implicit_reward(best, reference, beta=0.5), reward - 1.3063694, rtol=0, atol=1e-7
    )


def test_the_optimum_is_the_best_policy():
    """T27: DPO on the expected choices of a reward has its least loss at pi* = pi_ref e^(r / beta) / Z."""
    reference, reward, beta = (
        torch.tensor([0.5, 0.3, 0.2], dtype=D).log(),
        torch.tensor([0.0, 1.0, 2.0], dtype=D),
        0.5,
    )
    left, right = torch.tensor([0, 0, 1, 1, 2, 2]), torch.tensor([1, 2, 0, 2, 0, 1])
    chance = (reward[left] - reward[right]).sigmoid()
    logits = (reference + reward / beta).requires_grad_()
    policy = logits.log_softmax(-1)
    losses = chance * dpo(policy[left], policy[right], reference[left], reference[right], beta=beta)
    assert torch.autograd.grad(losses.sum(), logits)[0].abs().max().item() < 1e-12


@examples
@given(logprob, logprob, logprob, logprob, st.floats(0.01, 2))
def test_dpo_is_bradley_terry_on_implicit_rewards(better, worse, reference_better, reference_worse, beta):
    """T27; and cDPO mixes a label with its opposite."""
    four = [torch.tensor([x], dtype=D) for x in (better, worse, reference_better, reference_worse)]
    rewards = torch.stack(
        [implicit_reward(four[0], four[2], beta), implicit_reward(four[1], four[3], beta)], -1
    )
    want = bradley_terry(rewards, torch.tensor([[0, 1]]))
    torch.testing.assert_close(dpo(*four, beta=beta), want, rtol=1e-9, atol=1e-9)
    swapped = dpo(four[1], four[0], four[3], four[2], beta=beta)
    mixed = dpo_conservative(*four, beta=beta, smoothing=0.3)
    torch.testing.assert_close(mixed, 0.7 * dpo(*four, beta=beta) + 0.3 * swapped, rtol=1e-12, atol=1e-12)
    assert torch.equal(dpo_conservative(*four, beta=beta, smoothing=0.0), dpo(*four, beta=beta))


def test_gradients():
    generator = torch.Generator().manual_seed(3)
    four = tuple(torch.randn(3, dtype=D, generator=generator, requires_grad=True) for _ in range(4))
    for formula in (dpo, ipo, hinge):
        assert gradcheck(lambda a, b, c, d, f=formula: f(a, b, c, d, 0.3), four)
    assert gradcheck(lambda a, b, c, d: dpo_conservative(a, b, c, d, 0.3, 0.1), four)
    assert gradcheck(lambda a, b: implicit_reward(a, b, 0.3), four[:2])
