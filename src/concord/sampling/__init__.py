"""Samplers: everything that answers prompts."""

from concord.sampling.best_of import BestOf
from concord.sampling.local import Local

__all__ = ["BestOf", "Local"]
