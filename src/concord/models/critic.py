"""The critic: expects, before each token, how good the whole completion will turn out."""

from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn

from concord.batches import Sequences
from concord.models import folder
from concord.models.compute import Compute
from concord.models.reward import score_head
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
