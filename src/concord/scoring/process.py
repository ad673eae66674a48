"""A process reward model as a scorer: it reads an answer step by step, and one number is made of that."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from concord.batches.packing import parts
from concord.batches.steps import marked, pieces, step_batch
from concord.maths.process import CORRECT, all_correct, correct_steps, last_step, log_correct, weakest_step
from concord.models import RewardModel
from concord.records import Completion
from concord.scoring.learned import finite, rendered

READINGS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "count": correct_steps,
    "log": log_correct,
    "product": all_correct,
    "weakest": weakest_step,
    "last": last_step,
}
"""How the steps' marks become one number."""


@dataclass(frozen=True)
class Process:
    """Scores completions by what a process reward model thinks of their steps."""

    model: RewardModel
    reading: str = "product"
    cut: str = "line"
    micro_tokens: int = 4096

    def score(self, completions: Sequence[Completion]) -> list[float]:
        """One number a completion, read from its steps."""
        read = READINGS[self.reading]
        found = [
            read(one.unsqueeze(0), torch.ones(1, len(one), dtype=torch.bool))
            for one in self.logits(completions)
        ]
        return finite([float(one) for one in found], completions)

    def chances(
        self, completions: Sequence[Completion], steps: Sequence[Sequence[str]] | None = None
    ) -> list[list[float]]:
        """For each step of each completion, cut as given or as usual, the chance that it is correct."""
        return [one.softmax(-1)[:, CORRECT].tolist() for one in self.logits(completions, steps)]

    def trace(self, completions: Sequence[Completion]) -> list[list[tuple[int, float]]]:
        """Where each step ends in its text, and what it adds to the completion's score.

        A step adds what the reading of the steps up to it is above the reading of those before it.
        """
        read, found = READINGS[self.reading], []
        for completion, logits in zip(completions, self.logits(completions), strict=True):
            size = len(logits)
            upto = torch.ones(size, size, dtype=torch.bool).tril()
            whole = read(logits.expand(size, -1, -1), upto)
            added = torch.diff(whole, prepend=torch.zeros(1, dtype=whole.dtype)).tolist()
            ends = torch.tensor([len(step) for step in pieces(completion.text, self.cut)]).cumsum(0).tolist()
            found.append(list(zip(ends, added, strict=True)))
        return found

    @torch.no_grad()
    def logits(
        self, completions: Sequence[Completion], steps: Sequence[Sequence[str]] | None = None
    ) -> list[Tensor]:
        """[steps, marks] of each completion, in the order given."""
        cuts = steps or [pieces(completion.text, self.cut) for completion in completions]
        rows = rendered(self.model, completions)
        items = [
            marked(completion, cut, [-1] * len(cut), row, self.model.template)
            for completion, cut, row in zip(completions, cuts, rows, strict=True)
        ]
        found: list[Tensor] = [torch.empty(0)] * len(rows)
        for group in parts(rows, self.micro_tokens):
            batch = step_batch([items[place] for place in group]).to(self.model.compute.device)
            for place, said in zip(group, self.model.steps(batch).cpu(), strict=True):
                found[place] = said[: len(items[place].ends)].double()
        return found
