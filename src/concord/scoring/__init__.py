"""Scorers: everything that gives a completion a number, and rankers that are not people."""

from concord.scoring.combined import Combined, Ensemble, Part
from concord.scoring.judge import Judge, Judgement, Reading
from concord.scoring.learned import Aspects, Learned
from concord.scoring.likelihood import Likelihood
from concord.scoring.process import Process
from concord.scoring.ranked import Ordered
from concord.scoring.rubric import Rubric
from concord.scoring.rules import RULES, Rules, right_results, rules
from concord.scoring.segments import Segments

__all__ = [
    "RULES",
    "Aspects",
    "Combined",
    "Ensemble",
    "Judge",
    "Judgement",
    "Learned",
    "Likelihood",
    "Ordered",
    "Part",
    "Process",
    "Reading",
    "Rubric",
    "Rules",
    "Segments",
    "right_results",
    "rules",
]
