"""The critic: expects, before each token, how good the whole completion will turn out."""

from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn

from concord.batches import Sequences
from concord.models import folder
from concord.models.compute import Compute
from concord.models.reward import score_head
from concord.models.trunk import hidden_states, precise, scored_places, spread


@dataclass
class Critic:
    """A language model whose head gives each place a value."""

    network: nn.Module
    compute: Compute

    @classmethod
    def load(cls, path: Path, compute: Compute) -> "Critic":
        """From a reward model's folder, or from a language model's with a head that starts at 0."""
        return cls(folder.load(path, compute, scoring=True), compute)

    def values(self, sequences: Sequences) -> Tensor:
        """[N, T] what is expected just before each scored token is said; 0 elsewhere."""
        sequences = sequences.to(self.compute.device)
        states = hidden_states(self.network, sequences, self.compute)
        rows, columns = scored_places(sequences)
        found = score_head(self.network)(precise(states[rows, columns - 1])).squeeze(-1)
        return spread(found, (rows, columns), sequences.tokens)
