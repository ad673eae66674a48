"""Generalisation: how well a policy does what it was taught on new items, and what it was never taught at all."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from concord.errors import RecordError
from concord.evaluation.intervals import share
from concord.records import seed_of


def tasks_apart(tasks: Collection[str], share: float, seed: int) -> tuple[list[str], list[str]]:
    """The tasks to teach and those to keep back whole: a split by instruction, at least one on either side."""
    if len(set(tasks)) < 2 or not 0 < share < 1:
        raise RecordError(
            f"{len(set(tasks))} tasks cannot be split with a share of {share}: a split by instruction needs two "
            "tasks or more, and a share between 0 and 1."
        )
    order = sorted(set(tasks), key=lambda task: seed_of(seed, "task", task))
    kept = min(len(order) - 1, max(1, round(share * len(order))))
    return sorted(order[kept:]), sorted(order[:kept])


def generalisation(
    rows: Sequence[Mapping[str, Any]], taught: Collection[str], enough: float = 0.5
) -> dict[str, dict[str, Any]]:
    """Averages within the taught tasks and across the others, with 95 % intervals (book, 4.8 and 4.9).

    A row has `task`, `prompt_id` and `mark`, which is in 0..1: whether the answer is right, or how probable a right
    one is. Of each task the mean over its rows is taken, then the mean over tasks, so that a large task counts as a
    small one. The interval takes tasks as what was drawn; where there is one task alone, its prompts. `passed` is how
    many tasks have a mean above `enough`.
    """
    found = {}
    for name, wanted in (("within", True), ("across", False)):
        some = [row for row in rows if (row["task"] in taught) is wanted]
        found[name] = averages(some, enough) if some else {"tasks": 0, "rows": 0}
    return found


def averages(rows: Sequence[Mapping[str, Any]], enough: float) -> dict[str, Any]:
    """The mean over tasks of each one's mean, and its interval."""
    by_task: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        by_task.setdefault(str(row["task"]), []).append(row)
    means = {task: sum(float(row["mark"]) for row in some) / len(some) for task, some in by_task.items()}
    many = len(means) > 1  # tasks are what is independent; of one, prompts are
    found = share(
        list(means.values()) if many else [float(row["mark"]) for row in rows],
        list(means) if many else [str(row["prompt_id"]) for row in rows],
    )
    passed = sum(value > enough for value in means.values())
    return {
        "tasks": len(means),
        "rows": len(rows),
        "mean": found["value"],
        "low": found["low"],
        "high": found["high"],
        "passed": passed,
        "by_task": means,
    }
