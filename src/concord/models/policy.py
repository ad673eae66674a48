"""The policy: what speaks, and how likely it finds what was said."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from concord.batches import Sequences, Template
from concord.maths.sequence import token_logprobs
from concord.models import adapters, folder
from concord.models.adapters import inside
from concord.models.compute import Compute
from concord.models.likelihood import likelihood
from concord.models.trunk import Trunk, backbone, precise, read, spots, spread

PROBE, SHOUT = 6, 1e4


@dataclass
class Policy:
    """A causal language model with its template; frozen, the same thing serves as a reference."""

    network: nn.Module
    template: Template
    compute: Compute
    headed: bool
    """Whether hidden states times the output head are the network's logits, with nothing in between."""
    trunk: Trunk

    @classmethod
    def load(cls, path: Path, compute: Compute, adapter: int = 0) -> "Policy":
        """The policy in a Hugging Face folder; with `adapter`, only LoRA adapters of that rank will learn."""
        network = folder.load(path, compute)
        template = folder.template_for(network, path)
        headed = plain_head(network, compute)
        trunk = Trunk.of(network, compute)
        if adapter:
            network = adapters.add(network, adapter)
            trunk = Trunk(network, compute, trunk.padded)
        return cls(network, template, compute, headed, trunk)

    def twin(self) -> "Policy":
        """The same policy with weights of its own, frozen: what becomes of these changes nothing for those."""
        network = copy.deepcopy(self.network).requires_grad_(False)
        return replace(self, network=network, trunk=Trunk.of(network, self.compute))

    @contextmanager
    def still(self) -> Iterator[None]:
        """The network drops no units meanwhile, as it may while it learns."""
        learning = self.network.training
        self.network.eval()
        try:
            yield
        finally:
            self.network.train(learning)

    def logprobs(self, sequences: Sequences, temperature: float = 1.0) -> Tensor:
        """[N, S] log-probability of each scored token given all before it; 0 where there is none."""
        sequences = sequences.to(self.compute.device)
        said = sequences.said[sequences.scored]
        if self.headed:
            states = self.trunk.states(sequences, sequences.scored, before=True)
            found = likelihood(states, head(self.network), said, temperature, self.compute)
        else:
            found = token_logprobs(precise(self.logits(sequences)) / temperature, said)
        return spread(found, sequences)

    def logits(self, sequences: Sequences) -> Tensor:
        """[M, V] what the whole network expects at the scored tokens: for families with more than a head."""
        padded = self.trunk.padded is not None
        rows, columns = spots(sequences, sequences.scored, True, padded)
        with self.compute.precision():
            if padded:
                found: Tensor = read(self.network, sequences, True).logits[rows, columns]
            else:
                found = read(self.network, sequences, False, logits_to_keep=columns).logits[0]
        return found

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
