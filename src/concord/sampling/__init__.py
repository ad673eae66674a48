"""Samplers: everything that answers prompts."""

from concord.sampling.best_of import BestOf
from concord.sampling.cascade import Cascade
from concord.sampling.context import InContext
from concord.sampling.draw import Manner
from concord.sampling.local import Local
from concord.sampling.onward import Onward
from concord.sampling.remote import Remote
from concord.sampling.slots import Heard, Request, Said, Slots
from concord.sampling.vote import Vote

__all__ = [
    "BestOf",
    "Cascade",
    "Heard",
    "InContext",
    "Local",
    "Manner",
    "Onward",
    "Remote",
    "Request",
    "Said",
    "Slots",
    "Vote",
]
