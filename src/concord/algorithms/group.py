"""GRPO and RLOO: clipped steps credited within the group of answers to one prompt; no critic.

They differ by one function: how a completion's score becomes its advantage over the group. By default drift is
paid for out of the score, as in PPO: then the best policy is the reference tilted by the score. A price in the
loss (k3 on the policy's own samples, as GRPO was published) has its optimum elsewhere.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from concord.algorithms.course import Bench, Course
from concord.algorithms.critic_free import course
from concord.batches import Experience, Rollout
from concord.errors import SettingsError
from concord.maths.advantage import (
    batch_standard,
    group_mean,
    group_standard,
    group_standard_biased,
    leave_one_out,
)
from concord.maths.divergence import k1
from concord.maths.sequence import masked_sum
from concord.settings import GRPO, RLOO

CREDIT: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "group-std": group_standard,
    "group-std-biased": group_standard_biased,
    "batch-std": batch_standard,
    "mean": group_mean,
    "leave-one-out": leave_one_out,
}


def worth(rollout: Rollout, price: float) -> Tensor:
    """[N] each completion's score, less the price of its drift."""
    return rollout.scores - price * masked_sum(
        k1(rollout.logprobs, rollout.reference), rollout.sequences.scored
    )


def alike(rollout: Rollout, advantages: Tensor) -> Experience:
    """Every token of a completion gets its completion's advantage [N]."""
    return Experience.of(rollout, torch.where(rollout.sequences.scored, advantages[:, None], 0.0))


def credit(rollout: Rollout, kind: str, price: float) -> Experience:
    """Every token of a completion gets its advantage over the group: of the score, less the price of drift."""
    return alike(rollout, CREDIT[kind](worth(rollout, price), rollout.groups))


def build(settings: GRPO | RLOO, bench: Bench) -> Course:
    """Both compare an answer with others to the same prompt."""
    if settings.rollout.samples < 2:
        raise SettingsError(
            "`rollout.samples` is 1: answers to one prompt are compared with each other, and one alone teaches "
            "nothing. Take 2 samples or more."
        )
    kind = settings.credit if isinstance(settings, GRPO) else "leave-one-out"
    return course(settings, bench, lambda rollout, price: credit(rollout, kind, price))
