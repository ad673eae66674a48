"""Settings of the methods that learn straight from preferences."""

from typing import Literal

from concord.settings.closed import Settings
from concord.settings.quantities import Count, Positive


class DPO(Settings):
    """Learn straight from rankings: prefer the better completion more than the reference does."""

    method: Literal["dpo"] = "dpo"
    """Which method this is."""
    beta: Positive = 0.1
    """How dearly drift from the reference is paid for; also the scale of the implicit reward."""
    epochs: Count = 1
    """Passes over the rankings."""
    rate: Positive = 2e-4
    """Learning rate at its highest."""
    batch: Count = 16
    """Rankings in an optimiser step."""
