"""How far a policy has drifted from its reference, in nats.

k1, k2 and k3 estimate KL(policy || reference) from tokens that the policy itself sampled (J. Schulman 2020,
"Approximating KL divergence"). logprobs and reference are the two models' log-probabilities of those tokens.
"""

import torch
from torch import Tensor

from concord.maths.sequence import bounded, set_apart


def k1(logprobs: Tensor, reference: Tensor) -> Tensor:
    """The plain estimate of drift: right on average, noisy, and negative for some tokens.

    [N, T], [N, T] -> [N, T]:  log p - log q.
    """
    return logprobs - reference


def k2(logprobs: Tensor, reference: Tensor) -> Tensor:
    """The squared estimate of drift: little noise, never negative, slightly wrong on average.

    [N, T], [N, T] -> [N, T]:  (log p - log q)^2 / 2. Its gradient is on average that of the true KL.
    """
    sound, (ours, theirs) = set_apart(logprobs, reference)
    return torch.where(sound, (ours - theirs).square() / 2, torch.nan)


def k3(logprobs: Tensor, reference: Tensor) -> Tensor:
    """The estimate of drift that is right on average and never negative (GRPO was published with it).

    [N, T], [N, T] -> [N, T]:  q/p - 1 - log(q/p).
    """
    sound, (ours, theirs) = set_apart(logprobs, reference)
    gap = theirs - ours
    return torch.where(sound, torch.expm1(bounded(gap)) - gap, torch.nan)


def weighted_k3(logprobs: Tensor, behaviour: Tensor, reference: Tensor) -> Tensor:
    """k3 with the weight that makes its gradient right too, also on what an older policy said.

    [N, T], [N, T], [N, T] -> [N, T]:  r (q/p - 1 - log(q/p)), r = p / behaviour. Over tokens of the behaviour
    policy, mean and gradient are those of KL(p || q). DeepSeek-AI 2025 (V3.2), "unbiased KL estimate".
    """
    sound, (ours, then, theirs) = set_apart(logprobs, behaviour, reference)
    return torch.where(sound, bounded(ours - then).exp() * k3(ours, theirs), torch.nan)


def exact_kl(logits_p: Tensor, logits_q: Tensor) -> Tensor:
    """The true drift of one prediction from another, over the whole vocabulary.

    [..., V], [..., V] -> [...]:  sum_v p_v (log p_v - log q_v); inf where q forbids what p allows.
    """
    p, q = logits_p.log_softmax(-1), logits_q.log_softmax(-1)
    gap = torch.where(p.isneginf(), 0.0, p - q)
    return (p.exp() * gap).sum(-1)
