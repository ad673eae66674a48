"""The loop: every method of Concord learns through this one function, which knows none of them."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, TypeVar

from concord.errors import TrainingError
from concord.training.engine import Engine
from concord.training.guard import Guard
from concord.training.notes import Loss, Notes, Tally, floats
from concord.training.optimizer import Optimizer


class Batch(Protocol):
    """What one forward and backward pass takes in."""

    @property
    def weight(self) -> float:
        """How much the batch counts: its tokens, pairs or lists that bear loss."""


B = TypeVar("B", bound=Batch)
B_co = TypeVar("B_co", bound=Batch, covariant=True)
Objective = Callable[[B], Loss]
After = Callable[[int, Notes], None]


class Feed(Protocol[B_co]):
    """Where steps come from: fixed data or fresh experience."""

    @property
    def settled(self) -> bool:
        """Whether a checkpoint may be taken after the step just learned: no experience is half used."""

    def __iter__(self) -> Iterator[Sequence[B_co]]:
        """Steps, each a list of batches, from where the state stands."""

    def state(self) -> dict[str, Any]:
        """What must be saved so that iteration goes on after the step handed out last."""

    def restore(self, state: dict[str, Any]) -> None:
        """Stand where `state` was taken."""


def fit(
    feed: Feed[B],
    objective: Objective[B],
    engine: Engine,
    optimizer: Optimizer,
    guard: Guard,
    after: Sequence[After] = (),
    done: int = 0,
) -> int:
    """Learn step after step until the feed ends; returns the number of the last step."""
    number = done
    for number, step in enumerate(feed, start=done + 1):
        # The weight of the whole step is known before the first backward: that makes accumulation exact.
        total = engine.total(sum(float(batch.weight) for batch in step))
        if not 0 < total < math.inf:
            raise TrainingError(
                f"Step {number} weighs {total}: nothing in its {len(step)} batches bears loss. "
                "Check that completions are not empty or cut off by the length limit."
            )
        tally = Tally()
        for batch in step:
            share = batch.weight / total
            loss = objective(batch)
            engine.backward(loss.mean * share)
            tally.add(loss, share)
        notes = tally.means(engine.combine(tally.sums), engine.combine(tally.shares))
        norms = engine.norms(optimizer)
        seen = floats({"loss": notes["loss"], **norms})
        allowed = guard.allows(number, seen["loss"], {name: seen[name] for name in norms}, step)
        if allowed:
            engine.step(optimizer, number, {name: seen[name] for name in norms})
        optimizer.clear()
        notes |= engine.combine(tally.counts)
        notes |= {f"grad_norm.{name}": seen[name] for name in norms}
        notes |= {f"rate.{name}": rate for name, rate in optimizer.rates_at(number).items()}
        notes["skipped"] = 0.0 if allowed else 1.0
        for call in after:
            call(number, notes)
    return number
