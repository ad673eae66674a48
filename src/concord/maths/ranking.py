"""How surprising people's rankings are under a model's scores: the losses of reward models.

Shapes: N lists of K candidates, P pairs. tiers [N, K] hold whole numbers: 0 is the best tier, larger is
worse, and -1 marks a candidate that is absent or was not ranked. A tier says nothing about the order within
it, and -1 says nothing at all, so every loss here rests on the same pairs: those of two different tiers.
What scores hold at -1 reaches neither loss nor gradient, even if it is inf or nan.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def implied_pairs(tiers: Tensor) -> Tensor:
    """Which candidate stands above which.

    tiers [N, K] -> bool [N, K, K]; entry (i, j) is True when i and j are ranked and i is in a better tier.
    """
    ranked = tiers >= 0
    above = tiers.unsqueeze(-1) < tiers.unsqueeze(-2)
    return above & ranked.unsqueeze(-1) & ranked.unsqueeze(-2)


def pair_counts(tiers: Tensor) -> Tensor:
    """How many comparisons each ranking implies.

    tiers [N, K] -> int [N]: K (K - 1) / 2 for a full order, 0 if all are tied.
    """
    return implied_pairs(tiers).sum((-2, -1))


def bradley_terry(scores: Tensor, tiers: Tensor) -> Tensor:
    """How surprising a ranking is, read as all of its pairs; 0 for a row that implies none.

    scores [N, K], tiers [N, K] -> [N]:  mean over the pairs i above j of -log sigmoid(s_i - s_j).
    Bradley and Terry 1952; the mean over pairs is InstructGPT's (Ouyang et al. 2022, eq. 1).
    """
    pairs = implied_pairs(tiers)
    surprise = torch.where(pairs, -F.logsigmoid(_gaps(scores, tiers)), 0.0)
    return surprise.sum((-2, -1)) / pairs.sum((-2, -1)).clamp(min=1)


def soft_bradley_terry(scores: Tensor, chances: Tensor) -> Tensor:
    """How surprising soft labels are: how likely each of two is the better one, as a judge or many people tell.

    scores [N, K], chances [N, K, K] (entry (i, j): the chance that i is better; nan where none was told) -> [N]:
    mean over the told pairs of  -p log sigmoid(s_i - s_j) - (1 - p) log sigmoid(s_j - s_i); 0 for a row without.
    Chances of 0 and 1 give bradley_terry of the same pairs.
    """
    told = ~chances.isnan()
    gaps = scores.unsqueeze(-1) - scores.unsqueeze(-2)
    gaps, better = torch.where(told, gaps, 0.0), torch.where(told, chances, 0.0).to(scores.dtype)
    surprise = -better * F.logsigmoid(gaps) - (1 - better) * F.logsigmoid(-gaps)
    return torch.where(told, surprise, 0.0).sum((-2, -1)) / told.sum((-2, -1)).clamp(min=1)


def plackett_luce(scores: Tensor, tiers: Tensor) -> Tensor:
    """How surprising a ranking is, read as one choice after another from what is left.

    scores [N, K], tiers [N, K] -> [N]:  sum over ranked i of  log(e^s_i + sum_j e^s_j) - s_i  with j over
    the candidates of strictly worse tiers (Plackett 1975, Luce 1959).
    Ties: each of a tie is chosen from itself and the worse tiers, never against its mates. So a list of two
    equals Bradley-Terry to the bit, tied or not, and a last tier of any size ("the rest") is exact: tiers
    [0, 1, 1, 1] are one choice of four. A tie higher up counts its members as separate choices.
    Unranked candidates (-1) are unknown: nobody was chosen over them.
    """
    above = implied_pairs(tiers)
    lowest = torch.finfo(scores.dtype).min
    rivals = torch.where(above, -_gaps(scores, tiers), lowest).logsumexp(-1)
    return -F.logsigmoid(-rivals).sum(-1)


def bradley_terry_apart(scores: Tensor, tiers: Tensor, margin: float) -> Tensor:
    """Bradley-Terry that asks for a lead: the further apart two tiers, the larger; 0 for a row without pairs.

    scores [N, K], tiers [N, K] -> [N]:  mean over i above j of -log sigmoid(s_i - s_j - margin (t_j - t_i)).
    Touvron et al. 2023 (Llama 2), eq. 2, with the distance of the tiers as how much better one is.
    """
    pairs = implied_pairs(tiers)
    lead = margin * (tiers.unsqueeze(-2) - tiers.unsqueeze(-1)).to(scores.dtype)
    surprise = torch.where(pairs, -F.logsigmoid(_gaps(scores, tiers) - lead), 0.0)
    return surprise.sum((-2, -1)) / pairs.sum((-2, -1)).clamp(min=1)


def davidson(scores: Tensor, tiers: Tensor, tie: Tensor) -> Tensor:
    """How surprising a ranking is, read as pairs of which each is won, lost or tied; 0 for a row of one.

    scores [N, K], tiers [N, K], tie [] (log nu, how readily judges tie) -> [N]: the mean over all pairs of ranked
    candidates of -log p, with p(i wins) : p(j wins) : p(tie) = e^(d/2) : e^(-d/2) : nu and d = s_i - s_j.
    Davidson 1970. Without ties and with nu = 0 it is Bradley-Terry.
    """
    above, level = implied_pairs(tiers), tied_pairs(tiers)
    half = _gaps(scores, tiers) / 2
    whole = torch.logaddexp(torch.logaddexp(half, -half), tie)
    surprise = torch.where(above, whole - half, 0.0) + torch.where(level, whole - tie, 0.0)
    return surprise.sum((-2, -1)) / (above | level).sum((-2, -1)).clamp(min=1)


def ranknet(scores: Tensor, tiers: Tensor) -> Tensor:
    """The cross-entropy of pairs, a tie being half a win of each; 0 for a row of one.

    scores [N, K], tiers [N, K] -> [N]:  mean over all pairs of ranked candidates of
    -t log sigmoid(d) - (1 - t) log sigmoid(-d), d = s_i - s_j, t 1 where i is above j and 1/2 where they tie.
    Burges et al. 2005. Without ties it is Bradley-Terry; with them, tied scores are pulled together.
    """
    above, level = implied_pairs(tiers), tied_pairs(tiers)
    gaps = _gaps(scores, tiers)
    surprise = torch.where(above, -F.logsigmoid(gaps), 0.0)
    surprise = surprise - torch.where(level, F.logsigmoid(gaps) + F.logsigmoid(-gaps), 0.0) / 2
    return surprise.sum((-2, -1)) / (above | level).sum((-2, -1)).clamp(min=1)


def listnet(scores: Tensor, tiers: Tensor) -> Tensor:
    """The cross-entropy of who comes first: once by the tiers, once by the scores; 0 for an empty row.

    scores [N, K], tiers [N, K] -> [N]:  -sum_i P(i) log softmax(s)_i, P = softmax(-tier), over ranked candidates.
    Cao et al. 2007, top one. It is least where scores fall by 1 from tier to tier, so it fits how far apart
    tiers are as well as their order.
    """
    ranked = tiers >= 0
    lowest = torch.finfo(scores.dtype).min
    wanted = torch.where(ranked, -tiers.to(scores.dtype), lowest).softmax(-1)
    found = torch.where(ranked, scores, lowest).log_softmax(-1)
    return -torch.where(ranked, wanted * found, 0.0).sum(-1)


def tied_pairs(tiers: Tensor) -> Tensor:
    """Which candidates share a tier, each pair once.

    tiers [N, K] -> bool [N, K, K]; entry (i, j) is True when i < j and both are ranked in one tier.
    """
    ranked = tiers >= 0
    level = tiers.unsqueeze(-1) == tiers.unsqueeze(-2)
    return (level & ranked.unsqueeze(-1) & ranked.unsqueeze(-2)).triu(1)


def pair_accuracy(scores: Tensor, tiers: Tensor) -> Tensor:
    """The share of a ranking's pairs that the scores put in the right order; equal scores count half.

    scores [N, K], tiers [N, K] -> [N] in 0..1; 0 for a row without pairs (weigh rows by pair_counts).
    """
    pairs = implied_pairs(tiers)
    gaps = _gaps(scores, tiers)
    credit = torch.where(pairs, (gaps.sign() + 1) / 2, 0.0)
    return credit.sum((-2, -1)) / pairs.sum((-2, -1)).clamp(min=1)


def bradley_terry_margin(better: Tensor, worse: Tensor, margin: Tensor) -> Tensor:
    """How surprising a preference is when the better one should lead by a margin.

    better [P], worse [P], margin [P] -> [P]:  -log sigmoid(better - worse - margin) (Llama 2, eq. 2).
    """
    return -F.logsigmoid(better - worse - margin)


def centring(scores: Tensor, tiers: Tensor) -> Tensor:
    """How far a list's scores stand from 0 as a whole; rankings leave that open, so a loss may pull on it.

    scores [N, K], tiers [N, K] -> [N]:  (mean of the ranked candidates' scores)^2, 0 for an empty row.
    For a list of two it is a quarter of pair_centring. A loss *adds* it, times a small weight: with the
    sign that the book prints in 4.63 the scores run away.
    """
    ranked = tiers >= 0
    total = torch.where(ranked, scores, 0.0).sum(-1)
    return (total / ranked.sum(-1).clamp(min=1)).square()


def pair_centring(better: Tensor, worse: Tensor) -> Tensor:
    """How far a pair's scores stand from 0 as a whole.

    better [P], worse [P] -> [P]:  (better + worse)^2 (Eisenstein et al. 2023; weight about 0.01, added).
    """
    return (better + worse).square()


def _gaps(scores: Tensor, tiers: Tensor) -> Tensor:
    """scores [N, K] -> [N, K, K], s_i - s_j, with unranked scores read as 0."""
    clean = torch.where(tiers >= 0, scores, 0.0)
    return clean.unsqueeze(-1) - clean.unsqueeze(-2)
