"""Settings: typed, frozen, few, and readable without loading any model library."""

from concord.settings.closed import Settings
from concord.settings.direct import DPO
from concord.settings.imitation import SFT, Rejection
from concord.settings.learning import Learning
from concord.settings.methods import Method
from concord.settings.people import People
from concord.settings.recipe import Recipe
from concord.settings.rewards import Reward
from concord.settings.speaking import GRPO, PPO, RLOO, Rollouts
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
    "People",
    "Rank",
    "Recipe",
    "Rejection",
    "Reward",
    "Rollouts",
    "Sample",
    "Settings",
]
