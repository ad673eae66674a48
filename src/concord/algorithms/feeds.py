"""Feeds of fixed data: which items make a step, and how they are cut into batches."""

from collections.abc import Callable, Iterator, Sequence, Sized
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from concord.batches.order import cut, reading, steps_of

Item = TypeVar("Item", bound=Sized)
Made = TypeVar("Made")


@dataclass
class Reading(Generic[Item, Made]):
    """Items read epoch after epoch, each time in another order that follows from the seed alone."""

    items: Sequence[Item]
    batch: int
    epochs: int
    seed: int
    collate: Callable[[Sequence[Item]], Made]
    micro_tokens: int
    done: int = field(default=0, init=False)

    @property
    def settled(self) -> bool:
        """Fixed data is never half used between two steps."""
        return True

    @property
    def steps(self) -> int:
        """Optimiser steps in all."""
        return steps_of(len(self.items), self.batch, self.epochs)

    def __iter__(self) -> Iterator[list[Made]]:
        for places in reading(len(self.items), self.batch, self.epochs, self.seed, done=self.done):
            self.done += 1
            items = [self.items[place] for place in places]
            parts = cut([len(item) for item in items], self.micro_tokens)
            yield [self.collate([items[place] for place in part]) for part in parts]

    def state(self) -> dict[str, Any]:
        """How many steps have been handed out."""
        return {"done": self.done}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on after that many steps."""
        self.done = int(state["done"])
