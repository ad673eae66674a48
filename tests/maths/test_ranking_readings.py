"""Further readings of rankings: margins, ties, RankNet, ListNet (T14, T15, T16), and data drawn from Plackett-Luce."""

import itertools
import math

import pytest
import torch
from scipy.stats import kendalltau
from tests import oracle
from torch.autograd import gradcheck

from concord.maths.ranking import (
    bradley_terry,
    bradley_terry_apart,
    davidson,
    listnet,
    plackett_luce,
    ranknet,
    tied_pairs,
)

D = torch.float64
SCORES = torch.tensor([[2.0, 1.0, 0.0, -1.0]], dtype=D)
TIES = torch.tensor([[0, 0, 1, -1]])
NO_TIE = torch.tensor(-math.inf, dtype=D)


def rows(*numbers):
    return torch.tensor(numbers, dtype=D)


def test_t14_margins_grow_with_the_distance_of_tiers():
    """The golden pair with margin 1, then a list by hand: tiers 0, 1, 2 lie 1, 2 and 1 apart."""
    got = bradley_terry_apart(rows([1.0, -0.5]), torch.tensor([[0, 1]]), 1.0)
    assert got.item() == pytest.approx(0.4740769842, abs=1e-10)
    leads = [(2 - 1) - 0.5, (2 - 0) - 1.0, (1 - 0) - 0.5]
    by_hand = sum(math.log1p(math.exp(-lead)) for lead in leads) / 3
    got = bradley_terry_apart(SCORES, torch.tensor([[0, 1, 2, -1]]), 0.5)
    assert got.item() == pytest.approx(by_hand, abs=1e-12)
    assert torch.equal(bradley_terry_apart(SCORES, TIES, 0.0), bradley_terry(SCORES, TIES))


def test_t14_davidson_by_hand():
    """Gap 1.5 and nu 0.5: the odds of win, loss and tie are e^.75, e^-.75 and .5, and sum to 1."""
    win, loss, tie = math.exp(0.75), math.exp(-0.75), 0.5
    pair, nu = rows([1.0, -0.5]), torch.tensor(0.5, dtype=D).log()
    chances = [(-davidson(pair, torch.tensor([t]), nu)).exp().item() for t in ([0, 1], [1, 0], [0, 0])]
    assert chances == pytest.approx([x / (win + loss + tie) for x in (win, loss, tie)], abs=1e-12)
    assert sum(chances) == pytest.approx(1.0, abs=1e-12)
    each = [
        davidson(SCORES[:, p], torch.tensor([t]), nu)
        for p, t in (([0, 1], [0, 0]), ([0, 2], [0, 1]), ([1, 2], [0, 1]))
    ]
    assert davidson(SCORES, TIES, nu).item() == pytest.approx(sum(e.item() for e in each) / 3, abs=1e-12)
    full = torch.tensor([[1, 0, 3, 2]])
    torch.testing.assert_close(davidson(SCORES, full, NO_TIE), bradley_terry(SCORES, full))


def test_t14_davidson_recovers_utilities_and_how_readily_judges_tie():
    """From expected choices among four items: utilities up to a shift, and nu."""
    truth, nu = rows(1.5, 0.2, -0.4, -1.3), 0.7
    pairs = torch.tensor(list(itertools.combinations(range(4), 2)))
    gaps = truth[pairs[:, 0]] - truth[pairs[:, 1]]
    odds = torch.stack([(gaps / 2).exp(), (-gaps / 2).exp(), torch.full_like(gaps, nu)])
    chances = odds / odds.sum(0)
    orders = torch.tensor([[0, 1], [1, 0], [0, 0]])
    learnt, tie = torch.zeros(4, dtype=D, requires_grad=True), torch.zeros((), dtype=D, requires_grad=True)
    solver = torch.optim.LBFGS(
        [learnt, tie], max_iter=200, tolerance_grad=1e-10, line_search_fn="strong_wolfe"
    )

    def wrong():
        solver.zero_grad()
        loss = sum(
            (c * davidson(learnt[pairs], o.expand(6, 2), tie)).sum()
            for c, o in zip(chances, orders, strict=True)
        )
        loss.backward()
        return loss

    solver.step(wrong)
    torch.testing.assert_close(
        learnt.detach() - learnt.detach().mean(), truth - truth.mean(), rtol=0, atol=1e-5
    )
    assert tie.exp().item() == pytest.approx(nu, abs=1e-5)


def test_t16_ranknet_by_hand():
    """A tie counts half for each: (log 2-like) -log sigmoid both ways; without ties it is Bradley-Terry."""

    def soft(gap):
        return math.log1p(math.exp(-gap))

    by_hand = ((soft(1) + soft(-1)) / 2 + soft(2) + soft(1)) / 3
    assert ranknet(SCORES, TIES).item() == pytest.approx(by_hand, abs=1e-12)
    full = torch.tensor([[1, 0, 3, 2]])
    assert torch.equal(ranknet(SCORES, full), bradley_terry(SCORES, full))
    assert ranknet(rows([0.3, 0.3]), torch.tensor([[0, 0]])).item() == pytest.approx(math.log(2), abs=1e-12)


def test_t16_listnet_by_hand():
    """Tiers 0, 0, 1 want softmax(0, 0, -1); the unranked candidate is not among them."""
    weights = [1.0, 1.0, math.exp(-1)]
    whole = math.log(sum(math.exp(s) for s in (2, 1, 0)))
    by_hand = sum(w / sum(weights) * (whole - s) for w, s in zip(weights, (2, 1, 0), strict=True))
    assert listnet(SCORES, TIES).item() == pytest.approx(by_hand, abs=1e-12)
    order = torch.tensor([[0, 1, 2, 3]])
    wanted = (-order.to(D)).softmax(-1)
    least = -(wanted * wanted.log()).sum().item()
    assert listnet(-order.to(D) + 5, order).item() == pytest.approx(least, abs=1e-12)
    assert listnet(SCORES, order).item() == pytest.approx(least, abs=1e-12)


@pytest.mark.parametrize(
    "formula",
    [
        pytest.param(lambda s, t: davidson(s, t, torch.zeros((), dtype=D)), id="davidson"),
        pytest.param(ranknet, id="ranknet"),
        pytest.param(listnet, id="listnet"),
        pytest.param(lambda s, t: bradley_terry_apart(s, t, 0.7), id="margin"),
    ],
)
def test_t16_one_interface(formula):
    """All ignore a shift, the order of the columns and what stands at -1; empty rows cost 0; gradients are right."""
    generator = torch.Generator().manual_seed(4)
    scores = torch.randn(4, 5, dtype=D, generator=generator)
    tiers = torch.tensor([[0, 1, 2, 3, 4], [1, 0, 1, -1, -1], [2, 2, 0, 5, -1], [-1, -1, -1, -1, -1]])
    want = formula(scores, tiers)
    assert want[3].item() == 0
    hidden = torch.where(tiers < 0, math.nan, scores + 3)
    torch.testing.assert_close(formula(hidden, tiers), want, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(formula(hidden.flip(-1), tiers.flip(-1)), want, rtol=1e-9, atol=1e-12)
    leaf = torch.where(tiers < 0, math.inf, scores).requires_grad_()
    steps = torch.autograd.grad(formula(leaf, tiers).sum(), leaf)[0]
    assert steps.isfinite().all()
    torch.testing.assert_close(steps.sum(-1), torch.zeros(4, dtype=D), rtol=0, atol=1e-9)
    assert gradcheck(lambda s: formula(s, tiers), scores.clone().requires_grad_())


def test_t12_ties_are_told_apart_from_silence():
    assert tied_pairs(torch.tensor([[0, 0, 1, 1, 1, -1, -1]])).nonzero().tolist() == [
        [0, 0, 1], [0, 2, 3], [0, 2, 4], [0, 3, 4],
    ]  # fmt: skip


def drawn(utilities, lists, size, seed):
    """Lists of items and their order, drawn from Plackett-Luce: noise of Gumbel's law, largest first."""
    generator = torch.Generator().manual_seed(seed)
    items = torch.rand(lists, len(utilities), generator=generator).argsort(-1)[:, :size]
    noise = -(-torch.rand(lists, size, generator=generator, dtype=D).clamp(1e-12).log()).log()
    places = (utilities[items] + noise).argsort(-1, descending=True).argsort(-1)
    return items, places


def fitted(formula, items, tiers, count):
    learnt = torch.zeros(count, dtype=D, requires_grad=True)
    solver = torch.optim.LBFGS([learnt], max_iter=100, line_search_fn="strong_wolfe")

    def wrong():
        solver.zero_grad()
        loss = formula(learnt[items], tiers).mean() + 1e-6 * learnt.square().sum()
        loss.backward()
        return loss

    solver.step(wrong)
    return (learnt - learnt.mean()).detach()


def test_t15_plackett_luce_is_no_worse_than_pairs_on_its_own_data():
    """Twelve items, lists of six: over eight draws the mean squared error of Plackett-Luce is below that of pairs,
    and both recover the order (T14: Kendall tau > .9)."""
    truth = torch.linspace(-2, 2, 12, dtype=D)
    errors = {plackett_luce: [], bradley_terry: []}
    for seed in range(8):
        items, tiers = drawn(truth, 400, 6, seed)
        for formula, found in errors.items():
            learnt = fitted(formula, items, tiers, 12)
            found.append((learnt - truth).square().mean().item())
            assert kendalltau(learnt.numpy(), truth.numpy()).statistic > 0.9
    means = {formula: sum(found) / len(found) for formula, found in errors.items()}
    assert means[plackett_luce] <= means[bradley_terry]


@pytest.mark.parametrize(
    ("name", "formula"), [("bradley_terry_mle", bradley_terry), ("plackett_luce_mle", plackett_luce)]
)
def test_t14_t15_the_least_surprising_utilities_are_those_of_choix(name, formula):
    """Pairs and partial rankings: where the loss is least, other people's solver ends too."""
    vector = oracle.vector("stats", name)
    given = vector["inputs"].get("rankings_best_first") or vector["inputs"]["pairs_winner_loser"]
    tiers = torch.full((len(given), 4), -1)
    for row, order in enumerate(given):
        tiers[row, order] = torch.arange(len(order))
    found = fitted(lambda s, t: formula(s, t) * len(given), torch.arange(4).expand(len(given), 4), tiers, 4)
    oracle.check(found, vector["expect"]["scores"], near=vector["expect"]["tol"])


def test_t15_partial_rankings_of_the_top_recover_utilities():
    """The first two of six, in order, above the rest."""
    truth = torch.linspace(-2, 2, 12, dtype=D)
    items, places = drawn(truth, 1500, 6, 99)
    learnt = fitted(plackett_luce, items, places.clamp(max=2), 12)
    assert kendalltau(learnt.numpy(), truth.numpy()).statistic > 0.9
    torch.testing.assert_close(learnt, truth, rtol=0, atol=0.4)
