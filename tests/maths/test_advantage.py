"""Credit for tokens and for completions of a group (T10, T11, T21-T23)."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd import gradcheck

from concord.maths.advantage import (
    batch_standard,
    gae,
    group_mean,
    group_standard,
    group_standard_biased,
    leave_one_out,
    monte_carlo_returns,
    shaped,
    token_rewards,
)

D = torch.float64
REWARDS, VALUES = torch.tensor([[0.0, 0, 0, 1]], dtype=D), torch.tensor([[0.2, 0.4, 0.1, 0.5]], dtype=D)
ALL = torch.ones(1, 4, dtype=torch.bool)
SIBLINGS = torch.tensor([1.0, 0.0, 0.0, 3.0], dtype=D)
ONE_GROUP = torch.zeros(4, dtype=torch.long)
examples = settings(max_examples=20, deadline=None, derandomize=True, database=None)
number = st.floats(-10, 10)


def test_t22_gae_golden():
    """T22: r = (0, 0, 0, 1), V = (.2, .4, .1, .5), discount 1, decay .95."""
    advantages, returns = gae(REWARDS, VALUES, ALL, discount=1.0, decay=0.95)
    assert advantages[0].tolist() == pytest.approx([0.7046875, 0.53125, 0.875, 0.5], abs=1e-12)
    assert returns[0].tolist() == pytest.approx([0.9046875, 0.93125, 0.975, 1.0], abs=1e-12)


def test_shaping_pays_nothing_off_the_mask():
    """T23: between two tokens of a completion nothing is earned, though a potential follows; discount 1/2."""
    mask = torch.tensor([[False, True, False, True, False]])
    rewards = torch.tensor([[7.0, 1.0, 7.0, 2.0, 7.0]], dtype=D)
    potentials = torch.tensor([[9.0, 3.0, 9.0, 5.0, 9.0]], dtype=D)
    # 1 + 5/2 - 3, and at the end 2 + 0 - 5
    assert shaped(rewards, potentials, mask, 0.5).tolist() == [[0.0, 0.5, 0.0, -3.0, 0.0]]


def test_group_advantages_golden():
    """T10: (1, 0, 0, 3), mean 1, unbiased deviation sqrt 2."""
    assert group_mean(SIBLINGS, ONE_GROUP).tolist() == [0.0, -1.0, -1.0, 2.0]
    assert leave_one_out(SIBLINGS, ONE_GROUP).tolist() == pytest.approx(
        [0.0, -4 / 3, -4 / 3, 8 / 3], abs=1e-12
    )
    want = [x / (math.sqrt(2) + 1e-4) for x in (0.0, -1.0, -1.0, 2.0)]
    assert group_standard(SIBLINGS, ONE_GROUP).tolist() == pytest.approx(want, abs=1e-12)
    assert group_standard(SIBLINGS, ONE_GROUP).tolist() == pytest.approx(
        [0, -0.7071, -0.7071, 1.4142], abs=2e-4
    )


def test_spreads_by_hand():
    """T10: (1, 0, 0, 3): biased deviation sqrt 1.5; beside a group (4, 6) all six have variance 5.8667 (n - 1)."""
    want = [0, -0.8165, -0.8165, 1.6330]
    assert group_standard_biased(SIBLINGS, ONE_GROUP).tolist() == pytest.approx(want, abs=2e-4)
    scores = torch.cat([SIBLINGS, torch.tensor([4.0, 6.0], dtype=D)])
    groups = torch.tensor([0, 0, 0, 0, 1, 1])
    mean = 14 / 6
    spread = math.sqrt(sum((x - mean) ** 2 for x in scores.tolist()) / 5)
    want = [x / (spread + 1e-4) for x in (0.0, -1.0, -1.0, 2.0, -1.0, 1.0)]
    assert batch_standard(scores, groups).tolist() == pytest.approx(want, abs=1e-12)
    assert spread**2 == pytest.approx(5.8667, abs=1e-4)
    for formula in (group_standard_biased, batch_standard):
        assert formula(torch.ones(3, dtype=D), torch.zeros(3)).tolist() == [0.0] * 3


def test_groups_of_any_name_order_and_size():
    """A group of one has nobody to be compared with, and an equal one no spread: both get 0."""
    scores = torch.tensor([5.0, 1.0, 2.0, 2.0, 3.0], dtype=D)
    groups = torch.tensor([7, -3, 40, 40, -3])
    assert group_mean(scores, groups).tolist() == [0.0, -1.0, 0.0, 0.0, 1.0]
    assert leave_one_out(scores, groups).tolist() == [0.0, -2.0, 0.0, 0.0, 2.0]
    side = 1 / (math.sqrt(2) + 1e-4)
    assert group_standard(scores, groups).tolist() == pytest.approx([0.0, -side, 0.0, 0.0, side], abs=1e-12)


def test_t22_token_rewards_by_hand():
    """T21, T22: the score lands on the last token; erratum 4.53, 4.54: the penalty counts once."""
    drift = torch.tensor([[1.0, 2.0, math.nan], [math.inf, 3.0, -4.0]], dtype=D)
    mask = torch.tensor([[True, True, False], [False, True, True]])
    got = token_rewards(torch.tensor([10.0, 20.0], dtype=D), drift, mask, price=0.5)
    assert got.tolist() == [[-0.5, 9.0, 0.0], [0.0, -1.5, 22.0]]


def test_monte_carlo_returns_by_hand():
    mask = torch.tensor([[False, True, True, True, False]])
    rewards = torch.tensor([[9.0, 1.0, 2.0, 4.0, math.nan]], dtype=D)
    assert monte_carlo_returns(rewards, mask, discount=0.5).tolist() == [[0.0, 3.0, 4.0, 4.0, 0.0]]


def test_t23_shaping_by_the_value_is_the_one_step_advantage():
    """T23: r + V(s') - V(s), 0 after the end."""
    got = shaped(REWARDS, VALUES, ALL, discount=1.0)
    assert got[0].tolist() == pytest.approx([0.2, -0.3, 0.4, 0.5], abs=1e-12)


def test_t23_shaping_moves_no_optimum():
    """T23: on every path of two steps the return falls by the same Phi of the start."""
    potentials = torch.tensor([[0.3, a] for a in (-1.0, 0.0, 2.0)], dtype=D)
    rewards = torch.tensor([[0.0, 1.0], [0.5, 0.0], [0.2, 0.4]], dtype=D)
    mask = torch.ones(3, 2, dtype=torch.bool)
    plain = monte_carlo_returns(rewards, mask, 0.9)[:, 0]
    other = monte_carlo_returns(shaped(rewards, potentials, mask, 0.9), mask, 0.9)[:, 0]
    torch.testing.assert_close(other, plain - 0.3, rtol=0, atol=1e-12)


@examples
@given(st.lists(st.tuples(number, number), min_size=1, max_size=6), st.floats(0.5, 1), st.floats(0, 1))
def test_limits_of_gae(steps, discount, decay):
    """T22: decay 1 is return - value, decay 0 is the one-step error; returns are advantage + value."""
    rewards, values = torch.tensor(steps, dtype=D).T.unsqueeze(1)
    mask = torch.ones_like(rewards, dtype=torch.bool)
    full = monte_carlo_returns(rewards, mask, discount)
    torch.testing.assert_close(gae(rewards, values, mask, discount, 1.0)[0], full - values, rtol=0, atol=1e-9)
    one_step = shaped(rewards, values, mask, discount)
    torch.testing.assert_close(gae(rewards, values, mask, discount, 0.0)[0], one_step, rtol=0, atol=1e-12)
    advantages, returns = gae(rewards, values, mask, discount, decay)
    assert torch.equal(returns, advantages + values)
    torch.testing.assert_close(gae(rewards, full, mask, discount, decay)[0], 0 * full, rtol=0, atol=1e-9)


@examples
@given(
    st.lists(st.tuples(number, number), min_size=1, max_size=6),
    st.integers(0, 4),
    st.integers(0, 4),
    st.integers(0, 6),
)
def test_padding_and_gaps_change_no_bit(steps, left, right, gap):
    """T22: left, right or between (a tool's words among the policy's), whatever stands off the mask."""
    rewards, values = torch.tensor(steps, dtype=D).T.unsqueeze(1)
    width, cut = rewards.shape[1], min(gap, rewards.shape[1])
    places = torch.cat([torch.arange(cut) + left, torch.arange(cut, width) + left + 2])
    mask = torch.zeros(1, left + width + 2 + right, dtype=torch.bool)
    mask[0, places] = True
    wide = [torch.full(mask.shape, bad, dtype=D) for bad in (math.nan, math.inf)]
    wide[0][0, places], wide[1][0, places] = rewards[0], values[0]
    plain = gae(rewards, values, torch.ones_like(rewards, dtype=torch.bool), 0.99, 0.9)
    for before, after in zip(plain, gae(*wide, mask, 0.99, 0.9), strict=True):
        assert torch.equal(before[0], after[0, places])
        assert (after[~mask] == 0).all()
    price = token_rewards(values[:, 0], rewards, torch.ones_like(rewards, dtype=torch.bool), 0.1)
    assert torch.equal(price[0], token_rewards(values[:, 0], wide[0], mask, 0.1)[0, places])


@examples
@given(st.lists(st.tuples(number, st.integers(0, 2)), min_size=1, max_size=9), number)
def test_group_advantages_ignore_a_shift(rows, shift):
    """T10: GRPO and RLOO see differences alone, and what one sibling gains the others lose."""
    scores = torch.tensor([row[0] for row in rows], dtype=D)
    groups = torch.tensor([row[1] for row in rows])
    standards = ((group_standard, 1e-7), (group_standard_biased, 1e-7))
    for formula, near in ((group_mean, 1e-9), (leave_one_out, 1e-9), *standards):
        moved = formula(scores + shift * (groups + 1), groups)
        torch.testing.assert_close(moved, formula(scores, groups), rtol=0, atol=near)
        for group in groups.unique():
            assert moved[groups == group].sum().item() == pytest.approx(0.0, abs=near)
    mates = torch.arange(len(rows))
    for i, got in enumerate(leave_one_out(scores, groups).tolist()):
        others = scores[(groups == groups[i]) & (mates != i)]
        assert got == pytest.approx((scores[i] - others.mean()).item() if len(others) else 0.0, abs=1e-9)


def test_t10_the_baseline_moves_no_gradient_on_average():
    """T10: three arms, two samples: leave-one-out, averaged over all draws, is the true policy gradient."""
    logits, reward = (
        torch.tensor([0.2, -0.3, 0.5], dtype=D, requires_grad=True),
        torch.tensor([1.0, 5.0, 2.0], dtype=D),
    )
    chance = logits.softmax(-1)
    (truth,) = torch.autograd.grad((chance * reward).sum(), logits, retain_graph=True)
    pairs = torch.cartesian_prod(torch.arange(3), torch.arange(3))
    scores, groups = reward[pairs].flatten(), torch.arange(9).repeat_interleave(2)
    credit = leave_one_out(scores, groups).view(9, 2)
    weight = chance.detach()[pairs].prod(-1)
    surrogate = (weight.unsqueeze(-1) * credit * chance.log()[pairs]).sum() / 2
    torch.testing.assert_close(torch.autograd.grad(surrogate, logits)[0], truth, rtol=0, atol=1e-12)


def test_gradients():
    generator = torch.Generator().manual_seed(4)
    rewards, values = (torch.randn(2, 4, dtype=D, generator=generator, requires_grad=True) for _ in range(2))
    mask = torch.tensor([[False, True, True, False], [True, True, True, True]])
    assert gradcheck(lambda r, v: gae(r, v, mask, 0.9, 0.8), (rewards, values))
    assert gradcheck(lambda s, d: token_rewards(s, d, mask, 0.3), (values[:, 0], rewards))
    groups = torch.tensor([1, 0, 1, 1])
    for formula in (group_mean, leave_one_out, group_standard, group_standard_biased, batch_standard):
        assert gradcheck(lambda s, f=formula: f(s, groups), rewards[0])
