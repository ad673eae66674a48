"""Learning straight from preferences, without a reward model in between: DPO and its relatives.

Shapes: P pairs, N completions. better and worse [P] are drifts: the policy's log-probability of a whole
completion less its reference's, log p - log q, the sum over its tokens unless a caller feeds means. Where a
method has no reference, they are the policy's log-probabilities themselves. beta is the price of drift: the
larger, the closer the policy stays to its reference. lead stands for better - worse.

Every formula here is about the pairs it is given, one number a pair; only the two of optimal transport
(aot, aot_unpaired) compare pairs with each other.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from concord.maths.sequence import bounded


def implicit_reward(logprobs: Tensor, reference: Tensor, beta: float) -> Tensor:
    """The reward that a policy acts as if it had been trained on, up to a number per prompt.

    logprobs [P], reference [P] -> [P]:  beta (log p - log q) (Rafailov et al. 2023; book, 4.80).
    """
    return beta * (logprobs - reference)


def dpo(better: Tensor, worse: Tensor, beta: float) -> Tensor:
    """How surprising a preference is if the policy itself is read as the reward model.

    [P], [P] -> [P]:  -log sigmoid(beta lead) (Rafailov et al. 2023, eq. 7). It is log 2 where policy and
    reference agree.
    """
    return -F.logsigmoid(beta * (better - worse))


def conservative(better: Tensor, worse: Tensor, beta: float, smoothing: float) -> Tensor:
    """DPO for labels that are wrong with a known chance, so that it never grows certain of one.

    [P], [P] -> [P]:  -(1 - smoothing) log sigmoid(beta lead) - smoothing log sigmoid(-beta lead).
    Mitchell 2023, "A note on DPO with noisy preferences" (cDPO). smoothing 0 is DPO.
    """
    return (1 - smoothing) * dpo(better, worse, beta) + smoothing * dpo(worse, better, beta)


def robust(better: Tensor, worse: Tensor, beta: float, smoothing: float) -> Tensor:
    """DPO for labels flipped with a known chance, corrected so that on average the flips cancel.

    [P], [P] -> [P]:  ((1 - smoothing) dpo - smoothing dpo of the flipped pair) / (1 - 2 smoothing), with
    smoothing below 1/2 (Chowdhury et al. 2024). It can be negative.
    """
    right, flipped = dpo(better, worse, beta), dpo(worse, better, beta)
    return ((1 - smoothing) * right - smoothing * flipped) / (1 - 2 * smoothing)


def ipo(better: Tensor, worse: Tensor, beta: float) -> Tensor:
    """Ask for a fixed lead of the better completion instead of an ever larger one.

    [P], [P] -> [P]:  (lead - 1 / (2 beta))^2 (Azar et al. 2023, eq. 17, whose tau is beta here).
    On sums, as in the paper; TRL feeds drifts per token, which a caller may do as well.
    """
    return (better - worse - 1 / (2 * beta)).square()


def hinge(better: Tensor, worse: Tensor, beta: float) -> Tensor:
    """Push until the better completion leads by enough, then leave the pair alone.

    [P], [P] -> [P]:  max(0, 1 - beta lead) (Zhao et al. 2023, SLiC, with DPO's implicit reward).
    """
    return torch.relu(1 - beta * (better - worse))


def exo(better: Tensor, worse: Tensor, beta: float, smoothing: float) -> Tensor:
    """Match the policy's choice between the two to a nearly certain one, from the policy's side.

    [P], [P] -> [P]:  KL(p || (1 - smoothing, smoothing)) with p = sigmoid(beta lead) and 1 - p; smoothing
    above 0 (Ji et al. 2024, eq. 16).
    """
    lead, error = beta * (better - worse), better.new_tensor(smoothing)
    right = lead.sigmoid() * (F.logsigmoid(lead) - torch.log1p(-error))
    return right + (-lead).sigmoid() * (F.logsigmoid(-lead) - error.log())


def nca(better: Tensor, worse: Tensor, beta: float) -> Tensor:
    """Tell better and worse each from the reference's own words, so that the better does not grow unlikely.

    [P], [P] -> [P]:  -log s(beta b) - (log s(-beta b) + log s(-beta w)) / 2, s the sigmoid (Chen et al. 2024).
    """
    mine, other = beta * better, beta * worse
    return -F.logsigmoid(mine) - (F.logsigmoid(-mine) + F.logsigmoid(-other)) / 2


def bco(better: Tensor, worse: Tensor, beta: float) -> Tensor:
    """Two questions apart: is the better one good, and is the worse one bad?

    [P], [P] -> [P]:  -log s(beta b) - log s(-beta w), s the sigmoid (Jung et al. 2024, without its shift).
    """
    return -F.logsigmoid(beta * better) - F.logsigmoid(-beta * worse)


def sppo(better: Tensor, worse: Tensor, beta: float) -> Tensor:
    """Ask for a fixed drift of each: up for the winner, down for the loser.

    [P], [P] -> [P]:  (b - 1 / (2 beta))^2 + (w + 1 / (2 beta))^2 (Wu et al. 2024, eq. 4.7, with certain wins).
    """
    return (better - 0.5 / beta).square() + (worse + 0.5 / beta).square()


def apo_zero(better: Tensor, worse: Tensor, beta: float) -> Tensor:
    """Raise the better and lower the worse: for answers that are better than the policy's own.

    [P], [P] -> [P]:  1 - s(beta b) + s(beta w), s the sigmoid (D'Oosterlinck et al. 2024, eq. 7).
    """
    return (-beta * better).sigmoid() + (beta * worse).sigmoid()


def apo_down(better: Tensor, worse: Tensor, beta: float) -> Tensor:
    """Lower both, the worse one more: for answers that are worse than the policy's own.

    [P], [P] -> [P]:  s(beta b) + 1 - s(beta lead), s the sigmoid (D'Oosterlinck et al. 2024, eq. 8).
    """
    return (beta * better).sigmoid() + (-beta * (better - worse)).sigmoid()


def discopop(better: Tensor, worse: Tensor, beta: float, tau: float) -> Tensor:
    """A loss that a language model found by search: logistic below zero, exponential above it.

    [P], [P] -> [P]:  (1 - m) (-log s(x)) + m e^-x  with x = beta lead, m = s(x / tau) (Lu et al. 2024, eq. 5).
    """
    lead = beta * (better - worse)
    mix = (lead / tau).sigmoid()
    return -F.logsigmoid(lead) * (1 - mix) + bounded(-lead).exp() * mix


def dpop(better: Tensor, worse: Tensor, beta: float, weight: float) -> Tensor:
    """DPO that also forbids the better completion to become less likely than it was.

    [P], [P] -> [P]:  -log sigmoid(beta (lead - weight max(0, -b))) (Pal et al. 2024, "Smaug", eq. 3).
    """
    return -F.logsigmoid(beta * (better - worse - weight * torch.relu(-better)))


def mpo(better: Tensor, worse: Tensor, beta: float, preference: float, quality: float) -> Tensor:
    """A mixture: which is better, and whether each is good at all.

    [P], [P] -> [P]:  preference dpo + quality bco (Wang et al. 2024, "Mixed Preference Optimization", whose
    third part, the likelihood of the better completion, is a term of its own: nll).
    """
    return preference * dpo(better, worse, beta) + quality * bco(better, worse, beta)


def aot(margins: Tensor, reference: Tensor, beta: float, smoothing: float) -> Tensor:
    """Compare how pairs are led as wholes: the policy's smallest lead with the reference's smallest, and so on.

    margins [P], reference [P] -> [P]: conservative on their sorted differences, with margins
    log p(better) - log p(worse) and the reference's own (Melnyk et al. 2024, paired).
    """
    none = torch.zeros_like(margins)
    return conservative(margins.sort().values - reference.sort().values, none, beta, smoothing)


def aot_unpaired(better: Tensor, worse: Tensor, beta: float, smoothing: float) -> Tensor:
    """Compare good answers with bad ones as wholes, whoever stood beside whom.

    better [P], worse [P] -> [P]:  conservative on the two, each sorted (Melnyk et al. 2024, unpaired).
    """
    return conservative(better.sort().values, worse.sort().values, beta, smoothing)


def kto(drift: Tensor, good: Tensor, baseline: Tensor | float, beta: float) -> Tensor:
    """Gains and losses against what is usual: for answers that are good or bad, with nothing to compare.

    drift [N], good bool [N], baseline a number >= 0 -> [N]:  1 - s(beta (d - baseline)) where good,
    1 - s(beta (baseline - d)) where bad, s the sigmoid (Ethayarajh et al. 2024, eq. 8, weights left to the
    caller). The baseline is the policy's drift on answers to other prompts, at least 0, without gradient.
    """
    gain = beta * (drift - baseline)
    return 1 - torch.where(good, gain, -gain).sigmoid()
