"""What a token counts in a step's loss: the ways in which published methods average over tokens.

Shapes: n completions of a step, N of the round it belongs to; lengths are numbers of scored tokens. Each function
gives the weight w [n] of each completion's tokens in (sum over the step's tokens of w loss) / (their number): it
depends on the whole step, never on how the step is cut into batches.
"""

import torch
from torch import Tensor


def over_tokens(lengths: Tensor, everyone: Tensor, longest: int) -> Tensor:
    """Every token of the step counts the same.

    lengths [n] -> [n]:  1. TRL's `bnpo`, taken over a whole step.
    """
    return torch.ones_like(lengths)


def over_sequences(lengths: Tensor, everyone: Tensor, longest: int) -> Tensor:
    """Every completion counts the same, so that a token of a long one counts less.

    lengths [n] -> [n]:  mean length / own length, so (1/n) sum_i (1/length_i) sum_t. Shao et al. 2024 (GRPO).
    """
    return lengths.mean() / lengths


def over_the_round(lengths: Tensor, everyone: Tensor, longest: int) -> Tensor:
    """Every token of the round counts the same, in whichever step it is read.

    lengths [n], everyone [N] -> [n]:  mean length / the round's mean length. Yu et al. 2025 (DAPO).
    """
    return (lengths.mean() / everyone.mean()).expand_as(lengths)


def over_the_longest(lengths: Tensor, everyone: Tensor, longest: int) -> Tensor:
    """Sums over completions, divided by a constant: no completion gains by its length.

    lengths [n], longest -> [n]:  mean length / longest, so (1/n) sum_i (1/longest) sum_t. Liu et al. 2025
    (Dr. GRPO).
    """
    return (lengths.mean() / longest).expand_as(lengths)


def over_sums(lengths: Tensor, everyone: Tensor, longest: int) -> Tensor:
    """Sums over completions as they are, so that a long one pulls as much harder as it is longer.

    lengths [n] -> [n]:  mean length, so (1/n) sum_i sum_t. LUSPO (2026): against GSPO's leaning to short answers.
    """
    return lengths.mean().expand_as(lengths)
