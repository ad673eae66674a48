"""The guard: stops a step whose numbers are not finite, and a run that keeps giving such steps."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from concord.errors import Diverged
from concord.records.files import write_json
from concord.training.notes import Notes, floats, plain


class Guard:
    """Refuses steps that would spoil the weights, and ends a run that has left its bounds."""

    def __init__(
        self, patience: int = 3, limits: Mapping[str, float] | None = None, dump: Path | None = None
    ) -> None:
        self.patience = patience
        self.limits = dict(limits or {})
        self.dump = dump
        self.skipped = 0
        self.in_a_row = 0

    def allows(
        self, number: int, loss: float, norms: Mapping[str, float], step: Sequence[object] = ()
    ) -> bool:
        """Whether a step may be taken: its loss and every norm of its gradients are finite."""
        numbers = {"loss": loss, **{f"grad_norm.{name}": norm for name, norm in norms.items()}}
        wrong = {name: value for name, value in numbers.items() if not math.isfinite(value)}
        if not wrong:
            self.in_a_row = 0
            return True
        self.skipped += 1
        self.in_a_row += 1
        place = self.describe(number, numbers, step)
        if self.in_a_row >= self.patience:
            what = ", ".join(f"{name} is {plain(value)}" for name, value in wrong.items())
            raise Diverged(
                f"Step {number}: {what}. Steps that could not be learned, in a row: {self.in_a_row}; the "
                f"weights are those of step {number - self.in_a_row}. Lower the rate, or look for the cause "
                f"in the batch{place}."
            )
        return False

    def __call__(self, number: int, notes: Notes) -> None:
        """End the run if a note has left its limit; a step that was refused is not judged twice."""
        if self.in_a_row:
            return
        watched = floats({name: notes[name] for name in self.limits if name in notes})
        for name, value in watched.items():
            if not value <= self.limits[name]:  # written so that NaN is beyond every limit
                raise Diverged(
                    f"Step {number}: `{name}` is {plain(value)}, beyond its limit {self.limits[name]}. "
                    f"Lower the rate, or raise the limit if so much is meant."
                )

    def state(self) -> dict[str, Any]:
        """Its counters, for a checkpoint."""
        return {"skipped": self.skipped, "in_a_row": self.in_a_row}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on counting from a checkpoint."""
        self.skipped = int(state["skipped"])
        self.in_a_row = int(state["in_a_row"])

    def describe(self, number: int, numbers: Mapping[str, float], step: Sequence[object]) -> str:
        """Write down a refused step, and say where; one file a step, so that a resumed run repeats none."""
        if self.dump is None:
            return ""
        path = self.dump / f"{number:06d}.json"
        batches = [batch.describe() for batch in step if hasattr(batch, "describe")]
        write_json(path, plain({"step": number, **numbers, "batches": batches}))
        return f", described in {path}"
