"""Milford, a small invented town in which a language model is aligned, and checked, within minutes."""

from concord.world.gold import GoldJudge, Verdict, known
from concord.world.milford import World
from concord.world.panel import Panel

__all__ = ["GoldJudge", "Panel", "Verdict", "World", "known"]
