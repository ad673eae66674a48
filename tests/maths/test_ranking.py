"""Losses of reward models on rankings (T12, T14, T15, T18)."""

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd import gradcheck

from concord.maths.ranking import (
    bradley_terry,
    bradley_terry_margin,
    centring,
    implied_pairs,
    pair_accuracy,
    pair_centring,
    pair_counts,
    plackett_luce,
)

D = torch.float64
SCORES = torch.tensor([[2.0, 1.0, 0.0, -1.0]], dtype=D)
examples = settings(max_examples=25, deadline=None, derandomize=True, database=None)
score = st.floats(-20, 20)


def rows(*numbers):
    return torch.tensor(numbers, dtype=D)


def test_bradley_terry_golden():
    """T14: r = (1, -.5), then with margin 1."""
    assert bradley_terry(rows([1.0, -0.5]), torch.tensor([[0, 1]])).item() == pytest.approx(
        0.2014132780, abs=1e-10
    )
    got = bradley_terry_margin(rows(1.0), rows(-0.5), rows(1.0))
    assert got.item() == pytest.approx(0.4740769842, abs=1e-10)


def test_plackett_luce_golden():
    """T15: ranking 2 > 1 > 4 > 3 and the best order of r = (2, 1, 0, -1)."""
    assert plackett_luce(SCORES, torch.tensor([[1, 0, 3, 2]])).item() == pytest.approx(
        2.9232974056, abs=1e-10
    )
    assert plackett_luce(SCORES, torch.tensor([[0, 1, 2, 3]])).item() == pytest.approx(
        1.1610573505, abs=1e-10
    )


def test_mean_pairwise_golden():
    """T15: the mean over C(4, 2) pairs of that ranking."""
    assert bradley_terry(SCORES, torch.tensor([[1, 0, 3, 2]])).item() == pytest.approx(
        0.5403714060, abs=1e-10
    )


def test_plackett_luce_is_a_distribution_over_orders():
    """T15: the chances of all 24 orders sum to 1."""
    orders = torch.tensor(list(itertools.permutations(range(4))))
    chances = (-plackett_luce(SCORES.expand(24, 4), orders)).exp()
    assert chances.sum().item() == pytest.approx(1.0, abs=1e-12)


def test_only_pairs_in_the_ranked_order_count():
    """T15, erratum 4.57: summed over all ordered pairs, as printed, every ranking has the same loss."""
    printed = sum(
        -torch.tensor(a - b).sigmoid().log() for a, b in itertools.permutations((2.0, 1.0, 0.0, -1.0), 2)
    )
    assert printed.item() / 12 == pytest.approx(1.0404, abs=1e-4)
    right, wrong = (bradley_terry(SCORES, torch.tensor([t])).item() for t in ([0, 1, 2, 3], [3, 2, 1, 0]))
    assert (right + wrong) / 2 == pytest.approx(1.0404, abs=1e-4)
    assert right < 1.0404 < wrong


def test_ties_and_absent_candidates_by_hand():
    """T12, T15: tiers (0, 0, 1, -1) imply two pairs; a tie is no choice between its mates."""
    tiers = torch.tensor([[0, 0, 1, -1]])
    first, second = math.log1p(math.exp(-2)), math.log1p(math.exp(-1))
    assert pair_counts(tiers).tolist() == [2]
    assert bradley_terry(SCORES, tiers).item() == pytest.approx((first + second) / 2, abs=1e-12)
    assert plackett_luce(SCORES, tiers).item() == pytest.approx(first + second, abs=1e-12)
    assert implied_pairs(tiers).nonzero().tolist() == [[0, 0, 2], [0, 1, 2]]


def test_a_last_tier_is_exact():
    """T15: the best of four with the rest unordered is one choice: the sum over the orders of the rest."""
    got = plackett_luce(SCORES, torch.tensor([[1, 0, 1, 1]])).item()
    assert got == pytest.approx((SCORES.logsumexp(-1) - SCORES[0, 1]).item(), abs=1e-12)
    orders = torch.tensor([o for o in itertools.permutations(range(4)) if o[1] == 0])
    assert math.exp(-got) == pytest.approx((-plackett_luce(SCORES.expand(6, 4), orders)).exp().sum().item())


def test_a_row_without_pairs_costs_nothing():
    scores = rows([3.0, math.nan, 1.0], [math.inf, math.nan, -200.0]).requires_grad_()
    tiers = torch.tensor([[0, -1, 0], [-1, -1, -1]])
    for formula in (bradley_terry, plackett_luce, pair_accuracy):
        assert formula(scores, tiers).tolist() == [0.0, 0.0]
    assert centring(scores, tiers).tolist() == [4.0, 0.0]
    total = bradley_terry(scores, tiers) + plackett_luce(scores, tiers) + centring(scores, tiers)
    total.sum().backward()
    assert scores.grad.tolist() == [[2.0, 0.0, 2.0], [0.0, 0.0, 0.0]]


def test_pair_accuracy_by_hand():
    """Right, equal and wrong pairs: 1, a half, 0; one row has (2 > 1), (2 > 2), (1 < 2)."""
    scores = rows([2.0, 1.0, 2.0], [0.0, 1.0, 5.0])
    assert pair_accuracy(scores, torch.tensor([[0, 1, 2], [1, 0, -1]])).tolist() == [0.5, 1.0]


def test_centring_pulls_toward_zero():
    """T18, erratum 4.63: with a plus the sum of the scores shrinks; with the printed minus it grows."""
    ends = []
    for sign in (1, -1):
        r = rows(1.0, 0.5).requires_grad_()
        for _ in range(200):
            loss = bradley_terry_margin(r[:1], r[1:], rows(0.0)) + sign * 0.01 * pair_centring(r[:1], r[1:])
            (step,) = torch.autograd.grad(loss.sum(), r)
            r = (r - 0.5 * step).detach().requires_grad_()
        ends.append(r.sum().item())
    assert abs(ends[0]) < 0.03
    assert ends[1] > 20


def test_bradley_terry_recovers_utilities():
    """T14: scores learnt from expected choices equal the utilities that made them, up to a shift."""
    truth = rows(1.5, 0.2, -0.4, -1.3)
    pairs = torch.tensor(list(itertools.permutations(range(4), 2)))
    chance = (truth[pairs[:, 0]] - truth[pairs[:, 1]]).sigmoid()
    learnt = torch.zeros(4, dtype=D)
    for _ in range(120):
        learnt = learnt.detach().requires_grad_()
        loss = chance * bradley_terry(learnt[pairs], torch.tensor([[0, 1]]).expand(12, 2))
        learnt = learnt - 2 * torch.autograd.grad(loss.sum(), learnt)[0]
    torch.testing.assert_close(
        learnt.detach() - learnt.mean().item(), truth - truth.mean(), rtol=0, atol=1e-6
    )


@examples
@given(score, score, st.sampled_from([[0, 1], [1, 0], [0, 0], [2, 2], [0, -1], [-1, 0], [-1, -1], [7, 3]]))
def test_plackett_luce_of_two_is_bradley_terry_to_the_bit(a, b, order):
    """T15: also for ties and absent candidates, and in the gradient."""
    tiers = torch.tensor([order])
    for dtype in (torch.float32, D):
        scores = torch.tensor([[a, b]], dtype=dtype, requires_grad=True)
        one, other = plackett_luce(scores, tiers), bradley_terry(scores, tiers)
        assert torch.equal(one, other)
        assert torch.equal(torch.autograd.grad(one, scores)[0], torch.autograd.grad(other, scores)[0])


@examples
@given(score, score)
def test_bradley_terry_is_antisymmetric(a, b):
    """T14: the chances of the two orders sum to 1, and the losses differ by the gap."""
    one, other = bradley_terry(rows([a, b], [a, b]), torch.tensor([[0, 1], [1, 0]])).tolist()
    assert math.exp(-one) + math.exp(-other) == pytest.approx(1.0, abs=1e-12)
    assert other - one == pytest.approx(a - b, abs=1e-9)


@examples
@given(st.lists(score, min_size=5, max_size=5), st.lists(st.integers(-1, 3), min_size=5, max_size=5), score)
def test_only_differences_between_ranked_scores_matter(scores, tiers, shift):
    """T14, T15: a shift, a new order of the columns, what stands at -1 and absent columns change nothing."""
    base, order = rows(scores), torch.tensor([tiers])
    hidden = torch.where(order < 0, math.nan, base + shift)
    turned = torch.cat([hidden.flip(-1), rows([math.inf, -200.0])], -1)
    turned_order = torch.nn.functional.pad(order.flip(-1), (0, 2), value=-1)
    for formula in (bradley_terry, plackett_luce):
        want = formula(base, order)
        torch.testing.assert_close(formula(hidden, order), want, rtol=1e-9, atol=1e-9)
        torch.testing.assert_close(formula(turned, turned_order), want, rtol=1e-9, atol=1e-9)
    steps = torch.autograd.grad(plackett_luce(turned.requires_grad_(), turned_order), turned)[0]
    assert steps.isfinite().all()
    assert steps.sum().item() == pytest.approx(0.0, abs=1e-9)


def test_gradients():
    scores = torch.randn(3, 4, dtype=D, generator=torch.Generator().manual_seed(2), requires_grad=True)
    tiers = torch.tensor([[0, 1, 2, 3], [1, 0, 1, -1], [2, 2, 0, 5]])
    for formula in (bradley_terry, plackett_luce, centring):
        assert gradcheck(lambda y, f=formula: f(y, tiers), scores)
    assert gradcheck(bradley_terry_margin, (scores[0], scores[1], scores[2]))
    assert gradcheck(pair_centring, (scores[0], scores[1]))
