"""Which of a round's tokens count, and how much: decided once, before anything is learned from them."""

from dataclasses import dataclass, replace

import torch

from concord.algorithms.experience import likelihood
from concord.batches import Rollout
from concord.maths.ratios import most_undecided, truncated_ratio
from concord.models import Policy
from concord.models.sight import Sight
from concord.settings.speaking import Surrogate


@dataclass
class Trust:
    """Looks once more at what the policy just said, if a setting asks for it."""

    policy: Policy
    settings: Surrogate
    temperature: float
    micro_tokens: int

    def __call__(self, rollout: Rollout) -> Rollout:
        """The same rollout, its tokens weighed."""
        if self.settings.sampler_limit is not None:
            rollout = self.corrected(rollout, self.settings.sampler_limit)
        if self.settings.undecided < 1:
            rollout = self.narrowed(rollout, self.settings.undecided)
        return rollout

    def corrected(self, rollout: Rollout, most: float) -> Rollout:
        """Ratios from the policy's own likelihoods, and weights for what the sampler found otherwise."""
        ours = likelihood(self.policy, rollout.sequences, self.temperature, self.micro_tokens)
        return replace(rollout, logprobs=ours, trust=truncated_ratio(ours, rollout.logprobs, most))

    @torch.no_grad()
    def narrowed(self, rollout: Rollout, share: float) -> Rollout:
        """Credit only for the tokens about which the policy was most undecided."""
        sequences = rollout.sequences
        found = torch.zeros(sequences.scored.shape)
        for rows in sequences.parts(self.micro_tokens):
            part = sequences.some(rows)
            seen = Sight(self.policy, part).entropy(self.temperature)
            found[rows, : part.scored.shape[1]] = seen.to(found)
        kept = most_undecided(found, sequences.scored, share).to(found.dtype)
        return replace(rollout, trust=kept if rollout.trust is None else kept * rollout.trust)
