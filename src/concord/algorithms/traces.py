"""Where a score comes from, on the policy's own tokens: a scorer speaks of places in a text, credit of tokens."""

from bisect import bisect_left
from collections.abc import Sequence

import torch
from torch import Tensor

from concord.batches import Sequences, Template
from concord.records import Completion
from concord.roles import Scorer, Tracer


def traced(
    scorer: Scorer, said: Sequence[Completion], template: Template, sequences: Sequences
) -> Tensor | None:
    """[N, S] what each token of what was said adds to its score, if the scorer can say; their sums are the scores.

    A part's reward lands on the token with which its text is complete, the last part's on the last token.
    """
    if not isinstance(scorer, Tracer):
        return None
    found = torch.zeros(sequences.scored.shape)
    for row, (completion, parts) in enumerate(zip(said, scorer.trace(said), strict=True)):
        tokens = completion.tokens or ()
        for number, (end, reward) in enumerate(parts, start=1):
            last = len(tokens) - 1
            found[row, last if number == len(parts) else place(tokens, end, template)] += reward
    return found


def place(tokens: Sequence[int], end: int, template: Template) -> int:
    """The first token after which so many characters of the text stand; the last one if that is never so."""
    sizes = range(1, len(tokens) + 1)
    found = bisect_left(sizes, end, key=lambda size: len(template.decode(tokens[:size])))
    return min(found, len(tokens) - 1)
