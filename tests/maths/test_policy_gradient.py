"""Learning from samples alone: the gradient is right on average, and a critic comes to true returns (T10, T11)."""

import torch

from concord.maths.advantage import gae, leave_one_out
from concord.maths.surrogate import clipped_value_loss, policy_gradient_loss

D = torch.float64
DRAWS = 40_000


def estimates(logits, draws, advantages):
    """Each draw's own gradient of -A log p by the logits, [M, 3]."""
    leaf = logits.detach().expand(len(draws), 3).clone().requires_grad_()
    said = leaf.log_softmax(-1).gather(-1, draws[:, None]).squeeze(-1)
    return torch.autograd.grad(policy_gradient_loss(said, advantages).sum(), leaf)[0]


def test_t10_estimates_are_right_and_a_baseline_only_calms_them():
    """T10: three arms: within 3 standard errors of the analytic gradient; the baseline lowers variance alone."""
    generator = torch.Generator().manual_seed(10)
    logits, reward = torch.tensor([0.2, -0.3, 0.5], dtype=D), torch.tensor([1.0, 5.0, 2.0], dtype=D)
    chance = logits.softmax(-1)
    truth = -chance * (reward - (chance * reward).sum())  # of -E[r]
    draws = torch.multinomial(chance, DRAWS, replacement=True, generator=generator)
    got = reward[draws]
    credits = {
        "nothing": got,
        "mean reward": got - (chance * reward).sum(),
        "the others of its group": leave_one_out(got, torch.arange(DRAWS) // 8),
    }
    variances = {}
    for name, credit in credits.items():
        each = estimates(logits, draws, credit)
        error = (each.std(0) / DRAWS**0.5).clamp(min=1e-12)
        assert ((each.mean(0) - truth).abs() < 3 * error).all(), name
        variances[name] = float(each.var(0).sum())
    assert variances["mean reward"] < 0.45 * variances["nothing"]
    assert variances["the others of its group"] < 0.6 * variances["nothing"]


def test_t11_a_critic_comes_to_true_returns():
    """T11: a chain of three places that may stop after each: one-step targets lead to the exact expected returns.

    From place s it goes on to s + 1 with chance (0.5, 0.8, 0) and earns (1, 2, 4) on leaving s; discount 0.9:
    V2 = 4, V1 = 2 + 0.9 * 0.8 * 4 = 4.88, V0 = 1 + 0.9 * 0.5 * 4.88 = 3.196.
    """
    generator = torch.Generator().manual_seed(11)
    onward, pay = torch.tensor([0.5, 0.8], dtype=D), torch.tensor([1.0, 2.0, 4.0], dtype=D)
    table = torch.zeros(3, dtype=D, requires_grad=True)
    for turn in range(400):
        gone = torch.rand(256, 2, generator=generator, dtype=D) < onward
        mask = torch.cat([torch.ones(256, 1, dtype=torch.bool), gone[:, :1], gone.all(-1, keepdim=True)], -1)
        values = table.detach().expand(256, 3)
        _, targets = gae(pay.expand(256, 3), values, mask, discount=0.9, decay=0.0)
        wrong = clipped_value_loss(table.expand(256, 3), values, targets, clip=100.0)
        mean = torch.where(mask, wrong, 0.0).sum(0) / mask.sum(0)
        (slope,) = torch.autograd.grad(mean.sum(), table)
        with torch.no_grad():
            table -= slope / (1 + turn / 10)
    assert torch.allclose(table.detach(), torch.tensor([3.196, 4.88, 4.0], dtype=D), atol=0.03)
