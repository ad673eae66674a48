"""Who earned the reward: credit for each token (PPO) or for each completion among its siblings (GRPO, RLOO).

Shapes: N sequences, T tokens. mask [N, T] is True on completion tokens, which may start and end anywhere.
Positions off the mask do not exist here: the token after t is the next True one, after the last there is
nothing (worth 0), and results are 0 off the mask, whatever stood there.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from concord.maths.sequence import last_true


def token_rewards(scores: Tensor, drift: Tensor, mask: Tensor, price: float) -> Tensor:
    """Each token pays for its drift from the reference, and the last one earns the completion's score.

    scores [N], drift [N, T] (k1, say), mask [N, T] -> [N, T]:  -price drift_t + score [t is the last].
    The penalty counts once (the book's 4.53 and 4.54 print it twice). Ziegler et al. 2019, eq. 2.
    """
    places = torch.arange(mask.shape[-1], device=mask.device)
    final = places == last_true(mask).unsqueeze(-1)
    paid = torch.where(mask, drift, 0.0) * -price
    return torch.where(final, paid + scores.unsqueeze(-1), paid)


def shaped(rewards: Tensor, potentials: Tensor, mask: Tensor, discount: float) -> Tensor:
    """Pay for progress: each token also earns the rise in potential, which moves no optimum.

    rewards, potentials, mask [N, T] -> [N, T]:  r_t + discount Phi_{t+1} - Phi_t, Phi after the end 0.
    Ng, Harada and Russell 1999; book, 4.64-4.66. With a critic's values as Phi it is the one-step advantage.
    """
    gain = rewards + discount * _following(potentials, mask) - potentials
    return torch.where(mask, gain, 0.0)


def monte_carlo_returns(rewards: Tensor, mask: Tensor, discount: float) -> Tensor:
    """What each token and those after it earn together, later rewards counting less.

    rewards [N, T], mask [N, T] -> [N, T]:  R_t = r_t + discount R_{t+1}, R after the end 0.
    """
    carried, columns = torch.zeros_like(rewards[:, 0]), []
    for here, live in zip(reversed(rewards.unbind(-1)), reversed(mask.unbind(-1)), strict=True):
        carried = torch.where(live, here + discount * carried, carried)
        columns.append(carried)
    return torch.where(mask, torch.stack(columns[::-1], -1), 0.0)


def gae(
    rewards: Tensor, values: Tensor, mask: Tensor, discount: float, decay: float
) -> tuple[Tensor, Tensor]:
    """How much better each token turned out than the critic expected, and what the critic should learn.

    rewards, values, mask [N, T] -> (advantages [N, T], returns [N, T]):
    A_t = d_t + discount decay A_{t+1},  d_t = r_t + discount V_{t+1} - V_t,  returns = A + V.
    Schulman et al. 2016. decay 1 is return - value, decay 0 the one-step error d.
    """
    surprises = shaped(rewards, values, mask, discount)
    advantages = monte_carlo_returns(surprises, mask, discount * decay)
    return advantages, advantages + torch.where(mask, values, 0.0)


def group_mean(scores: Tensor, groups: Tensor) -> Tensor:
    """How much better a completion scored than its group did on average.

    scores [N], groups [N] (any whole numbers) -> [N]:  s_i - mean of its group (Liu et al. 2025, Dr. GRPO).
    """
    return scores - _mean(scores, groups)


def group_standard(scores: Tensor, groups: Tensor) -> Tensor:
    """How much better a completion scored than its group did, in units of the group's spread.

    scores [N], groups [N] -> [N]:  (s_i - mean) / (std + 1e-4), std the *unbiased* one (n - 1), as in TRL's
    GRPO (Shao et al. 2024 leave it open). A group without spread, or of one, gets 0.
    """
    above = group_mean(scores, groups)
    size = _mean_and_size(scores, groups)[1]
    variance = _mean(above.square(), groups) * size / (size - 1).clamp(min=1)
    return above / (_root(variance) + 1e-4)


def group_standard_biased(scores: Tensor, groups: Tensor) -> Tensor:
    """As group_standard, with the *biased* standard deviation (n), which is numpy's `std`.

    scores [N], groups [N] -> [N]:  (s_i - mean) / (std + 1e-4).
    """
    above = group_mean(scores, groups)
    return above / (_root(_mean(above.square(), groups)) + 1e-4)


def batch_standard(scores: Tensor, groups: Tensor) -> Tensor:
    """How much better than its group a completion scored, in units of the spread of all scores of the round.

    scores [N], groups [N] -> [N]:  (s_i - mean of its group) / (std of all N + 1e-4), std the unbiased one
    (n - 1). Liu et al. 2025 ("Part I: tricks or traps?"): a group that hardly varies is not blown up.
    """
    variance = (scores - scores.mean()).square().sum() / max(len(scores) - 1, 1)
    return group_mean(scores, groups) / (_root(variance) + 1e-4)


def leave_one_out(scores: Tensor, groups: Tensor) -> Tensor:
    """How much better a completion scored than the others of its group did on average.

    scores [N], groups [N] -> [N]:  s_i - mean_{j != i} s_j = (s_i - mean) n / (n - 1); 0 in a group of one.
    RLOO (Kool et al. 2019; Ahmadian et al. 2024). The advantages of a group sum to 0.
    """
    size = _mean_and_size(scores, groups)[1]
    return group_mean(scores, groups) * size / (size - 1).clamp(min=1)


def _following(values: Tensor, mask: Tensor) -> Tensor:
    """values [N, T] -> [N, T]: the value at the next True position after t, 0 where there is none."""
    width = mask.shape[-1]
    places = torch.where(mask, torch.arange(width, device=mask.device), width)
    at_or_after = F.pad(places, (0, 1), value=width).flip(-1).cummin(-1).values.flip(-1)
    return F.pad(values, (0, 1)).gather(-1, at_or_after[..., 1:])


def _root(variance: Tensor) -> Tensor:
    """The square root, with gradient 0 where the variance is 0."""
    varied = variance > 0
    return torch.where(varied, torch.where(varied, variance, 1.0).sqrt(), 0.0)


def _mean(scores: Tensor, groups: Tensor) -> Tensor:
    return _mean_and_size(scores, groups)[0]


def _mean_and_size(scores: Tensor, groups: Tensor) -> tuple[Tensor, Tensor]:
    """scores [N], groups [N] -> (the mean of each one's group [N], that group's size [N])."""
    labels, index = torch.unique(groups, return_inverse=True)
    sizes = scores.new_zeros(len(labels)).index_add(0, index, torch.ones_like(scores))
    totals = scores.new_zeros(len(labels)).index_add(0, index, scores)
    return (totals / sizes)[index], sizes[index]
