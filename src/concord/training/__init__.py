"""Learning: one loop for every method, and what keeps it exact, watched and resumable."""

from concord.training.alarms import RULES, Alarms
from concord.training.checkpoint import Checkpoint, Checkpoints, Saving
from concord.training.diary import Diary
from concord.training.engine import Engine, Local
from concord.training.guard import Guard
from concord.training.loop import After, Batch, Feed, Objective, fit
from concord.training.notes import Loss, Note, Notes
from concord.training.optimizer import Optimizer, schedule
from concord.training.snapshot import network_tensors, restore_networks, restore_rng, rng_tensors

__all__ = [
    "RULES",
    "After",
    "Alarms",
    "Batch",
    "Checkpoint",
    "Checkpoints",
    "Diary",
    "Engine",
    "Feed",
    "Guard",
    "Local",
    "Loss",
    "Note",
    "Notes",
    "Objective",
    "Optimizer",
    "Saving",
    "fit",
    "network_tensors",
    "restore_networks",
    "restore_rng",
    "rng_tensors",
    "schedule",
]
