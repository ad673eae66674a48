"""Settings of the methods that imitate: demonstrations, the best of the policy's own answers, or a teacher."""

from typing import Annotated, Literal

from pydantic import Field

from concord.settings.closed import Settings
from concord.settings.quantities import Count, Positive, Price


class SFT(Settings):
    """Imitate demonstrations: raise the likelihood of what people wrote."""

    method: Literal["sft"] = "sft"
    """Which method this is."""
    demonstrations: str = "data/demonstrations.jsonl"
    """File of demonstrations, relative to the recipe."""
    epochs: Annotated[int, Field(ge=0)] = 3
    """Passes over the demonstrations; 0 reads none and goes on with the base as it is."""
    rate: Positive = 5e-4
    """Learning rate at its highest."""
    batch: Count = 32
    """Demonstrations in an optimiser step."""
    turns: Literal["all", "last"] = "all"
    """Learn every turn of the assistant, or the last alone."""
    hold_out: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of the prompts kept back to stop in time; the weights they find best are kept. 0 learns to the end."""
    general: str | None = None
    """File of demonstrations of what must not be forgotten, relative to the recipe; nothing is learned from it."""
    forget: Price | None = None
    """Most nats a token by which `general` may become more surprising; without it the rise is only reported."""
    looks: Count = 2
    """How often an epoch to look at what is kept back and at `general`."""
    patience: Count = 2
    """Looks in a row without a better one, after which learning ends."""


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
    rounds: Count = 1
    """How often to sample anew, with what was learned until then."""
    epochs: Count = 1
    """Passes over the kept completions of a round."""
    rate: Positive = 2e-4
    """Learning rate at its highest."""
    batch: Count = 32
    """Completions in an optimiser step."""


class Divergence(Settings):
    """Ways to hold a student against its teacher, over the whole vocabulary, that have no setting of their own."""

    method: Literal["forward-kl", "reverse-kl"] = "forward-kl"
    """Cover all that the teacher would say, or say nothing that it would not."""


class Between(Settings):
    """The generalised Jensen-Shannon divergence: both are held against a mixture of them."""

    method: Literal["jensen-shannon"] = "jensen-shannon"
    """Which divergence this is."""
    share: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """The teacher's share of the mixture."""


class Distill(Settings):
    """Learn from a teacher: from what it says, from what it would have said, or from both."""

    method: Literal["distill"] = "distill"
    """Which method this is."""
    teacher: str
    """Model folder of the teacher, relative to the recipe, or `starter`; it must have the policy's tokenizer."""
    answers: Literal["teacher", "own"] = "teacher"
    """Whose answers are read: the teacher's, or the policy's own, sampled anew each round."""
    divergence: Annotated[Divergence | Between, Field(discriminator="method")] = Divergence()
    """How the student's predictions are held against the teacher's."""
    weight: Price = 1.0
    """Weight of that divergence at the first step."""
    last_weight: Price = 1.0
    """Its weight at the last step; in between it changes evenly."""
    nll: Price = 0.0
    """Weight of the likelihood of the answers that are read."""
    longest: Count = 64
    """Most tokens in an answer."""
    rounds: Count = 1
    """How often to sample answers anew, one to a prompt."""
    epochs: Count = 1
    """Passes over a round's answers."""
    rate: Positive = 2e-4
    """Learning rate at its highest."""
    batch: Count = 32
    """Answers in an optimiser step."""
