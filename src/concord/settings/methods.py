"""Settings of everything that learns: one class a method, told apart by `method`."""

from typing import Annotated, Literal

from pydantic import Field

from concord.settings.closed import Settings

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Price = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]


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


class SFT(Settings):
    """Imitate demonstrations: raise the likelihood of what people wrote."""

    method: Literal["sft"] = "sft"
    """Which method this is."""
    demonstrations: str = "data/demonstrations.jsonl"
    """File of demonstrations, relative to the recipe."""
    epochs: Count = 3
    """Passes over the demonstrations."""
    rate: Positive = 5e-4
    """Learning rate at its highest."""
    batch: Count = 32
    """Demonstrations in an optimiser step."""
    turns: Literal["all", "last"] = "all"
    """Learn every turn of the assistant, or the last alone."""


class DPO(Settings):
    """Learn straight from rankings: prefer the better completion more than the reference does."""

    method: Literal["dpo"] = "dpo"
    """Which method this is."""
    beta: Positive = 0.1
    """How dearly drift from the reference is paid for; also the scale of the implicit reward."""
    epochs: Count = 1
    """Passes over the rankings."""
    rate: Positive = 2e-4
    """Learning rate at its highest."""
    batch: Count = 16
    """Rankings in an optimiser step."""


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


class Rejection(Settings):
    """Sample many, keep the best by the reward model, and imitate those."""

    method: Literal["rejection"] = "rejection"
    """Which method this is."""
    samples: Annotated[int, Field(ge=2)] = 8
    """Completions of each prompt, of which the best is kept."""
    temperature: Positive = 1.0
    """Temperature of sampling."""
    longest: Count = 64
    """Most tokens in a completion."""
    epochs: Count = 1
    """Passes over the kept completions."""
    rate: Positive = 2e-4
    """Learning rate at its highest."""
    batch: Count = 32
    """Completions in an optimiser step."""


Method = Annotated[PPO | GRPO | RLOO | DPO | Rejection | SFT, Field(discriminator="method")]


class Reward(Settings):
    """Find the scores under which people's rankings are least surprising."""

    likelihood: Literal["bradley-terry", "plackett-luce"] = "plackett-luce"
    """Read a ranking as all of its pairs, or as one choice after another from what is left."""
    centring: Price = 0.01
    """Pull of each list's mean score toward 0."""
    epochs: Count = 2
    """Passes over the rankings."""
    rate: Positive = 5e-4
    """Learning rate at its highest."""
    batch: Count = 16
    """Rankings in an optimiser step."""
    hold_out: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Share of the prompts whose rankings are kept back to judge the reward model."""


class Learning(Settings):
    """How every stage that learns does so: where, in what precision, with what optimiser."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to compute; `concord doctor` says what auto chooses and why."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Precision of the matrix products; weights and optimiser stay in float32."""
    threads: Annotated[int, Field(ge=0)] = 0
    """Processor threads of a stage; 0 shares the cores among the stages that run side by side."""
    workers: Annotated[int, Field(ge=0)] = 0
    """Stages that may run side by side; 0 means two where there are two cores and no GPU."""
    micro_tokens: Count = 4096
    """Most tokens in one forward pass; a step is cut into such parts."""
    schedule: Literal["constant", "linear", "cosine"] = "linear"
    """How the learning rate falls to 0 after the warm-up."""
    warmup: Share = 0.1
    """Share of the steps in which the learning rate rises."""
    weight_decay: Price = 0.0
    """Pull of the weight matrices toward 0."""
    clip_norm: Positive = 1.0
    """Most length of a network's gradient."""
    checkpoint_seconds: Price = 20.0
    """Time between two checkpoints; 0 takes one wherever one can be taken."""
    adapter: Annotated[int, Field(ge=0)] = 0
    """Rank of LoRA adapters to learn instead of the whole network; 0 learns the whole network."""
