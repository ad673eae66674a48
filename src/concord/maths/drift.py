"""What a completion's tokens come to before a preference loss reads them: measures, links, weights.

Shapes: N completions, S scored tokens of each. logprobs [N, S] are 0 where there is no token.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from concord.maths.sequence import bounded, masked_sum


def discounted_tail(logprobs: Tensor, shared: Tensor, weight: float) -> Tensor:
    """Whole completions, with the tokens beyond a length counting less: length is not taken for quality.

    logprobs [N, S], shared [N] -> [N]:  sum over t < shared + weight times the sum over t >= shared (Liu et
    al. 2024, LD-DPO). shared is the length of the shortest completion that is compared.
    """
    places = torch.arange(logprobs.shape[-1], device=logprobs.device)
    return torch.where(places < shared[:, None], logprobs, weight * logprobs).sum(-1)


def reverse_kl(drift: Tensor) -> Tensor:
    """How drift becomes reward if KL(policy || reference) is the price: as it is.

    [...] -> [...]:  f'(u) = log u, u = p / q = e^drift (Wang et al. 2023, "Beyond reverse KL").
    """
    return drift


def forward_kl(drift: Tensor) -> Tensor:
    """How drift becomes reward if KL(reference || policy) is the price.

    [...] -> [...]:  f'(u) = 1 - 1/u.
    """
    return -torch.expm1(bounded(-drift))


def jensen_shannon(drift: Tensor) -> Tensor:
    """How drift becomes reward if the Jensen-Shannon divergence is the price: bounded by log 2.

    [...] -> [...]:  f'(u) = log(2 u / (1 + u)).
    """
    return math.log(2) + F.logsigmoid(drift)


def alpha(drift: Tensor, order: float) -> Tensor:
    """How drift becomes reward if the alpha divergence of some order is the price.

    [...] -> [...]:  f'(u) = (u^(order - 1) - 1) / (order - 1); near order 1 it is the reverse KL's log u, near 0
    the forward KL's.
    """
    return torch.expm1(bounded((order - 1) * drift)) / (order - 1)


def on_policy_weight(logprobs: Tensor, collisions: Tensor, mask: Tensor) -> Tensor:
    """How much a completion looks like the policy's own words: pairs far from them count less.

    logprobs [N, S], collisions [N, S], mask [N, S] -> [N]:  exp(mean over tokens of log p - log sum_v p_v^2)
    (Zhou et al. 2024, WPO, eq. 2, aligned to sampling). Without gradient.
    """
    gaps = masked_sum(logprobs.detach() - collisions, mask)
    return (gaps / mask.sum(-1).clamp(min=1)).exp()


def log_collision(logits: Tensor) -> Tensor:
    """How decided the model is: the log of the chance that two draws give the same token.

    logits [..., V] -> [...]:  log sum_v p_v^2.
    """
    return (2 * logits.log_softmax(-1)).logsumexp(-1)
