"""Samplers: everything that answers prompts."""

from concord.sampling.best_of import BestOf
from concord.sampling.draw import Manner
from concord.sampling.local import Local
from concord.sampling.remote import Remote
from concord.sampling.slots import Heard, Request, Said, Slots

__all__ = ["BestOf", "Heard", "Local", "Manner", "Remote", "Request", "Said", "Slots"]
