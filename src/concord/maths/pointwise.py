"""How far a model's scores are from people's ratings: losses on single completions.

Shapes: N ratings, R raters. Scores, ratings and labels [N] are aligned; a loss is [N], for a caller to average.
"""

import torch
from torch import Tensor


def squared_error(scores: Tensor, ratings: Tensor) -> Tensor:
    """How far a score is from the rating that it should be.

    [N], [N] -> [N]:  (s - r)^2. The book prints it with a minus in 4.62 and 4.70: as a loss it is added.
    """
    return (scores - ratings).square()


def rater_squared_error(scores: Tensor, ratings: Tensor, leanings: Tensor, raters: Tensor) -> Tensor:
    """How far a score is from a rating once it is known who tends to rate high and who low.

    scores [N], ratings [N], leanings [R], raters [N] (places in leanings) -> [N]:
    (s + b_a - mean b - r)^2 with a the rater. Leanings count from their mean: what all raters have in common
    belongs to the score.
    """
    return (scores + centred(leanings)[raters] - ratings).square()


def centred(leanings: Tensor) -> Tensor:
    """How far each rater leans up or down from the raters' mean.

    [R] -> [R]:  b - mean b.
    """
    return leanings - leanings.mean()


def hinge(scores: Tensor, labels: Tensor) -> Tensor:
    """Push a score to the right side of 0 and beyond 1, then leave it alone.

    scores [N], labels [N] (+1 for the good class, -1 for the bad one) -> [N]:  max(0, 1 - r s) (book, 4.71,
    whose text gives +1 to the bad class: a reward must be high for the good one).
    """
    return torch.relu(1 - labels * scores)
