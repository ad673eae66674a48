"""PPO: clipped steps on the policy's own words, credited by a critic, held near the reference."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from concord.algorithms.course import Bench, Course
from concord.algorithms.experience import Speaking
from concord.algorithms.policy_loss import PolicyLoss, told
from concord.algorithms.price import Price, PricedFeed
from concord.algorithms.trust import Trust
from concord.batches import Experience, Rollout, Sequences
from concord.maths.advantage import gae, shaped, token_rewards
from concord.maths.divergence import k1
from concord.maths.sequence import masked_mean, whiten
from concord.maths.surrogate import clipped_value_loss, explained_variance
from concord.models import Policy
from concord.models.critic import SharedCritic
from concord.models.sight import Sight
from concord.settings import PPO
from concord.training import Loss


class Expecting(Protocol):
    """Either critic: a network of its own, or a head on the policy's."""

    @property
    def network(self) -> nn.Module:
        """What learns."""

    def values(self, sequences: Sequences) -> Tensor:
        """[N, S] what is expected just before each scored token."""

    def beside(self, sight: Sight, alone: bool) -> Tensor:
        """The same, of what the policy is looking at."""


class Opinion(Protocol):
    """Anything that values what was said so far."""

    def values(self, sequences: Sequences) -> Tensor:
        """[N, S] a number just before each scored token."""


CRITICS: dict[str, Callable[[Bench], Expecting]] = {
    "reward": lambda bench: bench.critic,
    "policy": lambda bench: bench.plain_critic,
    "shared": lambda bench: SharedCritic.on(bench.policy),
}
"""What a critic may begin as."""


@dataclass
class Crediting:
    """Tokens pay for drift, the last one earns the score, and the critic spreads both back."""

    critic: Opinion
    price: Price
    settings: PPO
    micro_tokens: int
    potential: Opinion | None = None
    """Whose rising opinion is paid for on the way, if anybody's."""

    @torch.no_grad()
    def __call__(self, rollout: Rollout) -> Experience:
        mask, asked = rollout.sequences.scored, self.settings.critic
        values = self.ask(self.critic, rollout.sequences)
        drift = k1(rollout.logprobs, rollout.reference)
        earned = rollout.scores if rollout.pieces is None else torch.zeros(len(mask))
        rewards = token_rewards(earned, drift, mask, self.price.of_score)
        if rollout.pieces is not None:
            rewards = rewards + rollout.pieces
        if self.potential is not None:
            opinions = asked.shaping * self.ask(self.potential, rollout.sequences)
            rewards = shaped(rewards, opinions, mask, asked.discount)
        advantages, returns = gae(rewards, values, mask, asked.discount, self.settings.decay)
        return Experience.of(rollout, whiten(advantages, mask), values, returns)

    def ask(self, who: Opinion, sequences: Sequences) -> Tensor:
        """[N, S] somebody's values, batch by batch."""
        values = torch.zeros(sequences.scored.shape)
        for rows in sequences.parts(self.micro_tokens):
            part = sequences.some(rows)
            values[rows, : part.scored.shape[1]] = who.values(part).to(values)
        return values


@dataclass
class PPOObjective:
    """The surrogate for the policy, and the clipped squared error for the critic."""

    policy: Policy
    critic: Expecting
    loss: PolicyLoss
    settings: PPO
    feed: Speaking

    def __call__(self, batch: Experience) -> Loss:
        batch = batch.to(self.policy.compute.device)
        mask, asked = batch.sequences.scored, self.settings.critic
        alone, sight = self.learns_alone(), Sight(self.policy, batch.sequences)
        values = self.critic.beside(sight, alone)
        guesses = clipped_value_loss(values, batch.values, batch.returns, asked.value_clip)
        value_loss = masked_mean(guesses, mask)
        notes = {"value_loss": value_loss.detach()}
        counts = {"tokens": batch.sequences.size}
        if alone:
            return Loss(value_loss, notes, counts)
        mean, more = self.loss(sight, batch)
        weight = asked.weight if asked.begins == "shared" else 1.0
        return Loss(mean + weight * value_loss, {**notes, **more}, counts)

    def learns_alone(self) -> bool:
        """Whether the critic is still ahead of the policy: the round's number rises with its last step."""
        now = self.feed.round - int(self.feed.settled)
        return now < self.settings.critic_rounds


def foreseen(experience: Experience) -> dict[str, float]:
    """How much of a round's returns the critic foresaw."""
    found = explained_variance(experience.values, experience.returns, experience.sequences.scored)
    return {"explained": float(found)}


def build(settings: PPO, bench: Bench) -> Course:
    """The policy and its critic learn; the reference and the scorer only look on."""
    policy, plan, budget = bench.policy, settings.rollout, bench.learning.micro_tokens
    critic, price = CRITICS[settings.critic.begins](bench), Price(settings, settings.kl)
    loss = PolicyLoss(settings, price)
    potential = bench.potential if settings.critic.shaping else None
    feed = PricedFeed(
        bench,
        plan,
        Crediting(critic, price, settings, budget, potential),
        price.heard,
        Trust(policy, settings.loss, plan.temperature, budget),
        loss.form.average,
        foreseen,
        price=price,
    )
    bench.say(told(settings))
    if settings.critic_rounds >= plan.rounds:
        bench.say(f"in all {plan.rounds} rounds the critic learns alone; the policy stays as it is.")
    return Course(
        feed,
        PPOObjective(policy, critic, loss, settings, feed),
        {"policy": policy.network, "critic": critic.network},
        {"policy": settings.rate, "critic": settings.critic_rate},
        feed.steps,
        limits={"kl": settings.kl_limit},
        tells=(feed.tell,),
        dropout=False,
    )
