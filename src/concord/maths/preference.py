"""Learning straight from preferences, without a reward model in between: DPO and its relatives.

Shapes: P pairs. better and worse [P] are the policy's log-probabilities of whole completions, the sum over
their tokens (masked_sum); reference_better and reference_worse are the reference's. beta is the price of
drift: the larger, the closer the policy stays to its reference.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def implicit_reward(logprobs: Tensor, reference: Tensor, beta: float) -> Tensor:
    """The reward that a policy acts as if it had been trained on, up to a number per prompt.

    logprobs [P], reference [P] -> [P]:  beta (log p - log q) (Rafailov et al. 2023; book, 4.80).
    """
    return beta * (logprobs - reference)


def dpo(
    better: Tensor, worse: Tensor, reference_better: Tensor, reference_worse: Tensor, beta: float
) -> Tensor:
    """How surprising a preference is if the policy itself is read as the reward model.

    four [P] -> [P]:  -log sigmoid(beta h), with h = (better - reference_better) - (worse - reference_worse).
    Rafailov et al. 2023, eq. 7. It is log 2 where policy and reference agree.
    """
    return -F.logsigmoid(beta * _lead(better, worse, reference_better, reference_worse))


def dpo_conservative(
    better: Tensor,
    worse: Tensor,
    reference_better: Tensor,
    reference_worse: Tensor,
    beta: float,
    smoothing: float,
) -> Tensor:
    """DPO for labels that are wrong with a known chance, so that it never grows certain of one.

    four [P] -> [P]:  -(1 - smoothing) log sigmoid(beta h) - smoothing log sigmoid(-beta h).
    Mitchell 2023, "A note on DPO with noisy preferences" (cDPO). smoothing 0 is DPO.
    """
    lead = beta * _lead(better, worse, reference_better, reference_worse)
    return -(1 - smoothing) * F.logsigmoid(lead) - smoothing * F.logsigmoid(-lead)


def ipo(
    better: Tensor, worse: Tensor, reference_better: Tensor, reference_worse: Tensor, beta: float
) -> Tensor:
    """Ask for a fixed lead of the better completion instead of an ever larger one.

    four [P] -> [P]:  (h - 1 / (2 beta))^2 (Azar et al. 2023, eq. 17, whose tau is beta here).
    On sums, as in the paper; TRL feeds means over tokens, which a caller may do as well.
    """
    return (_lead(better, worse, reference_better, reference_worse) - 1 / (2 * beta)).square()


def hinge(
    better: Tensor, worse: Tensor, reference_better: Tensor, reference_worse: Tensor, beta: float
) -> Tensor:
    """Push until the better completion leads by enough, then leave the pair alone.

    four [P] -> [P]:  max(0, 1 - beta h) (Zhao et al. 2023, SLiC, with DPO's implicit reward).
    """
    return torch.relu(1 - beta * _lead(better, worse, reference_better, reference_worse))


def _lead(better: Tensor, worse: Tensor, reference_better: Tensor, reference_worse: Tensor) -> Tensor:
    """h [P]: how much more than its reference the policy prefers the better completion, in nats."""
    return (better - reference_better) - (worse - reference_worse)
