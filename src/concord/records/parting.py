"""Keeping records back: whatever was said to one prompt is learned from, or kept back, together."""

from collections.abc import Iterable
from typing import TypeVar, overload

from concord.records.guidance import Ranking, Rating, StepLabels
from concord.records.keys import seed_of
from concord.records.stream import Stream
from concord.records.text import Demonstration, Prompt

R = TypeVar("R", Demonstration, Ranking, Rating, StepLabels)
PARTS = 1000
"""Prompts are kept back by the thousandth."""


@overload
def parted(records: Stream[R], share: float, seed: int) -> tuple[Stream[R], Stream[R]]: ...
@overload
def parted(records: Iterable[R], share: float, seed: int) -> tuple[Iterable[R], Iterable[R]]: ...
def parted(records: Iterable[R], share: float, seed: int) -> tuple[Iterable[R], Iterable[R]]:
    """The records to learn from and those kept back, by their prompts' names."""
    limit = int(share * PARTS)

    def held(one: R) -> bool:
        return seed_of(seed, "hold out", prompt_of(one).id) % PARTS < limit

    if not isinstance(records, Stream):
        some = list(records)
        return [one for one in some if not held(one)], [one for one in some if held(one)]
    why = ("hold out", seed, limit)
    return records.where(lambda one: not held(one), "shown", *why), records.where(held, "kept", *why)


def prompt_of(record: Demonstration | Ranking | Rating | StepLabels) -> Prompt:
    """What was asked."""
    return record.completion.prompt if isinstance(record, Rating | StepLabels) else record.prompt
