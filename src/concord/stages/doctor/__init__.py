"""A recipe looked through before any weight is loaded: its data, how they become ids, and what they will cost."""

from collections.abc import Callable, Iterator

from concord.errors import ModelError
from concord.monitoring.remark import LEVELS, Remark
from concord.runs import Loaded, Run
from concord.stages.doctor import budget, ids, judges, labels, who
from concord.stages.doctor.brought import Brought
from concord.stages.plan import plan

CHECKS: tuple[Callable[[Brought], Iterator[Remark]], ...] = (
    who.folders,
    who.judges,
    ids.lengths,
    ids.room,
    ids.endings,
    ids.round_trip,
    labels.signal,
    labels.contradictions,
    labels.leaks,
    labels.persons,
    labels.leanings,
    budget.arithmetic,
    judges.asked,
    budget.cost,
)
"""Every check, in the order in which they are told."""


def checkup(loaded: Loaded, run: Run) -> list[Remark]:
    """Everything that is to be said of a recipe, the gravest first."""
    plan(loaded)  # what a recipe forgets to name is an error of its own
    brought = Brought(loaded, run, [])
    found: dict[Remark, None] = {}
    for check in CHECKS:
        try:
            found |= dict.fromkeys(check(brought))
        except (
            ModelError
        ) as error:  # a chat template that refuses what was brought; told once, whoever met it
            found[Remark("error", "template", str(brought.model), str(error))] = None
    return sorted([*brought.remarks, *found], key=lambda one: LEVELS.index(one.level))
