"""Credit for parts of a completion (T24): it telescopes, lands on segments' ends, and segments are cut three ways."""

import torch

from concord.maths.segments import change_ends, fixed_ends, prefix_differences

D = torch.float64
PREFIXES = torch.tensor([[0.5, 1.5, 1.0, 3.0, 2.0], [0.2, -1.0, 0.4, 9.0, 9.0]], dtype=D)
MASK = torch.tensor([[True] * 5, [True] * 3 + [False] * 2])


def test_t24_rewards_by_hand():
    ends = torch.tensor([[False, True, False, True, True], [True, False, True, False, False]])
    found = prefix_differences(PREFIXES, ends)
    wanted = [[0, 1.5, 0, 1.5, -1.0], [0.2, 0, 0.2, 0, 0]]
    torch.testing.assert_close(found, torch.tensor(wanted, dtype=D))


def test_t24_the_sum_is_the_whole_score_however_it_is_cut():
    """And nothing lands off a segment's end."""
    generator = torch.Generator().manual_seed(1)
    prefixes = torch.randn(6, 9, dtype=D, generator=generator)
    mask = torch.arange(9) < torch.randint(1, 10, (6, 1), generator=generator)
    whole = prefixes.gather(1, mask.sum(-1, keepdim=True) - 1).squeeze(-1)
    for ends in (
        fixed_ends(mask, 1),
        fixed_ends(mask, 4),
        fixed_ends(mask, 99),
        change_ends(prefixes, mask, 0.8),
    ):
        found = prefix_differences(torch.where(mask, prefixes, torch.nan), ends)
        torch.testing.assert_close(found.sum(-1), whole)
        assert not found[~ends].any() and not (ends & ~mask).any()


def test_t24_fixed_segments():
    assert fixed_ends(MASK, 2).tolist() == [
        [False, True, False, True, True],
        [False, True, True, False, False],
    ]


def test_t24_segments_end_where_the_score_moved():
    """From 0, 0.5 is no move of 1 and 1.5 is; from there 1.0 is none and 3.0 is. What is hidden moves nothing."""
    wanted = [[False, True, False, True, True], [False, True, True, False, False]]
    assert change_ends(PREFIXES, MASK, 1.0).tolist() == wanted
    assert change_ends(PREFIXES, MASK, 50.0).sum(-1).tolist() == [1, 1]
