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


class Surrogate(Settings):
    """What the losses of all methods that speak have in common."""

    clip_high: Positive | None = None
    """How far a token's probability ratio may rise above 1, if not as far as `clip` lets it fall."""
    ratio_limit: Annotated[float, Field(gt=1)] = 3.0
    """Ratio beyond which a bad token is no longer pushed down; for the forms dual-clip and two-sided."""
    drift: Literal["score", "k2", "k3", "k3-weighted"] = "score"
    """Where drift is paid: out of the score, or in the loss by one of three estimates."""
    entropy: Price = 0.0
    """Reward for each nat by which the policy is undecided about a token."""
    undecided: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Share of a round's tokens that bear credit: those about which the policy was most undecided."""
    sampler_limit: Positive | None = None
    """If set, a token counts by how much likelier the policy finds it than the sampler did, at most this much."""
    stale_limit: Positive | None = None
    """If set, a bad completion that has lost more nats a token than this since it was said teaches no more."""


class PPOLoss(Surrogate):
    """The loss of PPO's policy, beyond `clip`."""

    form: Literal["clip", "dual-clip", "policy-gradient"] = "clip"
    """Clipped on one side, on both, or not at all (A2C)."""


class GroupLoss(Surrogate):
    """The loss of the methods without a critic, beyond `clip`."""

    form: Literal[
        "bnpo", "grpo", "dapo", "dr-grpo", "gspo", "luspo", "cispo", "sapo", "vespo", "rloo", "two-sided"
    ] = "bnpo"
    """Whose ratio is taken, how it is bounded, and how tokens are averaged; by the name of who published it."""


class Expectation(Settings):
    """What PPO's critic is made of, and what it expects."""

    begins: Literal["reward", "policy", "shared"] = "reward"
    """As the reward model, as the supervised policy, or as one more head on the policy that learns."""
    weight: Positive = 0.1
    """Weight of its loss beside the policy's, where it shares the policy's network."""
    value_clip: Positive = 0.2
    """How far its value of a token may move in one round."""
    discount: Share = 1.0
    """Worth of a reward one token later."""
    shaping: Price = 0.0
    """Weight of the reward model's opinion of what was said so far, as a potential: it moves no optimum."""


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
    decay: Share = 0.95
    """Lambda of GAE: 0 trusts the critic alone, 1 the outcome alone."""
    rate: Positive = 2e-4
    """Learning rate of the policy at its highest."""
    critic_rate: Positive = 5e-4
    """Learning rate of the critic at its highest."""
    critic_rounds: Annotated[int, Field(ge=0)] = 2
    """Rounds at the start in which the critic learns alone."""
    critic: Expectation = Expectation()
    """What the critic is made of."""
    loss: PPOLoss = PPOLoss()
    """What the policy's steps minimise."""
    rollout: Rollouts = Rollouts(samples=4, passes=2)
    """How much the policy says a round."""


class Grouped(Settings):
    """What the methods have in common that learn without a critic."""

    kl: Price = 0.05
    """Price of one nat of drift from the reference."""
    target_kl: Positive | None = None
    """If set, the price adapts until a completion drifts by about this many nats."""
    kl_limit: Positive = 6.0
    """Stop, with an error, once a completion drifts by this many nats on average."""
    clip: Annotated[float, Field(gt=0, lt=1)] = 0.2
    """How far a token's probability ratio may leave 1 in one round."""
    rate: Positive = 2e-4
    """Learning rate at its highest."""
    loss: GroupLoss = GroupLoss()
    """What the policy's steps minimise."""
    rollout: Rollouts = Rollouts(prompts=16, samples=8)
    """How much the policy says a round."""


class GRPO(Grouped):
    """Clipped steps on the policy's own words, credited against their group's mean and spread."""

    method: Literal["grpo"] = "grpo"
    """Which method this is."""
    credit: Literal["group-std", "group-std-biased", "batch-std", "mean"] = "group-std"
    """What a completion's lead over its group is divided by: the group's spread, the round's, or nothing."""


class RLOO(Grouped):
    """Like GRPO, but each completion is credited against the mean of the others in its group."""

    method: Literal["rloo"] = "rloo"
    """Which method this is."""


class Reinforce(Grouped):
    """REINFORCE++: each token is credited by all that follows it, against the mean and spread of the round."""

    method: Literal["reinforce-pp"] = "reinforce-pp"
    """Which method this is."""
    baseline: Literal["round", "group"] = "round"
    """What is expected of a completion: the round's mean alone, or first its group's."""


class ReMax(Grouped):
    """Each completion is credited against the likeliest answer to its prompt, which is said beside it."""

    method: Literal["remax"] = "remax"
    """Which method this is."""
    rollout: Rollouts = Rollouts(prompts=64, samples=1)
    """How much the policy says a round; the likeliest answers come on top."""
