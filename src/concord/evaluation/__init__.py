"""Evaluation: what held-out answers say about policies, in numbers, in a verdict, and on one page."""

from concord.evaluation.gate import decide
from concord.evaluation.overoptimisation import best_of_n, drift, training_curve
from concord.evaluation.page import page
from concord.evaluation.report import report
from concord.evaluation.reward_quality import card
from concord.evaluation.summary import Summary, summarise
from concord.evaluation.win_rate import Comparison, compare, usual_pairs

__all__ = [
    "Comparison",
    "Summary",
    "best_of_n",
    "card",
    "compare",
    "decide",
    "drift",
    "page",
    "report",
    "summarise",
    "training_curve",
    "usual_pairs",
]
