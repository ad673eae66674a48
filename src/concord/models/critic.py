"""The critic: expects, before each token, how good the whole completion will turn out."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from concord.batches import Sequences
from concord.models import folder
from concord.models.adapters import inside
from concord.models.compute import Compute
from concord.models.policy import Policy
from concord.models.reward import score_head
from concord.models.sight import Sight
from concord.models.trunk import Trunk, precise, spread


@dataclass
class Critic:
    """A language model whose head gives each place a value."""

    network: nn.Module
    compute: Compute
    trunk: Trunk

    @classmethod
    def load(cls, path: Path, compute: Compute) -> "Critic":
        """From a reward model's folder, or from a language model's with a head that starts at 0."""
        network = folder.load(path, compute, scoring=True)
        return cls(network, compute, Trunk.of(network, compute))

    def values(self, sequences: Sequences) -> Tensor:
        """[N, S] what is expected just before each scored token is said; 0 where there is none."""
        sequences = sequences.to(self.compute.device)
        states = self.trunk.states(sequences, sequences.scored, before=True)
        return spread(score_head(self.network)(precise(states)).squeeze(-1), sequences)

    def beside(self, sight: Sight, alone: bool) -> Tensor:
        """[N, S] its values of what the policy is looking at."""
        return self.values(sight.sequences)


@dataclass
class SharedCritic:
    """A critic without a network of its own: one more head on the policy's, which starts at 0."""

    policy: Policy
    network: nn.Module

    @classmethod
    def on(cls, policy: Policy) -> "SharedCritic":
        """A new head on a policy."""
        like = next(policy.network.parameters())
        width = int(inside(policy.network).config.hidden_size)
        layer = nn.Linear(width, 1, bias=False, device=like.device, dtype=like.dtype)
        nn.init.zeros_(layer.weight)
        return cls(policy, layer)

    def values(self, sequences: Sequences) -> Tensor:
        """[N, S] what is expected just before each scored token is said; 0 where there is none."""
        return Sight(self.policy, sequences).values(self.network)

    def beside(self, sight: Sight, alone: bool) -> Tensor:
        """[N, S] its values of what the policy is looking at; while it learns alone it leaves the policy as it is."""
        if alone:
            with torch.no_grad():
                _ = sight.states
        return sight.values(self.network)
