"""Judging the way and not only its end: losses and readings of marks for steps.

Shapes: M marked steps, N completions of up to E steps, C classes of marks: correct, incorrect, neutral (0, 1, 2).
mask [N, E] is True where a completion has a step of that number.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

CORRECT, INCORRECT = 0, 1
"""Places of two of the classes."""


def step_surprise(logits: Tensor, marks: Tensor) -> Tensor:
    """How surprising the mark of each step is.

    logits [M, C], marks [M] -> [M]:  -log softmax(logits)[mark] (Lightman et al. 2023).
    """
    return F.cross_entropy(logits, marks, reduction="none")


def correct_steps(logits: Tensor, mask: Tensor) -> Tensor:
    """How many steps are held to be correct.

    logits [N, E, C], mask [N, E] -> [N]:  the count of steps whose likeliest mark is correct (book, 4.83).
    """
    return ((logits.argmax(-1) == CORRECT) & mask).sum(-1).to(logits.dtype)


def log_correct(logits: Tensor, mask: Tensor) -> Tensor:
    """How likely it is that all steps are correct, as a log-probability.

    logits [N, E, C], mask [N, E] -> [N]:  sum over steps of log p(correct) (book, 4.84).
    """
    return torch.where(mask, logits.log_softmax(-1)[..., CORRECT], 0.0).sum(-1)


def all_correct(logits: Tensor, mask: Tensor) -> Tensor:
    """The chance that all steps are correct.

    logits [N, E, C], mask [N, E] -> [N]:  the product over steps of p(correct).
    """
    return log_correct(logits, mask).exp()


def weakest_step(logits: Tensor, mask: Tensor) -> Tensor:
    """The chance that the most doubtful step is correct; 1 for a completion without steps.

    logits [N, E, C], mask [N, E] -> [N]:  the least p(correct) over the steps.
    """
    return torch.where(mask, logits.softmax(-1)[..., CORRECT], 1.0).amin(-1)


def last_step(logits: Tensor, mask: Tensor) -> Tensor:
    """The chance that the last step is correct: what was read before it speaks through it; 1 without steps.

    logits [N, E, C], mask [N, E] -> [N]:  p(correct) of the last step.
    """
    chances = torch.where(mask, logits.softmax(-1)[..., CORRECT], 1.0)
    last = (mask.sum(-1) - 1).clamp(min=0)
    return chances.gather(-1, last.unsqueeze(-1)).squeeze(-1)


def convincing(chances: Tensor, right: Tensor, count: int) -> Tensor:
    """Which items to have marked next: those held to be correct that cannot be.

    chances [N] (p(correct) of a step, or a reading of a whole solution), right [N] bool (whether the final answer
    of its solution is right) -> places of at most `count` items of wrong answers, the most believed first.
    Lightman et al. 2023, section 2.4: a mark for what convinces and is wrong teaches most.
    """
    wrong = (~right).nonzero().flatten()
    order = chances[wrong].argsort(descending=True, stable=True)
    return wrong[order[:count]]
