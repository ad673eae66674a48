"""Settings of the methods that imitate: demonstrations, or the best of the policy's own answers."""

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
    epochs: Count = 3
    """Passes over the demonstrations."""
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
    epochs: Count = 1
    """Passes over the kept completions."""
    rate: Positive = 2e-4
    """Learning rate at its highest."""
    batch: Count = 32
    """Completions in an optimiser step."""
