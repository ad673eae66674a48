"""Losses of policy and critic, and their dials (T11, T19-T22)."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd import gradcheck

from concord.maths.divergence import k1, k2, k3, weighted_k3
from concord.maths.sequence import masked_mean
from concord.maths.surrogate import (
    cispo_loss,
    clip_fraction,
    clipped_policy_loss,
    clipped_value_loss,
    dual_clipped_policy_loss,
    explained_variance,
    next_price,
    policy_gradient_loss,
    sapo_loss,
    two_sided_policy_loss,
    vespo_loss,
)

D = torch.float64
examples = settings(max_examples=20, deadline=None, derandomize=True, database=None)
number = st.floats(-5, 5)


def rows(*numbers):
    return torch.tensor(numbers, dtype=D)


@pytest.mark.parametrize(
    ("advantage", "ratio", "objective", "slope"),
    [
        (1.0, 0.5, 0.5, 1.0),
        (1.0, 1.0, 1.0, 1.0),
        (1.0, 1.5, 1.2, 0.0),
        (-1.0, 0.5, -0.8, 0.0),
        (-1.0, 1.0, -1.0, -1.0),
        (-1.0, 1.5, -1.5, -1.0),
    ],
)
def test_t20_clip_table(advantage, ratio, objective, slope):
    """T20, errata 4.49, 4.50: min(r A, clip(r) A) at .2; the printed clip(r) A says -.5 and -1.2 below 0."""
    logprob = rows(math.log(ratio)).requires_grad_()
    loss = clipped_policy_loss(logprob, rows(0.0), rows(advantage), 0.2, 0.2)
    assert loss.item() == pytest.approx(-objective, abs=1e-12)
    assert torch.autograd.grad(loss.sum(), logprob)[0].item() == pytest.approx(-slope * ratio, abs=1e-12)


def test_t20_clip_fraction_counts_stopped_tokens():
    """T20: of the six of the table, two are stopped; what stands off the mask counts neither way."""
    logprobs = rows([0.5, 1.0, 1.5, 0.5, 1.0, 1.5, 9.0]).log()
    advantages = rows([1.0, 1, 1, -1, -1, -1, math.nan])
    mask = torch.tensor([[True] * 6 + [False]])
    assert clip_fraction(logprobs, 0 * logprobs, advantages, 0.2, 0.2, mask).item() == pytest.approx(
        2 / 6, abs=1e-12
    )
    assert clip_fraction(logprobs, logprobs, advantages, 0.2, 0.2, mask).item() == 0.0
    assert clip_fraction(logprobs, logprobs, advantages, 0.0, 0.0, mask).item() == 0.0, (
        "on a bound is not beyond"
    )
    assert clip_fraction(logprobs, 0 * logprobs, advantages, 0.2, 0.6, mask).item() == pytest.approx(
        1 / 6, abs=1e-12
    )


def test_t20_the_ratio_is_to_the_policy_that_spoke():
    """T20, errata 4.45-4.56: with three different policies the reference enters the drift alone."""
    learning, spoke, reference = rows(-1.0), rows(-1.1), rows(-2.0)
    assert clipped_policy_loss(learning, spoke, rows(1.0), 0.2, 0.2).item() == pytest.approx(-math.exp(0.1))
    assert k1(learning, reference).item() == 1.0


@examples
@given(st.lists(st.tuples(st.floats(-9, 0), number), min_size=1, max_size=6))
def test_t19_at_ratio_1_the_gradient_is_the_policy_gradient(tokens):
    """T19: PPO's first step is A2C's; its value is -A."""
    logprobs, advantages = torch.tensor(tokens, dtype=D).T
    logprobs = logprobs.clone().requires_grad_()
    one = clipped_policy_loss(logprobs, logprobs.detach(), advantages, 0.2, 0.2)
    other = policy_gradient_loss(logprobs, advantages)
    assert torch.equal(one, -advantages)
    steps = [torch.autograd.grad(loss.sum(), logprobs)[0] for loss in (one, other)]
    torch.testing.assert_close(*steps, rtol=0, atol=1e-300)  # half of the least number is 0
    assert torch.equal(steps[1], -advantages)


def test_t10_policy_gradient_on_three_arms():
    """T10, T19: the mean of -A log p over the arms has the analytic gradient of -E[r]."""
    logits, reward = rows(0.2, -0.3, 0.5).requires_grad_(), rows(1.0, 5.0, 2.0)
    chance = logits.softmax(-1)
    loss = (chance.detach() * policy_gradient_loss(chance.log(), reward)).sum()
    p = chance.detach()
    want = -p * (reward - (p * reward).sum())
    torch.testing.assert_close(torch.autograd.grad(loss, logits)[0], want, rtol=0, atol=1e-12)


def test_value_loss_by_hand():
    """T11, T22: far from the old value the worse of the two errors counts."""
    got = clipped_value_loss(rows(1.0, 0.1, -1.0), rows(0.0, 0.0, 0.0), rows(1.0, 1.0, 1.0), clip=0.2)
    assert got.tolist() == pytest.approx([0.8**2 / 2, 0.9**2 / 2, 2.0**2 / 2], abs=1e-12)


def test_explained_variance_by_hand():
    """T22: all, none, misleading, and returns that do not vary; 99 off the mask is not seen."""
    returns, mask = rows([1.0, 2.0, 3.0, 99.0]), torch.tensor([[True, True, True, False]])
    assert explained_variance(returns, returns, mask).item() == 1.0
    assert explained_variance(rows([2.0, 2.0, 2.0, -5.0]), returns, mask).item() == pytest.approx(
        0.0, abs=1e-12
    )
    assert explained_variance(rows([3.0, 2.0, 1.0, math.nan]), returns, mask).item() == pytest.approx(-3.0)
    assert explained_variance(returns, rows([1.0, 1.0, 1.0, 7.0]), mask).item() == 0.0


def test_next_price_by_hand():
    """T21: on target no change; far above or below, a fifth of samples / horizon."""
    assert next_price(0.2, kl=6.0, target=6.0, horizon=1000, samples=100) == 0.2
    assert next_price(0.2, kl=60.0, target=6.0, horizon=1000, samples=100) == pytest.approx(0.204, abs=1e-15)
    assert next_price(0.2, kl=0.0, target=6.0, horizon=1000, samples=100) == pytest.approx(0.196, abs=1e-15)
    assert next_price(0.2, kl=6.6, target=6.0, horizon=1000, samples=100) == pytest.approx(0.202, abs=1e-12)


@pytest.mark.parametrize(
    ("advantage", "ratio", "dual", "slope"),
    [(1.0, 5.0, 1.2, 0.0), (-1.0, 2.9, -2.9, -1.0), (-1.0, 5.0, -3.0, 0.0), (-1.0, 0.5, -0.8, 0.0)],
)
def test_t20_the_dual_clip_stops_pushing_down(advantage, ratio, dual, slope):
    """T20: beyond 3 times as likely a bad token is left alone; elsewhere it is the clipped loss."""
    for formula in (dual_clipped_policy_loss, two_sided_policy_loss):  # equal where the limit is above 1.2
        logprob = rows(math.log(ratio)).requires_grad_()
        loss = formula(logprob, rows(0.0), rows(advantage), 0.2, 0.2, 3.0)
        assert loss.item() == pytest.approx(-dual, abs=1e-12)
        assert torch.autograd.grad(loss.sum(), logprob)[0].item() == pytest.approx(-slope * ratio, abs=1e-12)


def test_two_sided_and_dual_differ_below_the_clip():
    """With a limit of 1.1, inside the clip's 1.2: by hand at ratio 1.15."""
    here = (rows(math.log(1.15)), rows(0.0))
    for advantage, two_sided, dual in ((1.0, 1.1, 1.15), (-1.0, -1.15, -1.1)):
        got = two_sided_policy_loss(*here, rows(advantage), 0.2, 0.2, 1.1).item()
        assert got == pytest.approx(-two_sided, abs=1e-12)
        got = dual_clipped_policy_loss(*here, rows(advantage), 0.2, 0.2, 1.1).item()
        assert got == pytest.approx(-dual, abs=1e-12)


@pytest.mark.parametrize("name", ["clipped", "dual", "two-sided", "cispo", "sapo", "vespo"])
def test_t19_every_form_begins_as_the_policy_gradient(name):
    """T19: at ratio 1 the gradient of each is that of -A log p."""
    logprobs, advantages = rows(-0.5, -2.0, -1.0), rows(2.0, -1.0, 0.3)
    leaf = logprobs.clone().requires_grad_()
    (slope,) = torch.autograd.grad(LOSSES[name](leaf, logprobs, advantages).sum(), leaf)
    torch.testing.assert_close(slope, -advantages, rtol=0, atol=1e-7)


def test_gates_by_hand():
    """At ratio 2: CISPO keeps the weight 1.2, SAPO pulls by 4 s(1) s(-1), VESPO by W^2 e^(3 - 3W)."""
    far, then = rows(math.log(2.0) - 1).requires_grad_(), rows(-1.0)
    (slope,) = torch.autograd.grad(cispo_loss(far, then, rows(3.0), 0.2).sum(), far)
    assert slope.item() == pytest.approx(-1.2 * 3.0)
    (slope,) = torch.autograd.grad(sapo_loss(far, then, rows(1.0)).sum(), far)
    gate = 1 / (1 + math.exp(-1.0))
    assert slope.item() == pytest.approx(
        -2.0 * 4 * gate * (1 - gate), rel=1e-6
    )  # r = 2 comes from d r / d log p
    alone = torch.tensor([True])
    (slope,) = torch.autograd.grad(vespo_loss(far, then, rows(1.0), alone).sum(), far)
    assert slope.item() == pytest.approx(-4 * math.exp(-3.0))
    (slope,) = torch.autograd.grad(vespo_loss(far, then, rows(-1.0), alone).sum(), far)
    assert slope.item() == pytest.approx(8 * math.exp(-2.0))


SHOWN = torch.tensor([[True, True, True, False], [False, True, True, True]])


def shown(like):
    """The mask under which the losses are tried, or all of another shape."""
    return SHOWN if like.shape == SHOWN.shape else torch.ones_like(like, dtype=torch.bool)


LOSSES = {
    "clipped": lambda x, y, z: clipped_policy_loss(x, y, z, 0.2, 0.2),
    "gradient": lambda x, y, z: policy_gradient_loss(x - y, z),
    "dual": lambda x, y, z: dual_clipped_policy_loss(x, y, z, 0.2, 0.2, 3.0),
    "two-sided": lambda x, y, z: two_sided_policy_loss(x, y, z, 0.2, 0.2, 3.0),
    "cispo": lambda x, y, z: cispo_loss(x, y, z, 0.2) + 0 * y,
    "sapo": sapo_loss,
    "vespo": lambda x, y, z: vespo_loss(x, y, z, shown(z)) + 0 * y,
    "value": lambda x, y, z: clipped_value_loss(x, y, z, 0.2),
    "k1": lambda x, y, z: k1(x, y) + 0 * z,
    "k2": lambda x, y, z: k2(x, y) + 0 * z,
    "k3": lambda x, y, z: k3(x, y) + 0 * z,
    "k3-weighted": weighted_k3,
}


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("dtype", [torch.float32, D])
def test_what_stands_under_the_mask_is_not_seen(name, dtype):
    """-200, inf or nan in any place of any input off the mask leaves loss and gradient as they were."""
    generator = torch.Generator().manual_seed(5)
    clean = [torch.randn(2, 4, dtype=dtype, generator=generator) for _ in range(3)]
    mask = SHOWN
    answers = []
    for bad in (0.0, -200.0, 200.0, math.inf, -math.inf, math.nan):
        for spoilt in range(3):
            inputs = [x.clone() for x in clean]
            inputs[spoilt][~mask] = bad
            inputs = [x.requires_grad_() for x in inputs]
            loss = masked_mean(LOSSES[name](*inputs), mask)
            steps = torch.autograd.grad(loss, inputs)
            assert all((step[~mask] == 0).all() for step in steps)
            answers.append((loss.detach(), *steps))
    for answer in answers[1:]:
        assert all(torch.equal(a, b) for a, b in zip(answers[0], answer, strict=True))


@pytest.mark.parametrize("name", LOSSES)
def test_a_broken_number_that_counts_shows(name):
    """A nan on the mask is never hidden: the loss is nan and the guard can stop the run."""
    x = rows([0.1, math.nan])
    assert LOSSES[name](x, 0 * x, rows([1.0, 1.0])).isnan().tolist() == [[False, True]]


def test_gradients():
    generator = torch.Generator().manual_seed(6)
    three = tuple(torch.randn(2, 3, dtype=D, generator=generator, requires_grad=True) for _ in range(3))
    for name in ("clipped", "gradient", "dual", "two-sided", "sapo", "value", "k3-weighted"):
        assert gradcheck(LOSSES[name], three)
