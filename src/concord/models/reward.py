"""The reward model: reads a prompt and a completion, and gives one number, or one for each of several heads."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from concord.batches import Sequences, Template
from concord.batches.steps import StepBatch
from concord.errors import ModelError
from concord.maths.sequence import last_true
from concord.models import adapters, folder
from concord.models.adapters import inside
from concord.models.compute import Compute
from concord.models.folder import ALONE
from concord.models.trunk import Trunk, precise


@dataclass
class RewardModel:
    """A language model whose head scores a token of a completion: the last one, or each step's last one."""

    network: nn.Module
    template: Template
    compute: Compute
    trunk: Trunk
    heads: tuple[str, ...] = ALONE
    """What the numbers are called: aspects, or marks of a step."""

    @classmethod
    def load(cls, path: Path, compute: Compute, adapter: int = 0, heads: Sequence[str] = ()) -> "RewardModel":
        """From a reward model's folder, or from a language model's with heads that start at 0."""
        names = tuple(heads) or folder.heads(path)
        network = folder.load(path, compute, scoring=True, heads=names)
        template = folder.template_for(network, path)
        trunk = Trunk.of(network, compute)
        if adapter:
            network = adapters.add(network, adapter, head="score")
            trunk = Trunk(network, compute, trunk.padded)
        return cls(network, template, compute, trunk, names)

    @classmethod
    def learned(cls, path: Path, compute: Compute) -> "RewardModel":
        """From the folder of a model that has learned to score: the head of any other would say 0 of everything."""
        if not folder.scores(path):
            raise ModelError(
                f"{path} is a language model: it has no head that gives a score, and one made now would say 0 of "
                "everything. Name the folder of a reward model, or a run that has learned one."
            )
        return cls.load(path, compute)

    def scores(self, sequences: Sequences) -> Tensor:
        """[N] one score a row, read at its last scored token by the only head."""
        return self.opinions(sequences).squeeze(-1)

    def opinions(self, sequences: Sequences) -> Tensor:
        """[N, heads] each head's score of a row, read at its last scored token."""
        sequences = sequences.to(self.compute.device)
        last = torch.zeros_like(sequences.scored).scatter(1, last_true(sequences.scored)[:, None], True)
        return self.read(sequences, last)

    def everywhere(self, sequences: Sequences, which: Tensor) -> Tensor:
        """[N, S, heads] what the heads say at some scored tokens (`which` [N, S]); 0 elsewhere.

        A token knows nothing of what follows it: this is what would be said of the row if it ended there.
        """
        sequences = sequences.to(self.compute.device)
        which = which.to(self.compute.device)
        found = self.read(sequences, which)
        empty = torch.zeros(*which.shape, len(self.heads), dtype=found.dtype, device=found.device)
        return empty.masked_scatter(which.unsqueeze(-1).expand_as(empty), found)

    def steps(self, batch: StepBatch) -> Tensor:
        """[N, E, heads] what the heads say at the end of each step; of no meaning where there is none."""
        batch = batch.to(self.compute.device)
        grid = self.everywhere(batch.sequences, batch.which)
        return grid.gather(1, batch.ends.unsqueeze(-1).expand(-1, -1, len(self.heads)))

    def read(self, sequences: Sequences, which: Tensor) -> Tensor:
        """[M, heads] what the heads say at some scored tokens, row after row."""
        states = self.trunk.states(sequences, which, before=False)
        return score_head(self.network)(precise(states))  # type: ignore[no-any-return]

    def save(self, path: Path) -> None:
        """A plain Hugging Face folder of a sequence classifier with a label for each head."""
        folder.save(adapters.merged(self.network), self.template, path)


def score_head(network: nn.Module) -> nn.Module:
    """The layer that turns a hidden state into one number a head."""
    found: nn.Module = inside(network).score
    return found
