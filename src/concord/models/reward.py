"""The reward model: reads a prompt and a completion, and gives one number."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from concord.batches import Sequences, Template
from concord.maths.sequence import last_true
from concord.models import adapters, folder
from concord.models.adapters import inside
from concord.models.compute import Compute
from concord.models.trunk import Trunk, precise


@dataclass
class RewardModel:
    """A language model whose head scores the last token of a completion."""

    network: nn.Module
    template: Template
    compute: Compute
    trunk: Trunk

    @classmethod
    def load(cls, path: Path, compute: Compute, adapter: int = 0) -> "RewardModel":
        """From a reward model's folder, or from a language model's with a head that starts at 0."""
        network = folder.load(path, compute, scoring=True)
        trunk = Trunk.of(network, compute)
        if adapter:
            network = adapters.add(network, adapter, head="score")
            trunk = Trunk(network, compute, trunk.padded)
        return cls(network, folder.template(path), compute, trunk)

    def scores(self, sequences: Sequences) -> Tensor:
        """[N] one score a row, read at its last scored token."""
        sequences = sequences.to(self.compute.device)
        last = torch.zeros_like(sequences.scored).scatter(1, last_true(sequences.scored)[:, None], True)
        ends = self.trunk.states(sequences, last, before=False)
        return score_head(self.network)(precise(ends)).squeeze(-1)  # type: ignore[no-any-return]

    def save(self, path: Path) -> None:
        """A plain Hugging Face folder of a sequence classifier with one label."""
        folder.save(adapters.merged(self.network), self.template, path)


def score_head(network: nn.Module) -> nn.Module:
    """The layer that turns a hidden state into one number."""
    found: nn.Module = inside(network).score
    return found
