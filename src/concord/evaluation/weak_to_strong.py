"""Weak to strong: how much of the gap to a strong model's own best a student of a weak supervisor has closed.

python -m concord.evaluation.weak_to_strong RUN WEAK STUDENT CEILING
"""

import math
import sys
from collections.abc import Sequence
from pathlib import Path

from concord.errors import RecordError
from concord.evaluation.answers import Row, by_prompt, number, temperatures
from concord.evaluation.intervals import Estimate
from concord.maths.statistics import gap_recovered, student_quantile
from concord.records.files import read_rows


def recovered(rows: Sequence[Row], weak: str, student: str, ceiling: str, temperature: float) -> Estimate:
    """The performance gap recovered, from the judge's scores of three policies on the same prompts.

    Its interval is the jackknife's: the ratio is worked out anew without each prompt in turn, and how much it
    moves tells how far it can be trusted. It has none if the gap closes without one of the prompts.
    """
    names = (weak, student, ceiling)
    scored = [row for row in rows if number(row["gold"]) is not None]
    found = [by_prompt(scored, name, temperature) for name in names]
    prompts = [prompt for prompt in found[0] if all(prompt in one for one in found)]
    if not prompts:
        raise RecordError(
            f"{weak}, {student} and {ceiling} have no judged answers to a common prompt at temperature {temperature}. "
            f"The policies are {', '.join(dict.fromkeys(str(row['policy']) for row in rows))}."
        )
    marks = [
        [sum(row["gold"] for row in one[prompt]) / len(one[prompt]) for prompt in prompts] for one in found
    ]
    totals, count = [sum(mark) for mark in marks], len(prompts)
    try:
        value = gap_recovered(*(total / count for total in totals))
    except ValueError as error:
        raise RecordError(
            f"{ceiling} does not stand above {weak}, so there is no gap to recover ({error}). Take a better ceiling."
        ) from error
    low, high = interval(totals, marks, value)
    return Estimate(value=value, low=low, high=high, n=count)


def interval(
    totals: Sequence[float], marks: Sequence[Sequence[float]], value: float
) -> tuple[float, float] | tuple[None, None]:
    """The jackknife's 95 % interval of the ratio, if it has one."""
    count = len(marks[0])
    if count == 1:
        return None, None
    without = []
    for place in range(count):
        rest = [(total - mark[place]) / (count - 1) for total, mark in zip(totals, marks, strict=True)]
        if not rest[2] > rest[0]:
            return None, None
        without.append(gap_recovered(*rest))
    middle = sum(without) / count
    error = math.sqrt((count - 1) / count * sum((one - middle) ** 2 for one in without))
    reach = student_quantile(0.95, count - 1) * error
    return value - reach, value + reach


def told(found: Estimate) -> str:
    """The result in one line."""
    span = "" if found["low"] is None else f" [{found['low']:.3f}, {found['high']:.3f}]"
    return f"performance gap recovered: {found['value']:.3f}{span}, on {found['n']} prompts"


if __name__ == "__main__":
    folder, weak, student, ceiling = sys.argv[1:]
    answers = list(read_rows(Path(folder) / "evaluate" / "answers.jsonl"))
    found = recovered(answers, weak, student, ceiling, temperatures(answers)[0])
    sys.stdout.write(told(found) + "\n")
