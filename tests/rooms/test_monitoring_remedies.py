"""What is shown and said of drift is of the answers that were compared, and of how they were drawn."""

from dataclasses import replace

import pytest
from tests.rooms.logs import MANNER, Habit, seen

from concord.monitoring.drift import Reference, measure, told
from concord.monitoring.remedies import checklist

REFERENCE = Reference(seen(200, 1), MANNER, "model-a", "reward-a")


@pytest.mark.slow
def test_an_alarm_shows_answers_that_were_compared() -> None:
    """Every second answer was drawn otherwise and is far longer; of those nothing was found."""
    rows = [
        replace(one, manner=(0.2, 1.0, 1, 512), words=400.0, text="drawn otherwise") if place % 2 else one
        for place, one in enumerate(seen(400, 2, Habit(words=30)))
    ]
    alarms = [one for one in told(measure(rows, REFERENCE, 200), rows)["alarms"] if "words" in one["measure"]]
    assert alarms and all(one["now"] < 100 for one in alarms)
    assert not [one for alarm in alarms for one in alarm["samples"] if one["text"] == "drawn otherwise"]


def test_the_checklist_says_how_the_evaluated_answers_were_drawn() -> None:
    reference = replace(REFERENCE, manner=(0.7, 0.9, 4, 64))
    (step,) = checklist([], seen(50, 2), reference, 0)
    assert "(temperature 0.7, top-p 0.9, the best of 4, at most 64 tokens)" in step["because"]
