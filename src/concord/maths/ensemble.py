"""Several opinions made into one: aspects that are weighed, and members that must agree.

Shapes: M opinions (aspects or members), N completions. Opinions are rows: [M, N].
"""

import torch
from torch import Tensor


def standard(scores: Tensor, means: Tensor, spreads: Tensor) -> Tensor:
    """Each opinion in its own units: how many spreads above its usual score.

    scores [M, N], means [M], spreads [M] -> [M, N]:  (r - mean) / spread; an opinion without spread says 0.
    Scores of two models have no common scale and no common zero, so nothing is added before this.
    """
    told = spreads.unsqueeze(-1) > 0
    scaled = (scores - means.unsqueeze(-1)) / torch.where(told, spreads.unsqueeze(-1), 1.0)
    return torch.where(told, scaled, 0.0)


def combined(scores: Tensor, weights: Tensor) -> Tensor:
    """The weighted mean of several opinions.

    scores [M, N] (standardised), weights [M] -> [N]:  sum_k w_k r_k / sum_k w_k. The book's 4.72 divides by
    the number of opinions, which makes the scale depend on the weights.
    """
    return (weights.unsqueeze(-1) * scores).sum(0) / weights.sum()


def disagreement(scores: Tensor) -> Tensor:
    """How far members are apart on each completion: 0 for one member.

    scores [M, N] -> [N]:  the standard deviation over members, the biased one (divided by M).
    """
    return (scores - scores.mean(0)).square().mean(0).sqrt()


def cautious(scores: Tensor, penalty: float) -> Tensor:
    """What the members agree on: their mean, less a price for their disagreement.

    scores [M, N] -> [N]:  mean - k spread (Coste et al. 2024 take the variance, k times, in place of the spread).
    """
    return scores.mean(0) - penalty * disagreement(scores)


def posterior_weights(surprises: Tensor) -> Tensor:
    """How much each member is to be believed after what was kept back has been seen.

    surprises [M] (the sum of each member's surprise over the same rankings) -> [M]:  softmax(-surprise).
    Bayesian model averaging with equal priors: one member soon has nearly all the weight.
    """
    return (-surprises).softmax(0)
