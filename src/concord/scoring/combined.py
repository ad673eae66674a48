"""Several scorers as one: weighed against each other, or members that have to agree."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from concord.maths.ensemble import cautious, combined, disagreement, standard
from concord.records import Completion
from concord.roles import Scorer


@dataclass(frozen=True)
class Part:
    """One scorer among several, and what its numbers mean."""

    scorer: Scorer
    mean: float = 0.0
    """Its usual score."""
    spread: float = 1.0
    """How far its scores usually lie apart."""
    weight: float = 1.0
    """What it counts for where parts are weighed."""


def opinions(parts: Sequence[Part], completions: Sequence[Completion]) -> Tensor:
    """[parts, completions] what each part says, in its own units."""
    said = torch.tensor([part.scorer.score(completions) for part in parts], dtype=torch.float64)
    means, spreads = (
        torch.tensor([getattr(part, name) for part in parts], dtype=torch.float64)
        for name in ("mean", "spread")
    )
    return standard(said, means, spreads)


@dataclass(frozen=True)
class Combined:
    """The weighted mean of several scorers, each in its own units."""

    parts: Sequence[Part]

    def score(self, completions: Sequence[Completion]) -> list[float]:
        """One score a completion."""
        weights = torch.tensor([part.weight for part in self.parts], dtype=torch.float64)
        found: list[float] = combined(opinions(self.parts, completions), weights).tolist()
        return found

    @property
    def told(self) -> dict[str, float]:
        """What its parts tell a diary of what was scored last."""
        return {
            name: value for part in self.parts for name, value in getattr(part.scorer, "told", {}).items()
        }


@dataclass(frozen=True)
class Ensemble:
    """What several members agree on: their mean, less a price for their disagreement."""

    parts: Sequence[Part]
    penalty: float
    told: dict[str, float] = field(default_factory=dict)
    """How far the members were apart on what was scored last, for a diary."""

    def score(self, completions: Sequence[Completion]) -> list[float]:
        """One score a completion."""
        said = opinions(self.parts, completions)
        if completions:
            self.told["disagreement"] = float(disagreement(said).mean())
        found: list[float] = cautious(said, self.penalty).tolist()
        return found

    def spreads(self, completions: Sequence[Completion]) -> list[float]:
        """How far the members are apart on each completion."""
        found: list[float] = disagreement(opinions(self.parts, completions)).tolist()
        return found
