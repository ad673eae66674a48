"""A run: the recipe that asks for it, and the folder in which its stages are finished one by one."""

from concord.runs.folder import Run
from concord.runs.lock import lock
from concord.runs.recipe import Loaded, load, resolved

__all__ = ["Loaded", "Run", "load", "lock", "resolved"]
