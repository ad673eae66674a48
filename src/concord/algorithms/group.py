"""GRPO and RLOO: clipped steps credited within the group of answers to one prompt; no critic.

The two differ by one function: how a completion's score becomes its advantage over the group.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from concord.algorithms.course import Bench, Course
from concord.algorithms.experience import Speaking
from concord.batches import Experience, Rollout
from concord.maths.advantage import group_standard, leave_one_out
from concord.maths.divergence import k3
from concord.maths.sequence import masked_mean
from concord.maths.surrogate import clip_fraction, clipped_policy_loss
from concord.models import Policy
from concord.settings import GRPO, RLOO
from concord.training import Loss

CREDIT: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"grpo": group_standard, "rloo": leave_one_out}


def credit(rollout: Rollout, method: str) -> Experience:
    """Every token of a completion gets the completion's advantage over its group."""
    mask = rollout.sequences.scored
    advantages = CREDIT[method](rollout.scores, rollout.groups)
    nothing = torch.full(mask.shape, float("nan"))
    spread = torch.where(mask, advantages[:, None], 0.0)
    return Experience(rollout.sequences, rollout.logprobs, rollout.reference, spread, nothing, nothing)


@dataclass
class GroupObjective:
    """The clipped surrogate, plus the price of drift estimated without bias and never below 0 (k3)."""

    policy: Policy
    settings: GRPO | RLOO

    def __call__(self, batch: Experience) -> Loss:
        batch = batch.to(self.policy.compute.device)
        mask, clip = batch.sequences.scored, self.settings.clip
        logprobs = self.policy.logprobs(batch.sequences, self.settings.rollout.temperature)
        moves = clipped_policy_loss(logprobs, batch.logprobs, batch.advantages, clip, clip)
        drift = k3(logprobs, batch.reference)
        notes = {
            "drift": masked_mean(drift.detach(), mask),
            "clipped": clip_fraction(logprobs.detach(), batch.logprobs, batch.advantages, clip, clip, mask),
        }
        loss = masked_mean(moves + self.settings.kl * drift, mask)
        return Loss(loss, notes, {"tokens": float(batch.sequences.real.sum())})


def build(settings: GRPO | RLOO, bench: Bench) -> Course:
    """Three networks: the policy learns; the reference and the scorer look on."""
    policy = bench.policy
    feed = Speaking(bench, settings.rollout, lambda rollout: credit(rollout, settings.method))
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
