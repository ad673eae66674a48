"""Settings: typed, frozen, few, and readable without loading any model library."""

from concord.settings.closed import Settings
from concord.settings.direct import DPO
from concord.settings.imitation import SFT, Rejection
from concord.settings.learning import Learning
from concord.settings.methods import Method
from concord.settings.recipe import Recipe
from concord.settings.rewards import Members, Ratings, Reward, Segments, Steps
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
    "Members",
    "Method",
    "Rank",
    "Ratings",
    "Recipe",
    "Rejection",
    "Reward",
    "Rollouts",
    "Sample",
    "Segments",
    "Settings",
    "Steps",
]
