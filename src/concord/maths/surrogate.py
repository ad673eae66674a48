"""The losses of policy and critic, and the dials that tell how training goes; each loss has a function of its own.

Shapes: N sequences, T tokens; the losses are per token [N, T] (or per sequence [N], if given such) and are
averaged by the caller under a mask. Three policies take part: the one that learns (logprobs), the one that
spoke (behaviour), and the reference, which appears in divergence.py alone. A broken number gives nan in its
place and no gradient: under a mask it does no harm, elsewhere it shows.
"""

import torch
from torch import Tensor

from concord.maths.sequence import bounded, masked_mean, masked_sum, masked_variance, set_apart


def policy_gradient_loss(logprobs: Tensor, advantages: Tensor) -> Tensor:
    """Make what went better than expected more likely, and the rest less.

    logprobs, advantages [N, T] -> [N, T]:  -A log p (REINFORCE; book, 4.39-4.44).
    """
    sound, (ours, credit) = set_apart(logprobs, advantages)
    return torch.where(sound, -credit * ours, torch.nan)


def clipped_policy_loss(
    logprobs: Tensor, behaviour: Tensor, advantages: Tensor, low: float, high: float
) -> Tensor:
    """The policy gradient, which stops pulling once a token has moved far enough.

    logprobs, behaviour, advantages [N, T] -> [N, T]:  -min(r A, clip(r, 1 - low, 1 + high) A), with
    r = exp(logprobs - behaviour). Schulman et al. 2017, eq. 7; the book's 4.49 clips before multiplying,
    which is another loss where A < 0. The exponent is bounded (sequence.bounded).
    """
    sound, (ours, theirs, credit) = set_apart(logprobs, behaviour, advantages)
    ratio = bounded(ours - theirs).exp()
    loss = -torch.minimum(ratio * credit, ratio.clamp(1 - low, 1 + high) * credit)
    return torch.where(sound, loss, torch.nan)


def dual_clipped_policy_loss(
    logprobs: Tensor, behaviour: Tensor, advantages: Tensor, low: float, high: float, most: float
) -> Tensor:
    """The clipped loss, which also stops pushing down what was bad and has become far likelier since.

    logprobs, behaviour, advantages [N, T] -> [N, T]:  as clipped_policy_loss, but where A < 0
    -max(min(r A, clip(r, 1 - low, 1 + high) A), most A). Ye et al. 2020 (dual-clip PPO).
    """
    sound, (ours, theirs, credit) = set_apart(logprobs, behaviour, advantages)
    ratio = bounded(ours - theirs).exp()
    gain = torch.minimum(ratio * credit, ratio.clamp(1 - low, 1 + high) * credit)
    gain = torch.where(credit < 0, torch.maximum(gain, most * credit), gain)
    return torch.where(sound, -gain, torch.nan)


def two_sided_policy_loss(
    logprobs: Tensor, behaviour: Tensor, advantages: Tensor, low: float, high: float, most: float
) -> Tensor:
    """The clipped loss with a bound on the unclipped ratio too, whatever the sign of the advantage.

    logprobs, behaviour, advantages [N, T] -> [N, T]:  -min(min(r, most) A, clip(r, 1 - low, 1 + high) A).
    Prime Intellect 2025 (INTELLECT-2). With most >= 1 + high it is the dual clip.
    """
    sound, (ours, theirs, credit) = set_apart(logprobs, behaviour, advantages)
    ratio = bounded(ours - theirs).exp()
    loss = -torch.minimum(ratio.clamp(max=most) * credit, ratio.clamp(1 - low, 1 + high) * credit)
    return torch.where(sound, loss, torch.nan)


def cispo_loss(logprobs: Tensor, behaviour: Tensor, advantages: Tensor, high: float) -> Tensor:
    """The policy gradient with each token's weight bounded, so that no token is ever left out.

    logprobs, behaviour, advantages [N, T] -> [N, T]:  -[min(r, 1 + high)] A log p, the bracket a constant to
    the gradient. MiniMax 2025 (MiniMax-M1).
    """
    sound, (ours, theirs, credit) = set_apart(logprobs, behaviour, advantages)
    weight = bounded(ours - theirs).exp().clamp(max=1 + high).detach()
    return torch.where(sound, -weight * credit * ours, torch.nan)


def sapo_loss(
    logprobs: Tensor, behaviour: Tensor, advantages: Tensor, rising: float = 1.0, falling: float = 1.05
) -> Tensor:
    """A pull that fades with the ratio's distance from 1 instead of being cut off.

    logprobs, behaviour, advantages [N, T] -> [N, T]:  -(4 / t) sigmoid(t (r - 1)) A, with t = rising where
    A > 0, else falling; the slope at r = 1 is -A. Gao et al. 2025 (SAPO) and their two values.
    """
    sound, (ours, theirs, credit) = set_apart(logprobs, behaviour, advantages)
    ratio = bounded(ours - theirs).exp()
    heat = torch.where(credit > 0, rising, falling).to(ratio.dtype)
    return torch.where(sound, -4 / heat * torch.sigmoid(heat * (ratio - 1)) * credit, torch.nan)


def vespo_loss(
    logprobs: Tensor,
    behaviour: Tensor,
    advantages: Tensor,
    mask: Tensor,
    rising: tuple[float, float] = (2.0, 3.0),
    falling: tuple[float, float] = (3.0, 2.0),
) -> Tensor:
    """The policy gradient, weighed by how far the whole completion's likelihood has moved.

    logprobs, behaviour, advantages, mask [N, T] -> [N, T]:  -[W^k e^(l (1 - W))] A log p, with W the ratio of
    the completion, (k, l) = rising where A >= 0, else falling, and the bracket, 1 at W = 1, a constant to the
    gradient. Shen et al. 2026 (VESPO) and their values.
    """
    sound, (ours, theirs, credit) = set_apart(logprobs, behaviour, advantages)
    moved = masked_sum((ours - theirs).detach(), mask).unsqueeze(-1)
    power, decay = (
        torch.where(credit >= 0, up, down).to(ours.dtype) for up, down in zip(rising, falling, strict=True)
    )
    weight = (power * moved + decay * -torch.expm1(bounded(moved))).exp()
    return torch.where(sound, -weight * credit * ours, torch.nan)


def clipped_value_loss(values: Tensor, old_values: Tensor, returns: Tensor, clip: float) -> Tensor:
    """How wrong the critic is, without reward for moving far from what it said before.

    values, old_values, returns [N, T] -> [N, T]:
    max((V - R)^2, (clip(V, V_old - clip, V_old + clip) - R)^2) / 2 (OpenAI baselines, ppo2).
    """
    sound, (now, before, target) = set_apart(values, old_values, returns)
    near = torch.clamp(now, before - clip, before + clip)
    loss = torch.maximum((now - target).square(), (near - target).square()) / 2
    return torch.where(sound, loss, torch.nan)


def clip_fraction(
    logprobs: Tensor, behaviour: Tensor, advantages: Tensor, low: float, high: float, mask: Tensor
) -> Tensor:
    """The share of tokens whose pull the clip has stopped: r > 1 + high and A > 0, or r < 1 - low and A < 0.

    logprobs, behaviour, advantages, mask [N, T] -> scalar in 0..1. A token beyond a bound whose pull leads
    back inside does not count.
    """
    ratio = bounded(logprobs - behaviour).exp()
    stopped = ((ratio > 1 + high) & (advantages > 0)) | ((ratio < 1 - low) & (advantages < 0))
    return masked_mean(stopped.to(ratio.dtype), mask)


def explained_variance(values: Tensor, returns: Tensor, mask: Tensor) -> Tensor:
    """How much of the returns' ups and downs the critic foresaw: 1 is all, 0 none, less than 0 misleads.

    values, returns, mask [N, T] -> scalar:  1 - Var(R - V) / Var(R); 0 where the returns do not vary.
    """
    error, spread = masked_variance(returns - values, mask), masked_variance(returns, mask)
    varied = spread > 0
    return torch.where(varied, 1 - error / torch.where(varied, spread, 1.0), 0.0)


def next_price(price: float, kl: float, target: float, horizon: float, samples: int) -> float:
    """Drift costs more after too much of it and less after too little, by small steps.

    floats -> float:  price (1 + clip(kl / target - 1, -0.2, 0.2) samples / horizon).
    The adaptive controller of Ziegler et al. 2019, section 2.2.
    """
    error = min(max(kl / target - 1, -0.2), 0.2)
    return price * (1 + error * samples / horizon)
