"""Losses on single completions: ratings, raters who lean, labels of two classes (T17, T24)."""

import pytest
import torch
from torch.autograd import gradcheck

from concord.maths.pointwise import centred, hinge, rater_squared_error, squared_error

D = torch.float64


def rows(*numbers):
    return torch.tensor(numbers, dtype=D)


def test_t17_squared_error_is_added():
    """Errata 4.62 and 4.70: the loss falls as the score comes nearer."""
    assert squared_error(rows(1.0, 3.0), rows(2.0, 3.5)).tolist() == [1.0, 0.25]


def test_t17_leanings_count_from_their_mean():
    """Raters 0 and 1 lean by 1 and 3, so by -1 and +1: a score of 2 is rated 1 and 3, at no cost."""
    got = rater_squared_error(
        rows(2.0, 2.0, 2.0), rows(1.0, 3.0, 2.0), rows(1.0, 3.0), torch.tensor([0, 1, 0])
    )
    assert got.tolist() == [0.0, 0.0, 1.0]
    assert centred(rows(1.0, 3.0)).tolist() == [-1.0, 1.0]


def test_t17_ratings_are_recovered_and_so_are_the_raters():
    """Three raters who each see mostly one end of the items: their means mislead, the model does not."""
    generator = torch.Generator().manual_seed(0)
    truth, leanings = torch.linspace(-1, 1, 20, dtype=D), rows(-0.8, 0.1, 0.7)
    items = torch.randint(20, (900,), generator=generator)
    chance = torch.stack([(20.0 - items), torch.full_like(items, 10.0).float(), items + 1.0], -1)
    raters = torch.multinomial(chance, 1, generator=generator).squeeze(-1)
    ratings = truth[items] + leanings[raters] + 0.1 * torch.randn(900, dtype=D, generator=generator)
    plain = torch.stack([ratings[items == item].mean() for item in range(20)])
    scores, found = torch.zeros(20, dtype=D, requires_grad=True), torch.zeros(3, dtype=D, requires_grad=True)
    solver = torch.optim.LBFGS([scores, found], max_iter=100, line_search_fn="strong_wolfe")

    def wrong():
        solver.zero_grad()
        loss = rater_squared_error(scores[items], ratings, found, raters).mean()
        loss.backward()
        return loss

    solver.step(wrong)
    torch.testing.assert_close(centred(found.detach()), leanings - leanings.mean(), rtol=0, atol=0.03)
    error = (scores.detach() - truth - leanings.mean()).abs().max()
    assert error < 0.1
    assert (plain - truth - leanings.mean()).abs().max() > 0.25  # what ignoring the raters costs


def test_t24_hinge_pushes_the_good_class_up():
    """Erratum 4.71: +1 is the good class; beyond 1 nothing is left to push."""
    scores = rows(0.25, 0.25, 1.5, -1.5).requires_grad_()
    losses = hinge(scores, rows(1.0, -1.0, 1.0, -1.0))
    assert losses.tolist() == [0.75, 1.25, 0.0, 0.0]
    losses.sum().backward()
    assert scores.grad.tolist() == [-1.0, 1.0, 0.0, 0.0]


def test_gradients():
    scores, ratings, raters = (
        torch.randn(5, dtype=D, requires_grad=True),
        rows(1, 2, 0, -1, 3),
        torch.tensor([0, 1, 1, 2, 0]),
    )
    assert gradcheck(squared_error, (scores, ratings))
    leanings = torch.randn(3, dtype=D, requires_grad=True)
    assert gradcheck(lambda s, b: rater_squared_error(s, ratings, b, raters), (scores, leanings))


@pytest.mark.parametrize("shift", [0.0, 5.0])
def test_t17_what_all_raters_have_in_common_is_the_scores(shift):
    got = rater_squared_error(rows(1.0, 2.0), rows(0.0, 2.0), rows(0.5, -0.5) + shift, torch.tensor([0, 1]))
    torch.testing.assert_close(got, rows(2.25, 0.25))
