"""Whose ratio is taken, and which tokens are trusted: what is done to likelihoods before a surrogate sees them.

Shapes: N sequences, T tokens; mask [N, T] is True on completion tokens. `behaviour` is the policy that spoke.
"""

import torch
from torch import Tensor

from concord.maths.sequence import bounded, masked_sum


def by_token(logprobs: Tensor, mask: Tensor) -> Tensor:
    """Each token has a ratio of its own.

    logprobs, mask [N, T] -> [N, T], as given (PPO, GRPO).
    """
    return logprobs


def by_sequence(logprobs: Tensor, mask: Tensor) -> Tensor:
    """All tokens of a completion share one ratio: the geometric mean of theirs.

    logprobs, mask [N, T] -> [N, T]:  (sum over the completion of log p) / its length, at each of its tokens.
    Zheng et al. 2025 (GSPO).
    """
    return by_completion(logprobs, mask) / mask.sum(-1, keepdim=True).clamp(min=1)


def by_completion(logprobs: Tensor, mask: Tensor) -> Tensor:
    """All tokens of a completion share the ratio of the whole: the product of theirs.

    logprobs, mask [N, T] -> [N, T]:  sum over the completion of log p (Ahmadian et al. 2024, RLOO).
    """
    return masked_sum(logprobs, mask).unsqueeze(-1).expand_as(mask)


def truncated_ratio(logprobs: Tensor, sampler: Tensor, most: float) -> Tensor:
    """How much a token counts that the sampler found more or less likely than the policy it sampled for.

    logprobs, sampler [N, T] -> [N, T]:  min(exp(logprobs - sampler), most), a constant to the gradient.
    Truncated importance sampling (Ionides 2008; Yao et al. 2025 for samplers that round otherwise).
    """
    return bounded(logprobs - sampler).exp().clamp(max=most).detach()


def fresh(logprobs: Tensor, behaviour: Tensor, advantages: Tensor, mask: Tensor, most: float) -> Tensor:
    """Which tokens still count: a bad completion that the policy has already left behind teaches no more.

    logprobs, behaviour, advantages, mask [N, T] -> [N, T] bool:  A >= 0, or the completion's mean of
    log behaviour - log p is at most `most`. DeepSeek-AI 2025 (V3.2), "off-policy sequence masking".
    """
    gone = masked_sum(behaviour - logprobs.detach(), mask) / mask.sum(-1).clamp(min=1)
    return (advantages >= 0) | (gone <= most).unsqueeze(-1)


def most_undecided(entropies: Tensor, mask: Tensor, share: float) -> Tensor:
    """The tokens before which the policy was most undecided.

    entropies, mask [N, T] -> [N, T] bool:  entropy >= its (1 - share) quantile over all tokens of the mask.
    Wang et al. 2025 ("Beyond the 80/20 rule").
    """
    least = torch.quantile(entropies[mask], 1 - share)
    return mask & (entropies >= least)
