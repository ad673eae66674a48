"""What an algorithm asks for, and what it hands to the loop."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from torch import nn

from concord.models import Critic, Policy
from concord.records import Completion, Demonstration, Prompt, Ranking
from concord.roles import Sampler, Scorer
from concord.settings import Learning
from concord.training import After, Feed, Objective


class Bench(Protocol):
    """Where an algorithm finds its parts; each is made only when it is asked for."""

    @property
    def policy(self) -> Policy:
        """The network that learns to speak."""

    @property
    def reference(self) -> Policy:
        """The policy as it was before learning, frozen."""

    @property
    def critic(self) -> Critic:
        """The network that learns to expect; it begins as the reward model."""

    @property
    def plain_critic(self) -> Critic:
        """The same, but it begins as the policy, with a head of zeros."""

    @property
    def potential(self) -> Critic:
        """The reward model's opinion of what was said so far, frozen."""

    @property
    def scorer(self) -> Scorer:
        """Who says what a completion is worth."""

    @property
    def prompts(self) -> Sequence[Prompt]:
        """What the policy is asked."""

    @property
    def rankings(self) -> Iterable[Ranking]:
        """What people prefer."""

    @property
    def learning(self) -> Learning:
        """How to learn."""

    @property
    def seed(self) -> int:
        """What everything random in this stage follows from."""

    def demonstrations(self, file: str) -> Iterable[Demonstration]:
        """What people wrote themselves."""

    def sampler(self, occasion: str, temperature: float, longest: int, best_of: int = 1) -> Sampler:
        """The policy as a speaker with seeds of its own for each occasion, keeping the best of several."""

    def other(self, folder: str) -> Policy:
        """Another policy, frozen, from a model folder that a recipe names."""

    def speaker(
        self, policy: Policy, name: str, occasion: str, temperature: float, longest: int, best_of: int = 1
    ) -> Sampler:
        """Any policy as a speaker with seeds of its own for each occasion."""

    def keep(self, turn: int, said: Sequence[Completion]) -> None:
        """Put a round's completions on record."""

    def mark(self, turn: int, scores: Sequence[float]) -> None:
        """Put on record what the scorer gave them."""

    def say(self, line: str) -> None:
        """Tell the person who watches."""


@dataclass(frozen=True)
class Course:
    """One method made ready: a feed, an objective, and the networks that learn."""

    feed: Feed[Any]
    objective: Objective[Any]
    networks: Mapping[str, nn.Module]
    rates: Mapping[str, float]
    steps: int
    """Optimiser steps in all."""
    limits: Mapping[str, float] = field(default_factory=dict)
    """Notes that must not exceed a number."""
    tells: Sequence[After] = ()
    """Called after each step, before the diary reads its notes."""
    dropout: bool = True
    """Whether networks drop units while they learn; ratios of probabilities forbid it."""
    kept: Mapping[str, nn.Module] = field(default_factory=dict)
    """Networks that no gradient moves but that change: they go into checkpoints with those that learn."""


Build = Callable[[Any, Bench], Course]
