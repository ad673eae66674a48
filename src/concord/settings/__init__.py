"""Settings: typed, frozen, few, and readable without loading any model library."""

from concord.settings.closed import Settings
from concord.settings.direct import DPO
from concord.settings.imitation import SFT, Rejection
from concord.settings.judging import (
    Contains,
    Endpoint,
    Habits,
    Judging,
    Length,
    Matches,
    RightAnswer,
    ValidJson,
)
from concord.settings.learning import Learning
from concord.settings.methods import Method
from concord.settings.recipe import Recipe
from concord.settings.rewards import Members, Ratings, Reward, Segments, Steps
from concord.settings.speaking import (
    GRPO,
    PPO,
    RLOO,
    Expectation,
    GroupLoss,
    PPOLoss,
    Reinforce,
    ReMax,
    Rollouts,
)
from concord.settings.stages import Evaluate, Gate, Rank, Sample

__all__ = [
    "DPO",
    "GRPO",
    "PPO",
    "RLOO",
    "SFT",
    "Contains",
    "Endpoint",
    "Evaluate",
    "Expectation",
    "Gate",
    "GroupLoss",
    "Habits",
    "Judging",
    "Learning",
    "Length",
    "Matches",
    "Members",
    "Method",
    "PPOLoss",
    "Rank",
    "Ratings",
    "ReMax",
    "Recipe",
    "Reinforce",
    "Rejection",
    "Reward",
    "RightAnswer",
    "Rollouts",
    "Sample",
    "Segments",
    "Settings",
    "Steps",
    "ValidJson",
]
