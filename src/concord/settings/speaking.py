"""Settings of the methods that learn from what the policy itself says."""

from typing import Annotated, Literal

from pydantic import Field

from concord.settings.closed import Settings
from concord.settings.quantities import Count, Positive, Price, Share


class Rollouts(Settings):
    """How much a policy says between two rounds of learning, and how often it reads it."""

    rounds: Count = 40
    """How many times the policy speaks and learns from what it said."""
    prompts: Count = 32
    """Prompts a round."""
    samples: Count = 4
    """Completions of each prompt."""
    temperature: Positive = 1.0
    """Temperature of sampling; learning uses the same."""
    longest: Count = 64
    """Most tokens in a completion."""
    passes: Count = 1
    """How often each round's completions are read."""
    updates: Count = 2
    """Optimiser steps in one pass over them."""


class PPO(Settings):
    """Clipped steps on the policy's own words, credited by a critic, held near the reference."""

    method: Literal["ppo"] = "ppo"
    """Which method this is."""
    kl: Price = 0.05
    """Price of one nat of drift from the reference."""
    target_kl: Positive | None = None
    """If set, the price adapts until a completion drifts by about this many nats."""
    kl_limit: Positive = 6.0
    """Stop, with an error, once a completion drifts by this many nats on average."""
    clip: Annotated[float, Field(gt=0, lt=1)] = 0.2
    """How far a token's probability ratio may leave 1 in one round."""
    value_clip: Positive = 0.2
    """How far the critic's value of a token may move in one round."""
    discount: Share = 1.0
    """Worth of a reward one token later."""
    decay: Share = 0.95
    """Lambda of GAE: 0 trusts the critic alone, 1 the outcome alone."""
    rate: Positive = 2e-4
    """Learning rate of the policy at its highest."""
    critic_rate: Positive = 5e-4
    """Learning rate of the critic at its highest."""
    critic_rounds: Annotated[int, Field(ge=0)] = 2
    """Rounds at the start in which the critic learns alone."""
    rollout: Rollouts = Rollouts(samples=4, passes=2)
    """How much the policy says a round."""


class Grouped(Settings):
    """What the methods have in common that credit an answer within its group."""

    kl: Price = 0.05
    """Price of one nat of drift from the reference, taken out of each completion's score."""
    kl_limit: Positive = 6.0
    """Stop, with an error, once a completion drifts by this many nats on average."""
    clip: Annotated[float, Field(gt=0, lt=1)] = 0.2
    """How far a token's probability ratio may leave 1 in one round."""
    rate: Positive = 2e-4
    """Learning rate at its highest."""
    rollout: Rollouts = Rollouts(prompts=16, samples=8)
    """How much the policy says a round."""


class GRPO(Grouped):
    """Clipped steps on the policy's own words, credited against their group's mean and spread."""

    method: Literal["grpo"] = "grpo"
    """Which method this is."""


class RLOO(Grouped):
    """Like GRPO, but each completion is credited against the mean of the others in its group."""

    method: Literal["rloo"] = "rloo"
    """Which method this is."""
