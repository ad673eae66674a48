"""What is thought of answers, ready to be batched: rankings and ratings, of whatever aspect and by whomever."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import overload

import torch
from torch import Tensor

from concord.batches.collate import Candidate, Fit, lists, portions
from concord.batches.kinds import Lists
from concord.batches.template import Template
from concord.errors import RecordError
from concord.records import Rating


@dataclass(frozen=True)
class Opinion(Candidate):
    """One ranking, or one rating: a list of one with a value."""

    head: int = 0
    """Which head of the model it teaches."""
    rater: int = 0
    """Who gave the value."""
    value: float = math.nan
    """The rating; nan for a ranking."""


@dataclass(frozen=True, kw_only=True)
class Opinions(Lists):
    """Rankings and ratings in one batch, each a list that counts the same."""

    heads: Tensor
    """[L] which head each list teaches."""
    raters: Tensor
    """[L] who gave its value."""
    values: Tensor
    """[L] its rating; nan for a ranking."""

    def to(self, device: torch.device) -> "Opinions":
        """The same opinions on another device."""
        rest = {name: getattr(self, name).to(device) for name in ("heads", "raters", "values")}
        return Opinions(**vars(super().to(device)), **rest)

    def describe(self) -> dict[str, object]:
        """What they are, for a person who looks into a step that went wrong."""
        return {**super().describe(), "heads": self.heads.tolist(), "values": self.values.tolist()}


def opinions(items: Sequence[Opinion]) -> Opinions:
    """Rankings and ratings batched."""
    return Opinions(
        **vars(lists(items)),
        heads=torch.tensor([item.head for item in items]),
        raters=torch.tensor([item.rater for item in items]),
        values=torch.tensor([item.value for item in items]),
    )


@dataclass(frozen=True)
class Shelves(Sequence[Opinion]):
    """Rankings of several aspects and ratings as one row of opinions; each is made when it is asked for."""

    parts: Sequence[tuple[Sequence[Candidate], int]]
    """Lists, and the head that they teach; what an opinion says of itself goes before that."""

    def __len__(self) -> int:
        return sum(len(part) for part, _ in self.parts)

    @overload
    def __getitem__(self, place: int) -> Opinion: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Opinion]: ...
    def __getitem__(self, place: int | slice) -> Opinion | Sequence[Opinion]:
        if isinstance(place, slice):
            return [self[one] for one in range(*place.indices(len(self)))]
        number = range(len(self))[place]
        for part, head in self.parts:
            if number < len(part):
                item = part[number]
                if isinstance(item, Opinion):
                    return item
                return Opinion(item.rows, item.tiers, item.reference, item.weight, item.chances, head)
            number -= len(part)
        raise IndexError(place)  # range has refused it before


@dataclass(frozen=True)
class Rated:
    """Ratings as opinions, and what their numbers mean."""

    items: list[Opinion]
    raters: tuple[str, ...]
    """Names by the numbers that opinions have."""
    scales: Mapping[str, tuple[float, float]]
    """Mean and spread of each aspect's numbers: what a score of 0 and a score of 1 more stand for."""


def ratings(
    records: Iterable[Rating],
    template: Template,
    limit: int,
    say: Callable[[str], None],
    heads: Mapping[str, int],
    labels: bool = False,
) -> Rated:
    """Ratings as lists of one, in units of their aspect's spread unless they are labels of +1 and -1.

    What does not fit is counted.
    """
    fit, items, aspects = Fit("ratings", limit), [], []
    raters: dict[str, int] = {}
    for some in portions(records):
        rows = template.completions([one.completion for one in some])
        for one, row in zip(some, rows, strict=True):
            if not any(row.scored):
                raise RecordError(
                    f"An answer to prompt {one.completion.prompt.id} is empty and did not end, so there is nothing to "
                    "learn from its rating. Remove it, or mark it as ended (`finish: stop`)."
                )
            if labels and abs(one.value) != 1:
                raise RecordError(
                    f"An answer to prompt {one.completion.prompt.id} has the label {one.value}, and "
                    "`reward.ratings.loss` is hinge, which takes +1 for good and -1 for bad. Write labels, or set it "
                    "to squared."
                )
            if fit.admits(row, one.completion.prompt.id):
                rater = raters.setdefault(one.by, len(raters))
                items.append(
                    Opinion([row], [0], [], head=heads.get(one.aspect, 0), rater=rater, value=one.value)
                )
                aspects.append(one.aspect)
    fit.say(say)
    scales = {}
    for aspect in dict.fromkeys(aspects):
        values = torch.tensor([i.value for i, a in zip(items, aspects, strict=True) if a == aspect]).double()
        spread = float(values.std(correction=0))
        scales[aspect] = (float(values.mean()), spread if spread > 0 else 1.0) if not labels else (0.0, 1.0)
    placed = []
    for item, aspect in zip(items, aspects, strict=True):
        mean, spread = scales[aspect]
        placed.append(replace(item, value=(item.value - mean) / spread))
    return Rated(placed, tuple(raters), scales)
