"""How far a student's prediction stands from its teacher's, over the whole vocabulary.

student [..., V] and teacher [..., V] are logits at the same places, already divided by a temperature if there is
one; each formula gives one number a place, in nats.
"""

import math

import torch
from torch import Tensor

from concord.maths.divergence import exact_kl


def forward_kl(student: Tensor, teacher: Tensor) -> Tensor:
    """Cover all that the teacher would say.

    [..., V], [..., V] -> [...]:  sum_v t_v (log t_v - log s_v) (Hinton et al. 2015; book, 4.12).
    """
    return exact_kl(teacher, student)


def reverse_kl(student: Tensor, teacher: Tensor) -> Tensor:
    """Say nothing that the teacher would not.

    [..., V], [..., V] -> [...]:  sum_v s_v (log s_v - log t_v) (Gu et al. 2023, MiniLLM).
    """
    return exact_kl(student, teacher)


def jensen_shannon(student: Tensor, teacher: Tensor, share: float) -> Tensor:
    """Between the two: both are held against a mixture of them.

    [..., V], [..., V], 0 < share < 1 -> [...]:  share KL(t || m) + (1 - share) KL(s || m), m = share t +
    (1 - share) s (Agarwal et al. 2023, GKD, eq. 1). It is small near both ends: divided by share it tends to
    forward_kl as share goes to 0, divided by 1 - share to reverse_kl as share goes to 1.
    """
    if not 0 < share < 1:
        raise ValueError(f"share is {share}; it must lie in (0, 1). Its ends are forward_kl and reverse_kl")
    ours, theirs = student.log_softmax(-1), teacher.log_softmax(-1)
    mixture = torch.logaddexp(theirs + math.log(share), ours + math.log1p(-share))
    return share * exact_kl(theirs, mixture) + (1 - share) * exact_kl(ours, mixture)
