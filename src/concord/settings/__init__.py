"""Settings: typed, frozen, few, and readable without loading any model library."""

from concord.settings.closed import Settings
from concord.settings.direct import (
    CPO,
    DPO,
    DPOP,
    KTO,
    MPO,
    ORPO,
    Alpha,
    Averaged,
    DiscoPOP,
    Fixed,
    Link,
    OnlineDPO,
    Plain,
    Renewed,
    SimPO,
    Smoothed,
)
from concord.settings.imitation import SFT, Between, Distill, Divergence, Rejection
from concord.settings.learning import Learning
from concord.settings.methods import Method
from concord.settings.recipe import Recipe
from concord.settings.rewards import Reward
from concord.settings.speaking import GRPO, PPO, RLOO, Rollouts
from concord.settings.stages import Evaluate, Gate, Rank, Sample

__all__ = [
    "CPO",
    "DPO",
    "DPOP",
    "GRPO",
    "KTO",
    "MPO",
    "ORPO",
    "PPO",
    "RLOO",
    "SFT",
    "Alpha",
    "Averaged",
    "Between",
    "DiscoPOP",
    "Distill",
    "Divergence",
    "Evaluate",
    "Fixed",
    "Gate",
    "Learning",
    "Link",
    "Method",
    "OnlineDPO",
    "Plain",
    "Rank",
    "Recipe",
    "Rejection",
    "Renewed",
    "Reward",
    "Rollouts",
    "Sample",
    "Settings",
    "SimPO",
    "Smoothed",
]
