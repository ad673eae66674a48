"""Generalisation: averages within taught tasks and across the others, by hand."""

import math

import pytest

from concord.errors import RecordError
from concord.evaluation.generalisation import generalisation, tasks_apart
from concord.maths.statistics import student_quantile


def rows(**marks: list[float]) -> list[dict[str, object]]:
    return [
        {"task": task, "prompt_id": f"{task}{number}", "mark": mark}
        for task, some in marks.items()
        for number, mark in enumerate(some)
    ]


def test_t7_averages_by_hand() -> None:
    """Each task counts once, whatever its size; tasks are what the interval is about."""
    found = generalisation(
        rows(a=[1, 1, 1, 0], b=[0.5], c=[0, 0, 0, 1, 0], d=[1], e=[0.1, 0.3]), taught=("a", "b"), enough=0.5
    )
    within, across = found["within"], found["across"]
    assert within["by_task"] == {"a": 0.75, "b": 0.5} and within["mean"] == 0.625
    assert (within["tasks"], within["rows"], within["passed"]) == (2, 5, 1)
    # two tasks: half their gap is the standard error, t of one degree of freedom
    reach = student_quantile(0.95, 1) * 0.125
    assert within["low"] == max(0, 0.625 - reach) and within["high"] == min(1, 0.625 + reach)
    assert across["by_task"] == pytest.approx({"c": 0.2, "d": 1.0, "e": 0.2})
    assert across["mean"] == pytest.approx(7 / 15) and across["passed"] == 1
    spread = math.sqrt(((0.2 - 7 / 15) ** 2 * 2 + (1 - 7 / 15) ** 2) / 2 / 3)
    assert across["high"] == pytest.approx(min(1, 7 / 15 + student_quantile(0.95, 2) * spread))


def test_t7_one_task_alone_is_judged_by_its_prompts() -> None:
    found = generalisation(rows(a=[1] * 30 + [0] * 10), taught=("a",), enough=0.75)
    z = 1.959964  # Wilson's interval of 30 of 40
    middle, reach = 0.75 + z**2 / 80, z * math.sqrt(0.75 * 0.25 / 40 + z**2 / 6400)
    assert found["within"]["low"] == pytest.approx((middle - reach) / (1 + z**2 / 40))
    assert found["within"]["high"] == pytest.approx((middle + reach) / (1 + z**2 / 40))
    assert found["within"]["passed"] == 0  # what is asked for must be exceeded
    assert found["across"] == {"tasks": 0, "rows": 0}


def test_t7_a_split_by_instruction_keeps_tasks_whole() -> None:
    tasks = [f"task {number}" for number in range(20)]
    taught, kept = tasks_apart([*tasks, *tasks], 0.25, 3)
    assert sorted(taught + kept) == sorted(tasks) and len(kept) == 5
    assert tasks_apart(list(reversed(tasks)), 0.25, 3) == (taught, kept) != tasks_apart(tasks, 0.25, 4)
    assert [len(part) for part in tasks_apart(["a", "b"], 0.01, 0)] == [1, 1]
    assert [len(part) for part in tasks_apart(["a", "b"], 0.99, 0)] == [1, 1]
    with pytest.raises(RecordError, match="1 tasks cannot be split"):
        tasks_apart(["a", "a"], 0.5, 0)
