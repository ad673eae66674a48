"""How far the policy drifted (T21, T31)."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd import gradcheck

from concord.maths.divergence import exact_kl, k1, k2, k3, weighted_k3
from concord.maths.statistics import best_of_n_kl

D = torch.float64
examples = settings(max_examples=20, deadline=None, derandomize=True, database=None)
logits = st.lists(st.floats(-5, 5), min_size=4, max_size=4)


def test_t21_estimators_golden():
    """T21: p = .5, q = .4; k2 is (log 1.25)^2 / 2 = .0248965222 (the contract prints ...212, a slip)."""
    p, q = torch.tensor(0.5, dtype=D).log(), torch.tensor(0.4, dtype=D).log()
    assert k1(p, q).item() == pytest.approx(0.2231435513, abs=1e-10)
    assert k2(p, q).item() == pytest.approx(0.0248965222, abs=1e-10)
    assert k3(p, q).item() == pytest.approx(0.0231435513, abs=1e-10)


@examples
@given(logits, logits)
def test_k1_and_k3_are_right_on_average_and_k2_has_the_right_gradient(ours, theirs):
    """E_p[k1] = E_p[k3] = KL, E_p[grad k2] = grad KL, and weighted k3 has both, over the whole vocabulary."""
    a = torch.tensor(ours, dtype=D, requires_grad=True)
    logp, logq = a.log_softmax(-1), torch.tensor(theirs, dtype=D).log_softmax(-1)
    truth = exact_kl(a, torch.tensor(theirs, dtype=D))
    weights = logp.exp().detach()
    for estimate in (k1, k3):
        assert (weights * estimate(logp, logq)).sum().item() == pytest.approx(truth.item(), abs=1e-9)
    (direction,) = torch.autograd.grad((weights * k2(logp, logq)).sum(), a, retain_graph=True)
    (wanted,) = torch.autograd.grad(truth, a, retain_graph=True)
    torch.testing.assert_close(direction, wanted, rtol=1e-9, atol=1e-9)
    mean = (weights * weighted_k3(logp, logp.detach(), logq)).sum()
    assert mean.item() == pytest.approx(truth.item(), abs=1e-9)
    torch.testing.assert_close(torch.autograd.grad(mean, a)[0], wanted, rtol=1e-9, atol=1e-9)
    assert (k3(logp, logq) >= 0).all()
    assert truth.item() >= -1e-12


def test_t21_exact_kl_of_the_optimal_policy_golden():
    """T21: pi* of pi_ref = (.5, .3, .2), r = (0, 1, 2), beta = .5: KL .9154755, J = 1.3063694."""
    reference, reward, beta = torch.tensor([0.5, 0.3, 0.2], dtype=D), torch.tensor([0.0, 1, 2], dtype=D), 0.5
    best = (reference.log() + reward / beta).softmax(-1)
    assert best.tolist() == pytest.approx([0.0366667, 0.1625594, 0.8007739], abs=1e-7)
    drift = exact_kl(reference.log() + reward / beta, reference.log()).item()
    assert drift == pytest.approx(0.9154755, abs=1e-7)
    gain = (best * reward).sum().item()
    assert gain == pytest.approx(1.7641071, abs=1e-7)
    assert gain - beta * drift == pytest.approx(1.3063694, abs=1e-7)
    assert beta * (reference.log() + reward / beta).logsumexp(-1).item() == pytest.approx(1.3063694, abs=1e-7)


def test_exact_kl_of_forbidden_tokens():
    p = torch.tensor([0.0, -math.inf, 0.0], dtype=D, requires_grad=True)
    q = torch.tensor([0.0, 0.0, 0.0], dtype=D)
    exact_kl(p, q).backward()
    assert exact_kl(p, q).item() == pytest.approx(math.log(1.5), abs=1e-12)
    assert p.grad.isfinite().all()
    assert exact_kl(q, p).item() == math.inf


def test_best_of_n_golden():
    """T31: log N - (N - 1) / N."""
    bounds = [best_of_n_kl(n) for n in (1, 2, 4, 16, 64)]
    assert bounds == pytest.approx([0.0, 0.1931, 0.6363, 1.8351, 3.1745], abs=5e-5)
    with pytest.raises(ValueError, match="at least one"):
        best_of_n_kl(0)


def test_gradients():
    generator = torch.Generator().manual_seed(1)
    a, b = (torch.randn(2, 3, dtype=D, generator=generator, requires_grad=True) for _ in range(2))
    for formula in (k1, k2, k3, exact_kl):
        assert gradcheck(formula, (a, b))
