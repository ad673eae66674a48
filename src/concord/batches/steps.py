"""Answers in steps: where each ends among an answer's tokens, and what was thought of it."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

import torch
from torch import Tensor

from concord.batches.collate import Fit, portions
from concord.batches.kinds import Sequences, pack
from concord.batches.template import Rendered, Template
from concord.errors import RecordError
from concord.records import MARKS, Completion, StepLabels

CUTS = {
    "line": re.compile(r"[^\n]*\n+|[^\n]+"),
    "sentence": re.compile(r".+?(?:[.!?]+(?:\s+|$)|\n+|$)", re.DOTALL),
}
"""What a step is, by name; the steps of a text, joined, are the text."""


def pieces(text: str, cut: str) -> list[str]:
    """A text in steps; joined they give it back, and an empty text is one empty step."""
    return CUTS[cut].findall(text) or [text]


@dataclass(frozen=True)
class Marked:
    """One answer with its steps' ends and marks, ready to be batched."""

    row: Rendered
    ends: list[int]
    """The last token of each step, as its number among the answer's own."""
    marks: list[int]
    """The place of each step's mark in MARKS; -1 where nobody has marked it."""

    def __len__(self) -> int:
        return len(self.row)


@dataclass(frozen=True)
class StepBatch:
    """Answers in steps, packed: N answers of up to E steps."""

    sequences: Sequences
    ends: Tensor
    """[N, E] the number of each step's last token among the scored ones; 0 where there is no step."""
    marks: Tensor
    """[N, E] each step's mark; -1 where there is no step or no mark."""
    real: Tensor
    """[N, E] whether there is a step of that number."""

    @property
    def weight(self) -> float:
        """How many steps are marked."""
        return float((self.marks >= 0).sum())

    @property
    def which(self) -> Tensor:
        """[N, S] the scored tokens at which some step ends."""
        found = torch.zeros(self.sequences.scored.shape, dtype=torch.int64, device=self.ends.device)
        return found.scatter_add(1, self.ends, self.real.long()) > 0

    def to(self, device: torch.device) -> "StepBatch":
        """The same steps on another device."""
        rest = (part.to(device) for part in (self.ends, self.marks, self.real))
        return StepBatch(self.sequences.to(device), *rest)

    def describe(self) -> dict[str, object]:
        """What the steps are, for a person who looks into a step of learning that went wrong."""
        return {**self.sequences.describe(), "ends": self.ends.tolist(), "marks": self.marks.tolist()}


def step_batch(items: Sequence[Marked]) -> StepBatch:
    """Answers in steps, packed."""
    width = max(len(item.ends) for item in items)
    ends = torch.zeros(len(items), width, dtype=torch.int64)
    marks = torch.full((len(items), width), -1, dtype=torch.int64)
    real = torch.zeros(len(items), width, dtype=torch.bool)
    for number, item in enumerate(items):
        size = len(item.ends)
        ends[number, :size] = torch.tensor(item.ends)
        marks[number, :size] = torch.tensor(item.marks)
        real[number, :size] = True
    return StepBatch(pack([item.row for item in items]), ends, marks, real)


def marked(
    completion: Completion, steps: Sequence[str], marks: Sequence[int], row: Rendered, template: Template
) -> Marked:
    """Where each step of a rendered answer ends; the last one ends with the answer, its end token included."""
    ends = template.last_tokens(completion.text, list(accumulate(len(step) for step in steps)))
    return Marked(row, [*ends[:-1], sum(row.scored) - 1], list(marks))


def step_labels(
    records: Iterable[StepLabels], template: Template, limit: int, say: Callable[[str], None]
) -> list[Marked]:
    """Step labels as ids, those that do not fit left out and counted."""
    fit, items = Fit("step labels", limit), []
    for some in portions(records):
        rows = template.completions([one.completion for one in some])
        for one, row in zip(some, rows, strict=True):
            if not any(row.scored):
                raise RecordError(
                    f"The step labels for prompt {one.completion.prompt.id} mark an empty answer."
                )
            if fit.admits(row, one.completion.prompt.id):
                marks = [MARKS.index(mark) for mark in one.marks]
                items.append(marked(one.completion, one.steps, marks, row, template))
    fit.say(say)
    return items
