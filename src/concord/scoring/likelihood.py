"""A policy as a scorer of given texts: how likely it finds what somebody says."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from concord.batches import pack
from concord.batches.packing import parts
from concord.errors import RecordError
from concord.models import Policy
from concord.models.folder import context
from concord.records import Completion


@dataclass(frozen=True)
class Likelihood:
    """Scores a completion by the log-probability of its text after its prompt.

    The end of the answer counts, unless it was cut off: of a text that may go on, only its own words do.
    """

    policy: Policy
    micro_tokens: int = 4096

    @torch.no_grad()
    def score(self, completions: Sequence[Completion]) -> list[float]:
        """The sum over the tokens of each completion, in nats, in the order given."""
        rows = self.policy.template.completions(completions)
        limit = context(self.policy.network)
        for row, one in zip(rows, completions, strict=True):
            if len(row) > limit or not any(row.scored):
                raise RecordError(
                    f"An answer to prompt {one.prompt.id} has {len(row)} tokens with its prompt, {sum(row.scored)} of "
                    f"them its own; there must be at least one, and no more than the model's context of {limit}. "
                    "Leave it out, or use a model with a longer context."
                )
        found = [0.0] * len(rows)
        for group in parts(rows, self.micro_tokens):
            sums = self.policy.logprobs(pack([rows[place] for place in group])).sum(-1)
            for place, value in zip(group, sums.tolist(), strict=True):
                found[place] = value
        return found
