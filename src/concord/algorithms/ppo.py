"""PPO: clipped steps on the policy's own words, credited by a critic, held near the reference."""

from dataclasses import dataclass
from typing import Any

import torch

from concord.algorithms.course import Bench, Course
from concord.algorithms.experience import Speaking
from concord.batches import Experience, Rollout
from concord.maths.advantage import gae, token_rewards
from concord.maths.divergence import k1
from concord.maths.sequence import masked_mean, masked_sum, whiten
from concord.maths.surrogate import (
    clip_fraction,
    clipped_policy_loss,
    clipped_value_loss,
    explained_variance,
    next_price,
)
from concord.models import Critic, Policy
from concord.settings import PPO
from concord.training import Loss

HORIZON = 2000.0
"""Completions over which an adaptive price answers a miss of its target in full."""


@dataclass
class Price:
    """What a nat of drift costs: fixed, or adapted to a target."""

    settings: PPO
    now: float

    def heard(self, rollout: Rollout) -> dict[str, float]:
        """Adapt the price to how far the policy has drifted."""
        if self.settings.target_kl is not None:
            mask = rollout.sequences.scored
            drift = float(masked_sum(k1(rollout.logprobs, rollout.reference), mask).mean())
            self.now = next_price(self.now, drift, self.settings.target_kl, HORIZON, len(mask))
        return {"price": self.now}


@dataclass
class Crediting:
    """Tokens pay for drift, the last one earns the score, and the critic spreads both back."""

    critic: Critic
    price: Price
    settings: PPO
    micro_tokens: int

    @torch.no_grad()
    def __call__(self, rollout: Rollout) -> Experience:
        mask = rollout.sequences.scored
        values = torch.zeros(mask.shape)
        for rows in rollout.sequences.parts(self.micro_tokens):
            part = rollout.sequences.some(rows)
            values[rows, : part.scored.shape[1]] = self.critic.values(part).to(values)
        drift = k1(rollout.logprobs, rollout.reference)
        if rollout.pieces is None:
            rewards = token_rewards(rollout.scores, drift, mask, self.price.now)
        else:
            rewards = token_rewards(torch.zeros(len(mask)), drift, mask, self.price.now) + rollout.pieces
        advantages, returns = gae(rewards, values, mask, self.settings.discount, self.settings.decay)
        return Experience(rollout.sequences, rollout.logprobs, whiten(advantages, mask), values, returns)


class PPOFeed(Speaking):
    """Rounds of speaking that also remember the price of drift."""

    price: Price

    def state(self) -> dict[str, Any]:
        """How many rounds are over, and what drift costs by now."""
        return {**super().state(), "price": self.price.now}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on with the next round at that price."""
        super().restore(state)
        self.price.now = float(state["price"])


@dataclass
class PPOObjective:
    """The clipped surrogate for the policy, and the clipped squared error for the critic."""

    policy: Policy
    critic: Critic
    settings: PPO
    feed: Speaking

    def __call__(self, batch: Experience) -> Loss:
        batch = batch.to(self.policy.compute.device)
        mask, clip = batch.sequences.scored, self.settings.clip
        values = self.critic.values(batch.sequences)
        guesses = clipped_value_loss(values, batch.values, batch.returns, self.settings.value_clip)
        value_loss = masked_mean(guesses, mask)
        notes = {
            "value_loss": value_loss.detach(),
            "explained": explained_variance(batch.values, batch.returns, mask),
        }
        counts = {"tokens": batch.sequences.size}
        if self.learns_alone():
            return Loss(value_loss, notes, counts)
        logprobs = self.policy.logprobs(batch.sequences, self.settings.rollout.temperature)
        moves = clipped_policy_loss(logprobs, batch.logprobs, batch.advantages, clip, clip)
        notes["clipped"] = clip_fraction(
            logprobs.detach(), batch.logprobs, batch.advantages, clip, clip, mask
        )
        return Loss(masked_mean(moves, mask) + value_loss, notes, counts)

    def learns_alone(self) -> bool:
        """Whether the critic is still ahead of the policy: the round's number rises with its last step."""
        now = self.feed.round - int(self.feed.settled)
        return now < self.settings.critic_rounds


def build(settings: PPO, bench: Bench) -> Course:
    """Four networks: the policy and its critic learn; the reference and the scorer only look on."""
    policy, critic = bench.policy, bench.critic
    price = Price(settings, settings.kl)
    credit = Crediting(critic, price, settings, bench.learning.micro_tokens)
    feed = PPOFeed(bench, settings.rollout, credit, price.heard)
    feed.price = price
    return Course(
        feed,
        PPOObjective(policy, critic, settings, feed),
        {"policy": policy.network, "critic": critic.network},
        {"policy": settings.rate, "critic": settings.critic_rate},
        feed.steps,
        limits={"kl": settings.kl_limit},
        tells=(feed.tell,),
        dropout=False,
    )
