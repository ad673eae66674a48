"""Preference losses that hold no reference: SimPO, CPO, ORPO.

Shapes: P pairs. better and worse [P] are the policy's log-probabilities of whole completions: means over their
tokens for SimPO and ORPO, sums for CPO, which is `preference.conservative` on them. What keeps the policy in place
is a margin to reach (SimPO) or the likelihood of the better completion, added with a weight (CPO, ORPO).
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def simpo(better: Tensor, worse: Tensor, beta: float, margin: float) -> Tensor:
    """How surprising a preference is if the policy's mean log-probability is the reward, and must lead by a margin.

    means [P], [P] -> [P]:  -log sigmoid(beta (b - w) - margin) (Meng et al. 2024, eq. 6, whose gamma is margin).
    """
    return -F.logsigmoid(beta * (better - worse) - margin)


def orpo(better: Tensor, worse: Tensor) -> Tensor:
    """How surprising a preference is by the ratio of odds; bounded pull where both are unlikely.

    means [P], [P], below 0 -> [P]:  -log sigmoid(log odds(b) - log odds(w)), odds(m) = e^m / (1 - e^m)
    (Hong et al. 2024, eqs. 4 and 7). The whole loss adds the likelihood of the better completion.
    """
    return -F.logsigmoid((better - worse) - (log_not(better) - log_not(worse)))


def log_not(logprobs: Tensor) -> Tensor:
    """The log-probability that something does not happen, exact near 0 and far below.

    [...] at most 0 -> [...]:  log(1 - e^x). At 0, which is certainty, the smallest number below it is taken.
    """
    sure = torch.finfo(logprobs.dtype).tiny
    below = logprobs.clamp(max=-sure)
    near = below > -0.6931471805599453
    far = torch.where(near, -1.0, below)
    return torch.where(near, torch.log(-torch.expm1(below)), torch.log1p(-far.exp()))
