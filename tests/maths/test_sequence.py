"""Sums, means and log-probabilities under a mask (T1, T13)."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd import gradcheck

from concord.maths.sequence import (
    bounded,
    entropy,
    last_true,
    masked_mean,
    masked_sum,
    masked_variance,
    set_apart,
    token_logprobs,
    whiten,
)

D = torch.float64
examples = settings(max_examples=20, deadline=None, derandomize=True, database=None)


def test_token_logprobs_by_hand():
    """T1: softmax of (log 1, log 3) is (1/4, 3/4)."""
    logits = torch.tensor([[0.0, math.log(3.0)], [0.0, math.log(3.0)]], dtype=D)
    got = token_logprobs(logits, torch.tensor([0, 1]))
    torch.testing.assert_close(got, torch.tensor([0.25, 0.75], dtype=D).log(), rtol=0, atol=1e-15)


def test_token_logprobs_of_a_forbidden_other_token():
    logits = torch.tensor([0.0, 0.0, -math.inf], dtype=D, requires_grad=True)
    got = token_logprobs(logits, torch.tensor(0))
    got.backward()
    assert got.item() == pytest.approx(-math.log(2), abs=1e-15)
    assert logits.grad.tolist() == [0.5, -0.5, 0.0]


def test_entropy_by_hand():
    logits = torch.tensor(
        [[0.0, 0.0, 0.0, 0.0], [0.0, -math.inf, -math.inf, 0.0]], dtype=D, requires_grad=True
    )
    got = entropy(logits)
    got.sum().backward()
    torch.testing.assert_close(got.detach(), torch.tensor([math.log(4), math.log(2)], dtype=D))
    assert logits.grad.isfinite().all()


def test_masked_sum_mean_variance_by_hand():
    x = torch.tensor([[1.0, 2.0, 100.0], [100.0, 6.0, 3.0]], dtype=D)
    mask = torch.tensor([[True, True, False], [False, True, True]])
    assert masked_sum(x, mask).tolist() == [3.0, 9.0]
    assert masked_sum(x, mask, dim=0).tolist() == [1.0, 8.0, 3.0]
    assert masked_mean(x, mask).item() == 3.0
    assert masked_variance(x, mask).item() == 3.5  # (4 + 1 + 9 + 0) / 4
    assert masked_mean(x[0], mask[0]).item() == 1.5
    assert masked_sum(x, mask[0]).tolist() == [3.0, 106.0]


def test_an_empty_mask_gives_zero_and_no_gradient():
    x = torch.full((2, 3), math.nan, dtype=D, requires_grad=True)
    mean = masked_mean(x, torch.zeros(2, 3, dtype=torch.bool))
    mean.backward()
    assert mean.item() == 0.0
    assert x.grad.tolist() == [[0.0] * 3] * 2
    assert masked_mean(torch.zeros(0, 3), torch.zeros(0, 3, dtype=torch.bool)).item() == 0.0


def test_whiten_by_hand():
    """Mean 3 and biased variance 8/3 of (1, 3, 5)."""
    got = whiten(torch.tensor([[1.0, 9.0], [3.0, 5.0]], dtype=D), torch.tensor([[True, False], [True, True]]))
    side = 2 / math.sqrt(8 / 3 + 1e-8)
    torch.testing.assert_close(got, torch.tensor([[-side, 0.0], [0.0, side]], dtype=D), rtol=1e-14, atol=0)


def test_last_true():
    """T13: the last real token, wherever padding stands and whatever gaps there are."""
    mask = torch.tensor([[True, True, False], [False, True, True], [True, False, False], [True, False, True]])
    assert last_true(mask).tolist() == [1, 2, 0, 2]


def test_last_true_refuses_an_empty_row():
    with pytest.raises(ValueError, match="the first is row 1"):
        last_true(torch.tensor([[True, False], [False, False]]))


def test_set_apart_keeps_what_is_sound():
    sound, (a, b) = set_apart(torch.tensor([1.0, math.nan, 3.0]), torch.tensor([4.0, 5.0, -math.inf]))
    assert sound.tolist() == [True, False, False]
    assert a.tolist() == [1.0, 0.0, 0.0]
    assert b.tolist() == [4.0, 0.0, 0.0]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_bounded_leaves_room_for_a_product(dtype):
    top = bounded(torch.tensor([1000.0, 1.5], dtype=dtype)).exp()
    assert (top * top).isfinite().all()
    assert bounded(torch.tensor([1.5, -1000.0], dtype=dtype)).tolist() == [1.5, -1000.0]


def test_float32_means_stay_exact_over_long_sequences():
    """A running sum of 65,536 tenths in float32 is off by 1e-3; adding in pairs is not."""
    x = torch.full((1, 65536), 0.1)
    assert masked_sum(x, torch.ones_like(x, dtype=torch.bool)).item() == pytest.approx(6553.6, rel=1e-6)


def test_gradients():
    x = torch.randn(2, 3, dtype=D, generator=torch.Generator().manual_seed(0), requires_grad=True)
    mask = torch.tensor([[True, True, False], [False, True, True]])
    for formula in (masked_sum, masked_mean, masked_variance, whiten):
        assert gradcheck(lambda y, f=formula: f(y, mask), x)
    assert gradcheck(entropy, x)
    assert gradcheck(lambda y: token_logprobs(y, torch.tensor([2, 0])), x)


@pytest.mark.parametrize("formula", [masked_sum, masked_mean, masked_variance, whiten])
@pytest.mark.parametrize("junk", [math.nan, math.inf, -math.inf, 1e300])
def test_what_the_mask_hides_sends_no_gradient(formula, junk):
    """Not even nan: the slope at a hidden place is 0 to the bit, and elsewhere what it is without that place."""
    shown = torch.tensor([[1.0, 4.0, 2.0]], dtype=D, requires_grad=True)
    wide = torch.tensor([[1.0, junk, 4.0, 2.0, junk]], dtype=D, requires_grad=True)
    mask = torch.tensor([[True, False, True, True, False]])
    formula(shown, torch.ones(1, 3, dtype=torch.bool)).square().sum().backward()
    formula(wide, mask).square().sum().backward()
    assert wide.grad[~mask].tolist() == [0.0, 0.0]
    torch.testing.assert_close(wide.grad[mask], shown.grad[0], rtol=1e-12, atol=1e-15)


@examples
@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=9), st.integers(0, 5), st.integers(0, 9))
def test_padding_changes_no_bit(numbers, left, right):
    """Padding a sequence on either side, with anything, leaves sum, mean and variance as they were."""
    x = torch.tensor([numbers], dtype=D)
    mask = torch.ones_like(x, dtype=torch.bool)
    wide = torch.nn.functional.pad(x, (left, right), value=math.nan)
    shown = torch.nn.functional.pad(mask, (left, right), value=False)
    for formula in (masked_sum, masked_mean, masked_variance):
        assert torch.equal(formula(x, mask), formula(wide, shown))
    inside = slice(left, left + len(numbers))
    assert torch.equal(whiten(x, mask), whiten(wide, shown)[:, inside])


@examples
@given(st.lists(st.floats(-100, 100), min_size=2, max_size=12, unique=True))
def test_whitened_has_mean_0_and_variance_1(numbers):
    x = torch.tensor([numbers], dtype=D)
    mask = torch.ones_like(x, dtype=torch.bool)
    spread = masked_variance(x, mask).item()
    white = whiten(x, mask)
    assert masked_mean(white, mask).item() == pytest.approx(0.0, abs=1e-9 + 1e-11 / math.sqrt(spread + 1e-8))
    assert masked_variance(white, mask).item() == pytest.approx(spread / (spread + 1e-8), rel=1e-6, abs=1e-9)
