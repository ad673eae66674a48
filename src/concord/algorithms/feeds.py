"""Feeds of fixed data: which items make a step, and how they are cut into batches."""

from collections.abc import Callable, Iterator, Sequence, Sized
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from concord.batches.order import cut, reading, steps_of
from concord.records import seed_of
from concord.training import Notes

Item = TypeVar("Item", bound=Sized)
Made = TypeVar("Made")
Given = TypeVar("Given")


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


@dataclass
class Ahead(Generic[Given, Made]):
    """A feed whose steps are looked at whole just before they are learned: for what no batch can know alone."""

    feed: Any
    """A feed that counts, as `done`, the steps that it has handed out."""
    look: Callable[[int, Sequence[Given]], Sequence[Made]]
    """Given the step's number, from 0, and its batches; gives the batches to learn from."""

    @property
    def settled(self) -> bool:
        """Looking leaves nothing behind."""
        return bool(self.feed.settled)

    @property
    def steps(self) -> int:
        """Optimiser steps in all."""
        return int(self.feed.steps)

    @property
    def done(self) -> int:
        """Steps handed out so far."""
        return int(self.feed.done)

    def __iter__(self) -> Iterator[Sequence[Made]]:
        for step in self.feed:
            yield self.look(self.done - 1, step)

    def state(self) -> dict[str, Any]:
        """Where the feed stands."""
        state: dict[str, Any] = self.feed.state()
        return state

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self.feed.restore(state)


@dataclass
class Rounds(Generic[Item, Made]):
    """Items made anew each round by whoever speaks then, and read as fixed data until the next."""

    make: Callable[[int], Sequence[Item]]
    """Makes the items of a round, as many in each as in the first."""
    rounds: int
    batch: int
    epochs: int
    seed: int
    collate: Callable[[Sequence[Item]], Made]
    micro_tokens: int
    round: int = field(default=0, init=False)
    reading: Reading[Item, Made] = field(init=False)

    def __post_init__(self) -> None:
        # The first round is made before anything is learned or restored, so it is always the same.
        self.reading = self.read(0)

    def read(self, turn: int) -> Reading[Item, Made]:
        """A round's items, to be read from their beginning."""
        items = self.make(turn)
        seed = self.seed if turn == 0 else seed_of(self.seed, "round", turn)
        return Reading(items, self.batch, self.epochs, seed, self.collate, self.micro_tokens)

    @property
    def settled(self) -> bool:
        """What later rounds were made with is gone by their second step."""
        return self.round == 0 or self.reading.done in (0, self.reading.steps)

    @property
    def done(self) -> int:
        """Steps handed out so far."""
        return self.round * self.reading.steps + self.reading.done

    @property
    def steps(self) -> int:
        """Optimiser steps in all."""
        return self.rounds * self.reading.steps

    def __iter__(self) -> Iterator[list[Made]]:
        while True:
            yield from self.reading
            if self.round == self.rounds - 1:
                return
            self.reading = self.read(self.round + 1)
            self.round += 1

    def tell(self, number: int, notes: Notes) -> None:
        """Add the round to a step's notes."""
        notes["round"] = float(self.round)

    def state(self) -> dict[str, Any]:
        """Which round this is, and how many of its steps have been handed out."""
        return {"round": self.round, "done": self.reading.done}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on after that step; a later round was finished, for only then is anything saved."""
        self.round = int(state["round"])
        self.reading.restore({"done": state["done"]})
