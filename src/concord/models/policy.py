"""The policy: what speaks, and how likely it finds what was said."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from concord.batches import Sequences, Template
from concord.batches.kinds import even
from concord.maths.sequence import token_logprobs
from concord.models import adapters, folder
from concord.models.compute import Compute
from concord.models.trunk import backbone, hidden_states, inside, precise, scored_places, spread

PROBE, SHOUT = 6, 1e4


@dataclass
class Policy:
    """A causal language model with its template; frozen, the same thing serves as a reference."""

    network: nn.Module
    template: Template
    compute: Compute
    headed: bool
    """Whether hidden states times the output head are the network's logits, with nothing in between."""

    @classmethod
    def load(cls, path: Path, compute: Compute, adapter: int = 0) -> "Policy":
        """The policy in a Hugging Face folder; with `adapter`, only LoRA adapters of that rank will learn."""
        network = folder.load(path, compute)
        template = folder.template(path)
        headed = plain_head(network, compute)
        if adapter:
            network = adapters.add(network, adapter)
        return cls(network, template, compute, headed)

    def logprobs(self, sequences: Sequences, temperature: float = 1.0) -> Tensor:
        """[N, T] log-probability of each scored token given all before it; 0 elsewhere."""
        sequences = sequences.to(self.compute.device)
        rows, columns = scored_places(sequences)
        spare = even(len(rows), 128) - len(rows)  # repeats of one place, dropped again below
        logits = self.logits(sequences, F.pad(rows, (0, spare)), F.pad(columns - 1, (0, spare)))[: len(rows)]
        said = token_logprobs(precise(logits) / temperature, sequences.tokens[rows, columns])
        return spread(said, (rows, columns), sequences.tokens)

    def logits(self, sequences: Sequences, rows: Tensor, columns: Tensor) -> Tensor:
        """[M, V] what the network expects after the tokens at the given places."""
        if self.headed:
            states = hidden_states(self.network, sequences, self.compute)[rows, columns]
            with self.compute.precision():
                found: Tensor = head(self.network)(states)
            return found
        with self.compute.precision():
            output: Any = self.network(
                input_ids=sequences.tokens, attention_mask=sequences.real.long(), use_cache=False
            )
        whole: Tensor = output.logits
        return whole[rows, columns]

    def save(self, path: Path, dtype: torch.dtype = torch.float32) -> None:
        """A plain Hugging Face folder; adapters are merged into the weights."""
        folder.save(adapters.merged(self.network), self.template, path, dtype)


def head(network: nn.Module) -> nn.Module:
    """The layer that turns hidden states into logits."""
    found: nn.Module = inside(network).get_output_embeddings()
    return found


@torch.no_grad()
def plain_head(network: nn.Module, compute: Compute) -> bool:
    """Try it on a few tokens: some families scale or cap their logits after the head.

    The head is made to shout, for a cap leaves what is near 0 almost as it was; equal to the bit it need not
    be, for a product's last bits depend on where in memory it was made.
    """
    size = int(inside(network).config.vocab_size)
    tokens = (torch.arange(PROBE, device=compute.device) * 7 % size)[None]
    shout = head(network).register_forward_hook(lambda module, given, found: found * SHOUT)
    try:
        states = backbone(network)(input_ids=tokens, use_cache=False).last_hidden_state
        direct: Tensor = head(network)(states)
        whole: Tensor = network(input_ids=tokens, use_cache=False).logits
    finally:
        shout.remove()
    return bool((direct - whole).abs().max() <= 1e-4 * direct.abs().max())
