"""The reference of a policy that learns by adapters: the same weights with the adapters switched off."""

from dataclasses import dataclass

import torch
from torch import Tensor

from concord.batches import Sequences
from concord.models.adapters import without
from concord.models.policy import Policy


@dataclass
class Bare(Policy):
    """A policy as it was before it had adapters; it holds no weights of its own, and teaches them nothing."""

    @classmethod
    def of(cls, policy: Policy) -> "Bare":
        """The policy under a policy's adapters."""
        return cls(policy.network, policy.template, policy.compute, policy.headed, policy.trunk)

    @torch.no_grad()
    def logprobs(self, sequences: Sequences, temperature: float = 1.0) -> Tensor:
        """[N, S] log-probability of each scored token given all before it, whatever the adapters have learned."""
        with without(self.network):
            return super().logprobs(sequences, temperature)
