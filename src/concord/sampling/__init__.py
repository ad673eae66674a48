"""Samplers: everything that answers prompts."""

from concord.sampling.best_of import BestOf
from concord.sampling.context import InContext
from concord.sampling.draw import Manner
from concord.sampling.local import Local
from concord.sampling.slots import Heard, Request, Said, Slots

__all__ = ["BestOf", "Heard", "InContext", "Local", "Manner", "Request", "Said", "Slots"]
