"""A reward model as a scorer: it reads text with its own tokenizer, whoever wrote it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from concord.batches import pack
from concord.batches.packing import parts
from concord.errors import Diverged, RecordError
from concord.models import RewardModel
from concord.models.folder import context
from concord.records import Completion


@dataclass(frozen=True)
class Learned:
    """Scores completions by a learned reward model."""

    model: RewardModel
    micro_tokens: int = 4096

    @torch.no_grad()
    def score(self, completions: Sequence[Completion]) -> list[float]:
        """One finite score a completion, in the same order."""
        template = self.model.template
        rows = [template.completion(completion) for completion in completions]
        limit = context(self.model.network)
        for row, completion in zip(rows, completions, strict=True):
            if len(row) > limit:
                raise RecordError(
                    f"An answer to prompt {completion.prompt.id} has {len(row)} tokens with its prompt, more than the "
                    f"reward model's context of {limit}. Use shorter prompts, a lower `longest`, or a larger model."
                )
            if not any(row.scored):
                raise RecordError(
                    f"An answer to prompt {completion.prompt.id} is empty and did not end, so there is nothing to "
                    "score. Remove it, or mark it as ended (`finish: stop`)."
                )
        scores = [math.nan] * len(rows)
        for group in parts(rows, self.micro_tokens):
            found = self.model.scores(pack([rows[place] for place in group]))
            for place, score in zip(group, found.tolist(), strict=True):
                scores[place] = score
        for place, score in enumerate(scores):
            if not math.isfinite(score):
                raise Diverged(
                    f"The reward model scores a completion of prompt {completions[place].prompt.id} as {score}. "
                    "Its weights are damaged or its training diverged: redo the reward stage."
                )
        return scores
