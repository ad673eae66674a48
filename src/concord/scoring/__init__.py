"""Scorers: everything that gives a completion a number, and rankers that are not people."""

from concord.scoring.judge import Judge, Judgement, Reading
from concord.scoring.learned import Learned
from concord.scoring.ranked import Ordered
from concord.scoring.rubric import Rubric
from concord.scoring.rules import RULES, Rules, right_results, rules

__all__ = [
    "RULES",
    "Judge",
    "Judgement",
    "Learned",
    "Ordered",
    "Reading",
    "Rubric",
    "Rules",
    "right_results",
    "rules",
]
