"""DPO and its relatives (T27)."""

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd import gradcheck

from concord.maths import drift as drifts
from concord.maths import preference, unreferenced
from concord.maths.preference import conservative, dpo, hinge, implicit_reward, ipo, kto
from concord.maths.ranking import bradley_terry, plackett_luce

D = torch.float64
GOLDEN = tuple(torch.tensor([x], dtype=D) for x in (1.0, -0.5))  # -10 - -11 and -12 - -11.5
examples = settings(max_examples=20, deadline=None, derandomize=True, database=None)
logprob = st.floats(-60, 0)
PAIRED = {
    "dpo": {},
    "ipo": {},
    "hinge": {},
    "nca": {},
    "bco": {},
    "sppo": {},
    "apo_zero": {},
    "apo_down": {},
    "conservative": {"smoothing": 0.1},
    "robust": {"smoothing": 0.1},
    "exo": {"smoothing": 0.1},
    "discopop": {"tau": 0.5},
    "dpop": {"weight": 2.0},
    "mpo": {"preference": 0.8, "quality": 0.2},
    "aot_unpaired": {"smoothing": 0.1},
}


def values(*numbers: float) -> torch.Tensor:
    return torch.tensor(numbers, dtype=D)


def test_t27_golden():
    """h = 1.5, beta = .1."""
    assert dpo(*GOLDEN, beta=0.1).item() == pytest.approx(0.6209570478, abs=1e-10)
    assert ipo(*GOLDEN, beta=0.1).item() == pytest.approx(12.25, abs=1e-12)
    assert hinge(*GOLDEN, beta=0.1).item() == pytest.approx(0.85, abs=1e-12)
    assert hinge(*GOLDEN, beta=1.0).item() == 0.0
    got = conservative(*GOLDEN, beta=0.1, smoothing=0.25).item()
    assert got == pytest.approx(0.75 * 0.6209570478 + 0.25 * (0.6209570478 + 0.15), abs=1e-9)
    got = preference.dpop(GOLDEN[1], GOLDEN[0], beta=0.1, weight=3.0).item()  # lead -1.5, and .5 below
    assert got == pytest.approx(math.log1p(math.exp(0.1 * (1.5 + 3 * 0.5))), abs=1e-12)
    assert preference.dpop(*GOLDEN, beta=0.1, weight=3.0).item() == dpo(*GOLDEN, beta=0.1).item()


def test_loss_is_log_2_at_the_start():
    """T27: where policy and reference agree; and what every other loss is there."""
    none = torch.zeros(2, dtype=D)
    wanted = {
        "dpo": math.log(2),
        "conservative": math.log(2),
        "robust": math.log(2),
        "discopop": (math.log(2) + 1) / 2,
        "dpop": math.log(2),
        "aot_unpaired": math.log(2),
        "nca": 2 * math.log(2),
        "bco": 2 * math.log(2),
        "mpo": 1.2 * math.log(2),
        "hinge": 1.0,
        "apo_zero": 1.0,
        "apo_down": 1.0,
        "ipo": (1 / 0.6) ** 2,
        "sppo": 2 * (0.5 / 0.3) ** 2,
        "exo": math.log(0.5) - (math.log(0.9) + math.log(0.1)) / 2,
    }
    for name, more in PAIRED.items():
        found = getattr(preference, name)(none, none, beta=0.3, **more).tolist()
        assert found == pytest.approx([wanted[name]] * 2, abs=1e-12), name
    assert kto(none, torch.tensor([True, False]), 0.0, beta=0.3).tolist() == [0.5, 0.5]
    assert implicit_reward(values(-3.0), values(-3.0), beta=0.3).tolist() == [0.0]


def test_implicit_reward_of_the_best_policy_is_the_reward():
    """T27, 4.80, erratum 4.74: beta log(pi* / pi_ref) = r - beta log Z for pi* = pi_ref e^(r / beta) / Z."""
    reference, reward = values(0.5, 0.3, 0.2).log(), values(0.0, 1.0, 2.0)
    best = (reference + reward / 0.5).log_softmax(-1)
    torch.testing.assert_close(
        implicit_reward(best, reference, beta=0.5), reward - 1.3063694, rtol=0, atol=1e-7
    )


def slope(loss, logits: torch.Tensor) -> float:
    return torch.autograd.grad(loss, logits)[0].abs().max().item()


def test_the_optimum_is_the_best_policy():
    """T27: DPO on the expected choices of a reward has its least loss at pi* = pi_ref e^(r / beta) / Z."""
    reference, reward, beta = values(0.5, 0.3, 0.2).log(), values(0.0, 1.0, 2.0), 0.5
    left, right = torch.tensor([0, 0, 1, 1, 2, 2]), torch.tensor([1, 2, 0, 2, 0, 1])
    chance = (reward[left] - reward[right]).sigmoid()
    logits = (reference + reward / beta).requires_grad_()
    drift = logits.log_softmax(-1) - reference
    losses = chance * dpo(drift[left], drift[right], beta=beta)
    assert slope(losses.sum(), logits) < 1e-12


def test_t27_listwise_has_the_same_optimum():
    """All orders of three, and all ways to name the best alone, as often as Plackett-Luce of the reward has them."""
    reference, reward, beta = values(0.5, 0.3, 0.2).log(), values(0.0, 1.0, 2.0), 0.5
    tiers = torch.tensor([*itertools.permutations(range(3)), (0, 1, 1), (1, 0, 1), (1, 1, 0)])
    chance = (-plackett_luce(reward.expand(9, 3), tiers)).exp()
    assert chance[:6].sum().item() == pytest.approx(1) and chance[6:].sum().item() == pytest.approx(1)
    for some in (slice(0, 6), slice(6, 9)):
        for shift, still in ((0.0, True), (0.3, False)):
            logits = (reference + reward / beta + values(shift, 0.0, 0.0)).requires_grad_()
            rewards = implicit_reward(logits.log_softmax(-1), reference, beta)
            losses = chance[some] * plackett_luce(rewards.expand(9, 3), tiers)[some]
            assert (slope(losses.sum(), logits) < 1e-12) is still


def test_robust_is_dpo_on_average():
    """Labels flipped with the chance that is named: the mean over flips is DPO's loss on clean labels."""
    right = preference.robust(*GOLDEN, beta=0.7, smoothing=0.2)
    flipped = preference.robust(GOLDEN[1], GOLDEN[0], beta=0.7, smoothing=0.2)
    torch.testing.assert_close(0.8 * right + 0.2 * flipped, dpo(*GOLDEN, beta=0.7), rtol=1e-12, atol=0)


def test_kto_by_hand():
    """Good above its baseline, bad below: 1 - s(.1 (2 - .5)) and 1 - s(.1 (.5 + 3)); the baseline has no say in 0."""
    found = kto(values(2.0, -3.0), torch.tensor([True, False]), 0.5, beta=0.1)
    assert found.tolist() == pytest.approx([1 / (1 + math.exp(0.15)), 1 / (1 + math.exp(0.35))], abs=1e-12)


def test_without_a_reference_by_hand():
    """SimPO: -log s(2 (-.5 + .9) - .3). ORPO: odds of e^-.5 are 1.5415, of e^-.9 are .6851. CPO: DPO itself."""
    better, worse = values(-0.5), values(-0.9)
    assert unreferenced.simpo(better, worse, 2.0, 0.3).item() == pytest.approx(math.log1p(math.exp(-0.5)))
    odds = [math.exp(x) / (1 - math.exp(x)) for x in (-0.5, -0.9)]
    assert odds == pytest.approx([1.5415, 0.6851], abs=1e-4)
    assert unreferenced.orpo(better, worse).item() == pytest.approx(math.log1p(odds[1] / odds[0]))
    edges = values(-1e-300, -1e-12, -0.6931, -0.6932, -50.0, -800.0, 0.0).requires_grad_()
    found = unreferenced.log_not(edges)
    assert found.isfinite().all() and torch.autograd.grad(found.sum(), edges)[0].isfinite().all()
    assert found[1].item() == pytest.approx(math.log(1e-12), rel=1e-9) and found[4].item() == pytest.approx(
        -math.exp(-50)
    )


def test_what_tokens_come_to():
    """A tail at half weight; WPO's weight: mean of log p - log sum p^2; collisions of a fair and a sure draw."""
    tokens = values(-1.0, -2.0, -4.0).expand(2, 3)
    assert drifts.discounted_tail(tokens, torch.tensor([1, 3]), 0.5).tolist() == [-4.0, -7.0]
    fair = drifts.log_collision(values(0.0, 0.0, 0.0, 0.0))
    assert fair.item() == pytest.approx(-math.log(4))
    mask = torch.tensor([[True, True, False], [True, True, True]])
    weights = drifts.on_policy_weight(tokens, fair.expand(2, 3), mask)
    assert weights.tolist() == pytest.approx(
        [math.exp(-1.5 + math.log(4)), math.exp(-7 / 3 + math.log(4))], abs=1e-12
    )


@pytest.mark.parametrize("name", ["forward_kl", "jensen_shannon", "alpha"])
def test_links_are_the_slope_of_their_divergence(name):
    """f'(u) of each f: u log u has log u + 1, and so on; every link is 0 without drift and rises."""
    drift = values(-2.0, -0.5, 0.0, 0.7).requires_grad_()
    u = drift.detach().exp().requires_grad_()
    f = {
        "forward_kl": u - u.log(),
        "jensen_shannon": u * u.log() - (u + 1) * ((u + 1) / 2).log(),
        "alpha": (u**0.5 - 0.5 * u) / (0.5 * -0.5),
    }[name]
    wanted = torch.autograd.grad(f.sum(), u)[0]
    link = getattr(drifts, name)
    found = link(drift, 0.5) if name == "alpha" else link(drift)
    torch.testing.assert_close(found, wanted - wanted[2], rtol=1e-9, atol=1e-12)
    assert found[2].item() == pytest.approx(0) and (torch.autograd.grad(found.sum(), drift)[0] > 0).all()
    assert drifts.reverse_kl(drift) is drift


@examples
@given(logprob, logprob, logprob, logprob, st.floats(0.01, 2))
def test_dpo_is_bradley_terry_on_implicit_rewards(better, worse, reference_better, reference_worse, beta):
    """T27; and cDPO mixes a label with its opposite."""
    four = [torch.tensor([x], dtype=D) for x in (better, worse, reference_better, reference_worse)]
    pair = (four[0] - four[2], four[1] - four[3])
    rewards = torch.stack(
        [implicit_reward(four[0], four[2], beta), implicit_reward(four[1], four[3], beta)], -1
    )
    want = bradley_terry(rewards, torch.tensor([[0, 1]]))
    torch.testing.assert_close(dpo(*pair, beta=beta), want, rtol=1e-9, atol=1e-9)
    swapped = dpo(pair[1], pair[0], beta=beta)
    mixed = conservative(*pair, beta=beta, smoothing=0.3)
    torch.testing.assert_close(mixed, 0.7 * dpo(*pair, beta=beta) + 0.3 * swapped, rtol=1e-12, atol=1e-12)
    assert torch.equal(conservative(*pair, beta=beta, smoothing=0.0), dpo(*pair, beta=beta))


def test_gradients_and_the_order_of_pairs():
    """Every gradient is that of its formula; but for optimal transport, a pair's loss is its own."""
    generator = torch.Generator().manual_seed(3)
    pair = tuple(torch.randn(4, dtype=D, generator=generator, requires_grad=True) for _ in range(2))
    order = torch.tensor([2, 0, 3, 1])
    for name, more in PAIRED.items():
        formula = getattr(preference, name)
        assert gradcheck(lambda a, b, f=formula, m=more: f(a, b, 0.3, **m), pair), name
        found, moved = formula(*pair, 0.3, **more), formula(pair[0][order], pair[1][order], 0.3, **more)
        assert torch.equal(found[order], moved) is (name != "aot_unpaired"), name
    low = tuple((x - 3).detach().requires_grad_() for x in pair)
    assert gradcheck(unreferenced.orpo, low) and gradcheck(
        lambda a, b: unreferenced.simpo(a, b, 2.0, 0.3), low
    )
    good = torch.tensor([True, False, True, False])
    assert gradcheck(lambda a: kto(a, good, 0.2, 0.3), pair[:1])
    assert gradcheck(lambda a, b: preference.aot(a, b, 0.3, 0.1), pair)
