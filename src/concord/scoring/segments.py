"""A reward model that says where in an answer its score comes from: what each segment adds."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal

import torch
from torch import Tensor

from concord.batches.steps import pieces
from concord.maths.segments import change_ends, fixed_ends, prefix_differences
from concord.records import Completion
from concord.scoring.learned import Learned, finite, read

Cut = Literal["fixed", "sentence", "line", "change"]


@dataclass(frozen=True)
class Segments:
    """Scores completions as its reward model does, and divides each score among the segments."""

    whole: Learned
    cut: Cut = "sentence"
    size: int = 16
    """Tokens in a segment, for `fixed`."""
    threshold: float = 0.5
    """How far the score must move for a segment to end, for `change`."""

    def score(self, completions: Sequence[Completion]) -> list[float]:
        """One score a completion: the reward model's own."""
        return self.whole.score(completions)

    def trace(self, completions: Sequence[Completion]) -> list[list[tuple[int, float]]]:
        """Where each segment ends in its text, and what it adds; a completion's segments sum to its score."""
        model = self.whole.model
        found = read(
            model,
            completions,
            self.whole.micro_tokens,
            lambda rows: model.everywhere(rows, rows.scored.to(model.compute.device)).squeeze(-1),
        )
        traced = []
        for completion, prefixes in zip(completions, found, strict=True):
            said = len(model.template.said(completion))
            scores = finite(prefixes[:said].double().tolist(), [completion] * said)
            ends = self.ends(completion, torch.tensor([scores], dtype=torch.float64))
            added = prefix_differences(torch.tensor([scores], dtype=torch.float64), ends)[0]
            stops = [stop for _, stop in model.template.spans(completion.text)]
            stops += [len(completion.text)] * (said - len(stops))
            traced.append(
                [(stops[place], float(added[place])) for place in ends[0].nonzero().flatten().tolist()]
            )
        return traced

    def ends(self, completion: Completion, prefixes: Tensor) -> Tensor:
        """bool [1, S] the last token of each segment."""
        mask = torch.ones_like(prefixes, dtype=torch.bool)
        if self.cut == "fixed":
            return fixed_ends(mask, self.size)
        if self.cut == "change":
            return change_ends(prefixes, mask, self.threshold)
        stops = list(accumulate(len(piece) for piece in pieces(completion.text, self.cut)))
        ends = torch.zeros_like(mask)
        ends[0, self.whole.model.template.last_tokens(completion.text, stops)[:-1]] = True
        ends[0, -1] = True
        return ends
