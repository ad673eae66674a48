"""Settings of reward models."""

from typing import Annotated, Literal

from pydantic import Field

from concord.settings.closed import Settings
from concord.settings.quantities import Count, Positive, Price


class Reward(Settings):
    """Find the scores under which people's rankings are least surprising."""

    likelihood: Literal["bradley-terry", "plackett-luce"] = "plackett-luce"
    """Read a ranking as all of its pairs, by their soft labels if it has them, or as one choice after another."""
    centring: Price = 0.01
    """Pull of each list's mean score toward 0."""
    epochs: Count = 2
    """Passes over the rankings."""
    rate: Positive = 5e-4
    """Learning rate at its highest."""
    batch: Count = 16
    """Rankings in an optimiser step."""
    hold_out: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Share of the prompts whose rankings are kept back to judge the reward model."""
