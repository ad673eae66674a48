"""A reward model as a scorer: it reads text with its own tokenizer, whoever wrote it."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from concord.batches import Rendered, Sequences, pack
from concord.batches.packing import parts
from concord.errors import Diverged, ModelError, RecordError
from concord.maths.ensemble import combined, standard
from concord.models import RewardModel
from concord.models.folder import context
from concord.records import Completion


@dataclass(frozen=True)
class Learned:
    """Scores completions by a learned reward model."""

    model: RewardModel
    micro_tokens: int = 4096

    def score(self, completions: Sequence[Completion]) -> list[float]:
        """One finite score a completion, in the same order."""
        if len(self.model.heads) > 1:
            raise ModelError(
                f"This reward model gives {len(self.model.heads)} numbers ({', '.join(self.model.heads)}), and one is "
                "wanted. Name the folder of a reward model with one label."
            )
        found = read(self.model, completions, self.micro_tokens, self.model.scores)
        return finite([float(one) for one in found], completions)


@dataclass(frozen=True)
class Aspects:
    """Scores completions by a reward model of several aspects: each in its own units, then weighed."""

    model: RewardModel
    weights: tuple[float, ...]
    means: tuple[float, ...]
    spreads: tuple[float, ...]
    micro_tokens: int = 4096

    def score(self, completions: Sequence[Completion]) -> list[float]:
        """The weighted mean of the aspects, one a completion."""
        if not completions:
            return []
        scaled = standard(self.opinions(completions), torch.tensor(self.means), torch.tensor(self.spreads))
        return finite(combined(scaled, torch.tensor(self.weights)).tolist(), completions)

    def opinions(self, completions: Sequence[Completion]) -> Tensor:
        """[aspects, completions] what the heads say, each in its own units."""
        found = read(self.model, completions, self.micro_tokens, self.model.opinions)
        return torch.stack([one.float() for one in found], -1)


def rendered(model: RewardModel, completions: Sequence[Completion]) -> list[Rendered]:
    """Completions as the model reads them; what it cannot read is an error that names its prompt."""
    rows = [model.template.completion(completion) for completion in completions]
    limit = context(model.network)
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
    return rows


@torch.no_grad()
def read(
    model: RewardModel,
    completions: Sequence[Completion],
    micro_tokens: int,
    ask: Callable[[Sequences], Tensor],
) -> list[Tensor]:
    """What the model says of each completion, batch by batch, in the order given."""
    rows = rendered(model, completions)
    found: list[Tensor] = [torch.empty(0)] * len(rows)
    for group in parts(rows, micro_tokens):
        for place, said in zip(group, ask(pack([rows[place] for place in group])).cpu(), strict=True):
            found[place] = said
    return found


def finite(scores: list[float], completions: Sequence[Completion]) -> list[float]:
    """The scores, if all of them are numbers."""
    for place, score in enumerate(scores):
        if not math.isfinite(score):
            raise Diverged(
                f"The reward model scores a completion of prompt {completions[place].prompt.id} as {score}. "
                "Its weights are damaged or its training diverged: redo the reward stage."
            )
    return scores
