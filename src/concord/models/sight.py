"""A policy's look at a batch: its states are made once, and several heads may read them."""

from functools import cached_property

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from concord.batches import Sequences
from concord.maths.sequence import entropy
from concord.models.compute import Compute
from concord.models.likelihood import chunk, likelihood
from concord.models.policy import Policy, head
from concord.models.trunk import precise, spread


class Sight:
    """What a policy makes of each scored token before it is said; nothing is computed before it is asked for."""

    def __init__(self, policy: Policy, sequences: Sequences) -> None:
        self.policy = policy
        self.sequences = sequences.to(policy.compute.device)

    @cached_property
    def states(self) -> Tensor:
        """[M, width] the hidden states just before the scored tokens."""
        return self.policy.trunk.states(self.sequences, self.sequences.scored, before=True)

    def logprobs(self, temperature: float) -> Tensor:
        """[N, S] what `Policy.logprobs` finds."""
        policy, sequences = self.policy, self.sequences
        if not policy.headed:
            return policy.logprobs(sequences, temperature)
        said = sequences.said[sequences.scored]
        return spread(
            likelihood(self.states, head(policy.network), said, temperature, policy.compute), sequences
        )

    def entropy(self, temperature: float) -> Tensor:
        """[N, S] nats by which the policy is undecided about each scored token; 0 where there is none."""
        policy = self.policy
        if policy.headed:
            found = entropies(self.states, head(policy.network), temperature, policy.compute)
        else:
            found = entropy(precise(policy.logits(self.sequences)) / temperature)
        return spread(found, self.sequences)

    def values(self, of: nn.Module) -> Tensor:
        """[N, S] what a head that gives one number makes of the states; 0 where there is none."""
        return spread(of(precise(self.states)).squeeze(-1), self.sequences)


def entropies(states: Tensor, layer: nn.Module, temperature: float, compute: Compute) -> Tensor:
    """[M] the entropy of what a layer predicts from the states [M, width], some places at a time."""

    def piece(part: Tensor) -> Tensor:
        with compute.precision():
            logits = layer(part)
        return entropy(precise(logits) / temperature)

    size = chunk(len(layer.weight))  # type: ignore[arg-type]
    return torch.cat([checkpoint(piece, part, use_reentrant=False) for part in torch.split(states, size)])
