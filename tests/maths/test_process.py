"""Marks for steps (T30): surprise, readings, and which step to have marked next."""

import math

import pytest
import torch
from torch.autograd import gradcheck

from concord.maths.process import (
    all_correct,
    convincing,
    correct_steps,
    last_step,
    log_correct,
    step_surprise,
    weakest_step,
)

D = torch.float64
CHANCES = torch.tensor(
    [
        [[0.9, 0.05, 0.05], [0.4, 0.5, 0.1], [0.8, 0.1, 0.1]],
        [[0.7, 0.2, 0.1], [0.1, 0.1, 0.8], [1.0, 1.0, 1.0]],
    ],
    dtype=D,
)
LOGITS = CHANCES.log() + torch.tensor([3.0, -2.0], dtype=D)[:, None, None]  # logits are free up to a shift
MASK = torch.tensor([[True, True, True], [True, True, False]])


def test_t30_surprise_of_marks():
    marks = torch.tensor([0, 1, 2])
    got = step_surprise(LOGITS[0], marks)
    assert got.tolist() == pytest.approx([-math.log(0.9), -math.log(0.5), -math.log(0.1)])
    logits = torch.randn(4, 3, dtype=D, requires_grad=True)
    assert gradcheck(lambda x: step_surprise(x, torch.tensor([0, 1, 2, 1])), logits)


def test_t30_readings_by_hand():
    """4.83 counts, 4.84 sums logs; a third step that is not there changes nothing, whatever stands in its place."""
    logits = torch.where(MASK[..., None], LOGITS, math.nan)
    for given in (LOGITS, logits):
        assert correct_steps(given, MASK).tolist() == [2.0, 1.0]
        assert log_correct(given, MASK).tolist() == pytest.approx([math.log(0.9 * 0.4 * 0.8), math.log(0.07)])
        assert all_correct(given, MASK).tolist() == pytest.approx([0.9 * 0.4 * 0.8, 0.07])
        assert weakest_step(given, MASK).tolist() == pytest.approx([0.4, 0.1])
        assert last_step(given, MASK).tolist() == pytest.approx([0.8, 0.1])
        assert last_step(given, torch.tensor([[True, False, False]] * 2)).tolist() == pytest.approx(
            [0.9, 0.7]
        )
        assert last_step(given, torch.zeros_like(MASK)).tolist() == [1.0, 1.0]


def test_t30_the_convincing_and_wrong_come_first():
    """Only steps of wrong answers, the most believed first, ties in their order, no more than there are."""
    chances = torch.tensor([0.9, 0.8, 0.95, 0.1, 0.8])
    right = torch.tensor([True, False, False, False, False])
    assert convincing(chances, right, 3).tolist() == [2, 1, 4]
    assert convincing(chances, right, 9).tolist() == [2, 1, 4, 3]
    assert convincing(chances, torch.ones(5, dtype=torch.bool), 2).tolist() == []
