"""GRPO and RLOO: clipped steps credited within the group of answers to one prompt; no critic.

The two differ by one function: how a completion's score becomes its advantage over the group. Drift is paid
for out of the score, as in PPO: then the best policy is the reference tilted by the score. A price in the
loss (k3 on the policy's own samples, as GRPO was published) has its optimum elsewhere.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from concord.algorithms.course import Bench, Course
from concord.algorithms.experience import Speaking
from concord.batches import Experience, Rollout
from concord.maths.advantage import group_standard, leave_one_out
from concord.maths.divergence import k1
from concord.maths.sequence import masked_mean, masked_sum
from concord.maths.surrogate import clip_fraction, clipped_policy_loss
from concord.models import Policy
from concord.settings import GRPO, RLOO
from concord.training import Loss

CREDIT: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"grpo": group_standard, "rloo": leave_one_out}


def credit(rollout: Rollout, method: str, price: float) -> Experience:
    """Every token of a completion gets its advantage over the group: of the score, less the price of drift."""
    mask = rollout.sequences.scored
    paid = price * masked_sum(k1(rollout.logprobs, rollout.reference), mask)
    advantages = CREDIT[method](rollout.scores - paid, rollout.groups)
    nothing = torch.full(mask.shape, float("nan"))
    spread = torch.where(mask, advantages[:, None], 0.0)
    return Experience(rollout.sequences, rollout.logprobs, spread, nothing, nothing)


@dataclass
class GroupObjective:
    """The clipped surrogate alone: credit has already paid for drift."""

    policy: Policy
    settings: GRPO | RLOO

    def __call__(self, batch: Experience) -> Loss:
        batch = batch.to(self.policy.compute.device)
        mask, clip = batch.sequences.scored, self.settings.clip
        logprobs = self.policy.logprobs(batch.sequences, self.settings.rollout.temperature)
        moves = clipped_policy_loss(logprobs, batch.logprobs, batch.advantages, clip, clip)
        clipped = clip_fraction(logprobs.detach(), batch.logprobs, batch.advantages, clip, clip, mask)
        return Loss(masked_mean(moves, mask), {"clipped": clipped}, {"tokens": batch.sequences.size})


def build(settings: GRPO | RLOO, bench: Bench) -> Course:
    """Three networks: the policy learns; the reference and the scorer look on."""
    policy = bench.policy
    feed = Speaking(bench, settings.rollout, lambda rollout: credit(rollout, settings.method, settings.kl))
    return Course(
        feed,
        GroupObjective(policy, settings),
        {"policy": policy.network},
        {"policy": settings.rate},
        feed.steps,
        limits={"kl": settings.kl_limit},
        tells=(feed.tell,),
        dropout=False,
    )
