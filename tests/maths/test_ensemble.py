"""Several opinions made into one (T25)."""

import math

import pytest
import torch

from concord.maths.ensemble import cautious, combined, disagreement, posterior_weights, standard

D = torch.float64


def rows(*numbers):
    return torch.tensor(numbers, dtype=D)


def test_t25_scores_are_standardised_before_they_are_weighed():
    """Erratum 4.72: in units of their own, a scorer in hundreds counts no more than one in units."""
    said = rows([1.0, 2.0, 3.0], [300.0, 100.0, 200.0])
    scaled = standard(said, said.mean(-1), said.std(-1, correction=0))
    assert scaled[0].tolist() == pytest.approx([-math.sqrt(1.5), 0, math.sqrt(1.5)])
    got = combined(scaled, rows(3.0, 1.0))
    assert got.tolist() == pytest.approx(
        [(-3 + 1) * math.sqrt(1.5) / 4, -math.sqrt(1.5) / 4, 3 * math.sqrt(1.5) / 4]
    )
    torch.testing.assert_close(combined(scaled, rows(30.0, 10.0)), got)
    torch.testing.assert_close(
        combined(
            standard(said * 7 + 5, (said * 7 + 5).mean(-1), (said * 7).std(-1, correction=0)), rows(3.0, 1.0)
        ),
        got,
    )
    assert standard(rows([4.0, 6.0]), rows(4.0), rows(0.0)).tolist() == [[0.0, 0.0]]


def test_t25_disagreement_costs():
    """Members 1 and 3 lie 1 from their mean, which costs k; agreed scores stay; one member is itself."""
    said = rows([1.0, 2.0], [3.0, 2.0])
    assert disagreement(said).tolist() == [1.0, 0.0]
    assert cautious(said, 0.5).tolist() == [1.5, 2.0]
    assert cautious(said[:1], 9.0).tolist() == [1.0, 2.0]


def test_t25_bayesian_weights():
    """A member that was three times as likely to be right about what was kept back weighs three times as much."""
    got = posterior_weights(rows(10.0, 10.0 + math.log(3)))
    assert got.tolist() == pytest.approx([0.75, 0.25])
