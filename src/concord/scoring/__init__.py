"""Scorers: everything that gives a completion a number."""

from concord.scoring.combined import Combined, Ensemble, Part
from concord.scoring.learned import Aspects, Learned
from concord.scoring.process import Process
from concord.scoring.segments import Segments

__all__ = ["Aspects", "Combined", "Ensemble", "Learned", "Part", "Process", "Segments"]
