"""What a step tells about itself: named numbers that stay on their device until somebody reads them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

Note = Tensor | float
Notes = dict[str, Note]


@dataclass(frozen=True)
class Loss:
    """How wrong the networks were on one batch, and what else is worth knowing about it."""

    mean: Tensor
    """The mean over the batch's weight; finite even where a batch weighs nothing."""
    notes: Mapping[str, Note] = field(default_factory=dict)
    """Means over the batch's weight: a step's note is their weighted mean."""
    counts: Mapping[str, Note] = field(default_factory=dict)
    """Amounts such as tokens: a step's note is their sum."""


@dataclass
class Tally:
    """A step's notes, gathered batch by batch without making a GPU wait."""

    sums: Notes = field(default_factory=dict)
    shares: Notes = field(default_factory=dict)
    counts: Notes = field(default_factory=dict)

    def add(self, loss: Loss, share: float) -> None:
        """Take in one batch, which is this share of its step."""
        for name, value in {**loss.notes, "loss": loss.mean}.items():
            if share == 0 and name != "loss":
                continue  # a mean over nothing says nothing
            self.sums[name] = self.sums.get(name, 0.0) + free(value) * share
            self.shares[name] = self.shares.get(name, 0.0) + share
        for name, value in loss.counts.items():
            self.counts[name] = self.counts.get(name, 0.0) + free(value)

    def means(self, sums: Notes, shares: Notes) -> Notes:
        """The weighted mean of each note over the batches that have it; the loss has them all."""
        return {name: total if name == "loss" else total / shares[name] for name, total in sums.items()}


def free(value: Note) -> Note:
    """A note that no longer holds on to the graph it was computed in."""
    return value.detach() if isinstance(value, Tensor) else value


def floats(notes: Mapping[str, Note]) -> dict[str, float]:
    """Read every note as a number, waiting once for each device and not once for each note."""
    numbers = {name: float(value) for name, value in notes.items() if not isinstance(value, Tensor)}
    places: dict[torch.device, list[str]] = {}
    for name, value in notes.items():
        if isinstance(value, Tensor):
            places.setdefault(value.device, []).append(name)
    for names in places.values():
        # float64 holds every float32 and every count exactly
        stacked = torch.stack([torch.as_tensor(notes[name]).detach().reshape(()).double() for name in names])
        numbers.update(zip(names, stacked.tolist(), strict=True))
    return {name: numbers[name] for name in notes}


def plain(value: object) -> object:
    """The same value in JSON's terms: what is not finite becomes a word, never 0 and never an absence."""
    if isinstance(value, Tensor):
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, Mapping):
        return {str(name): plain(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
