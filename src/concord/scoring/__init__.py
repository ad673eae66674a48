"""Scorers: everything that gives a completion a number."""

from concord.scoring.learned import Learned

__all__ = ["Learned"]
