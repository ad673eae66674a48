"""Distillation on the vocabulary (T8), by hand and by its limits."""

import math

import pytest
import torch
from torch.autograd import gradcheck

from concord.maths.distillation import forward_kl, jensen_shannon, reverse_kl

D = torch.float64
STUDENT, TEACHER = (torch.tensor([p], dtype=D).log() for p in ((0.5, 0.25, 0.25), (0.8, 0.1, 0.1)))


def kl(p: list[float], q: list[float]) -> float:
    return sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))


def test_t8_by_hand():
    """KL both ways, and the generalised JSD with a quarter of the teacher in the mixture."""
    s, t = [0.5, 0.25, 0.25], [0.8, 0.1, 0.1]
    assert forward_kl(STUDENT, TEACHER).item() == pytest.approx(kl(t, s), abs=1e-12)
    assert reverse_kl(STUDENT, TEACHER).item() == pytest.approx(kl(s, t), abs=1e-12)
    m = [0.25 * b + 0.75 * a for a, b in zip(s, t, strict=True)]
    wanted = 0.25 * kl(t, m) + 0.75 * kl(s, m)
    assert jensen_shannon(STUDENT, TEACHER, 0.25).item() == pytest.approx(wanted, abs=1e-12)
    half = jensen_shannon(STUDENT, TEACHER, 0.5).item()
    assert jensen_shannon(TEACHER, STUDENT, 0.5).item() == pytest.approx(half) and 0 < half < math.log(2)


def test_t8_the_ends_of_the_jsd_are_the_two_kls():
    """Divided by its share it tends to KL(teacher || student), by the rest to KL(student || teacher)."""
    end = 1e-7
    near = jensen_shannon(STUDENT, TEACHER, end).item() / end
    assert near == pytest.approx(forward_kl(STUDENT, TEACHER).item(), rel=1e-5)
    near = jensen_shannon(STUDENT, TEACHER, 1 - end).item() / end
    assert near == pytest.approx(reverse_kl(STUDENT, TEACHER).item(), rel=1e-5)
    for share in (0.0, 1.0):
        with pytest.raises(ValueError, match="forward_kl and reverse_kl"):
            jensen_shannon(STUDENT, TEACHER, share)


def test_t8_gradients_are_zero_where_the_two_agree():
    logits = torch.randn(2, 5, dtype=D, generator=torch.Generator().manual_seed(1)).requires_grad_()
    other = torch.randn(2, 5, dtype=D, generator=torch.Generator().manual_seed(2))
    for formula in (forward_kl, reverse_kl, lambda s, t: jensen_shannon(s, t, 0.3)):
        assert gradcheck(lambda s, f=formula: f(s, other), logits)
        same = formula(logits, logits.detach() + 3.0)  # a shift of logits is no difference
        assert same.abs().max().item() < 1e-12
        assert torch.autograd.grad(same.sum(), logits)[0].abs().max().item() < 1e-12
