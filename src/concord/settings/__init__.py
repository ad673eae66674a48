"""Settings: typed, frozen, few, and readable without loading any model library."""

from concord.settings.closed import Settings
from concord.settings.methods import (
    DPO,
    GRPO,
    PPO,
    RLOO,
    SFT,
    Learning,
    Method,
    Rejection,
    Reward,
    Rollouts,
)
from concord.settings.recipe import Recipe
from concord.settings.stages import Evaluate, Gate, Rank, Sample

__all__ = [
    "DPO",
    "GRPO",
    "PPO",
    "RLOO",
    "SFT",
    "Evaluate",
    "Gate",
    "Learning",
    "Method",
    "Rank",
    "Recipe",
    "Rejection",
    "Reward",
    "Rollouts",
    "Sample",
    "Settings",
]
