"""Whose ratio, which tokens, and what they count: by hand (T20, T22)."""

import math

import pytest
import torch

from concord.maths.averages import (
    over_sequences,
    over_sums,
    over_the_longest,
    over_the_round,
    over_tokens,
)
from concord.maths.ratios import (
    by_completion,
    by_sequence,
    by_token,
    fresh,
    most_undecided,
    truncated_ratio,
)

D = torch.float64
LOGPROBS = torch.tensor([[-1.0, -3.0, math.nan], [-2.0, -1.0, -6.0]], dtype=D)
MASK = torch.tensor([[True, True, False], [True, True, True]])


def test_levels_of_the_ratio_by_hand():
    """A token's own, the mean of its completion's, their sum; what stands off the mask is not seen."""
    assert by_token(LOGPROBS, MASK) is LOGPROBS
    assert by_sequence(LOGPROBS, MASK).tolist() == [[-2.0] * 3, [-3.0] * 3]
    assert by_completion(LOGPROBS, MASK).tolist() == [[-4.0] * 3, [-9.0] * 3]
    nothing = torch.zeros_like(MASK)  # a completion that says nothing is as likely as before
    assert (
        by_sequence(LOGPROBS, nothing).tolist()
        == by_completion(LOGPROBS, nothing).tolist()
        == [[0.0] * 3] * 2
    )


def test_averages_by_hand():
    """Two completions of 1 and 3 tokens, losses 8 and (1, 2, 3), in a round whose answers have 4 tokens on average."""
    lengths, everyone, losses = (
        torch.tensor(x, dtype=D) for x in ([1.0, 3.0], [1.0, 3.0, 8.0], [8.0, 1, 2, 3])
    )
    wanted = {
        over_tokens: (8 + 6) / 4,
        over_sequences: (8 + 6 / 3) / 2,
        over_the_round: (8 + 6) / 2 / 4,
        over_the_longest: (8 / 10 + 6 / 10) / 2,
        over_sums: (8 + 6) / 2,
    }
    for average, mean in wanted.items():
        weights = average(lengths, everyone, 10)
        assert weights.shape == lengths.shape
        spread = weights.repeat_interleave(torch.tensor([1, 3]))
        assert (spread * losses).sum().item() / 4 == pytest.approx(mean, abs=1e-12), average


def test_a_token_that_the_sampler_found_likelier_counts_less():
    """min(e^0.5, 2), min(e^-1, 2), min(e^3, 2); no gradient goes through a weight."""
    ours = torch.tensor([-1.0, -3.0, -1.0], dtype=D, requires_grad=True)
    found = truncated_ratio(ours, torch.tensor([-1.5, -2.0, -4.0], dtype=D), 2.0)
    assert found.tolist() == pytest.approx([math.exp(0.5), math.exp(-1), 2.0], abs=1e-12)
    assert not found.requires_grad


def test_stale_rows_are_bad_ones_that_are_left_behind():
    """Mean gaps of 1.5 and -1: only the bad row that has lost more than the limit is left out, and whole."""
    behaviour = torch.tensor([[0.0, -1.0, 7.0], [-3.0, -2.0, -7.0]], dtype=D)
    bad = -torch.ones(2, 3, dtype=D)
    assert fresh(LOGPROBS, behaviour, bad, MASK, 1.4).tolist() == [[False] * 3, [True] * 3]
    assert fresh(LOGPROBS, behaviour, bad, MASK, 1.6).all()
    assert fresh(LOGPROBS, behaviour, -bad, MASK, 0.0).all()


def test_the_most_undecided_tokens():
    """Of five entropies (1 to 5) the upper 40 %: quantile 0.6 is 3.4; one off the mask does not count."""
    entropies = torch.tensor([[5.0, 1.0, 99.0], [2.0, 4.0, 3.0]], dtype=D)
    assert most_undecided(entropies, MASK, 0.4).tolist() == [[True, False, False], [False, True, False]]
    assert torch.equal(most_undecided(entropies, MASK, 1.0), MASK)
