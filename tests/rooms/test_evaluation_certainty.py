"""No spread is no certainty: what few numbers that are all alike may say, and what they may not."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from concord.annotation.measures import share_interval
from concord.errors import RecordError
from concord.evaluation.answered import answered, duels_of
from concord.evaluation.answers import number
from concord.evaluation.comparing import standings
from concord.evaluation.duels import Duel
from concord.evaluation.intervals import mean, share, wilson
from concord.evaluation.paired import contrast
from concord.evaluation.predicted import Label, powered
from concord.maths.statistics import cluster_error
from concord.stages.suites import estimate
from concord.suites.marks import means


def test_prompts_that_all_tell_the_same_have_wilsons_interval_of_the_prompts() -> None:
    """Two prompts, each won once and lost once: .5, and by Wilson of 1 in 2 anything from .095 to .905."""
    values, prompts = [1.0, 0.0, 1.0, 0.0], ["a", "a", "b", "b"]
    found = share(values, prompts)
    assert (found["value"], found["low"], found["high"]) == pytest.approx((0.5, 0.0945, 0.9055), abs=1e-4)
    rated = share_interval(values, prompts)
    assert rated is not None and (rated.low, rated.high) == pytest.approx((0.0945, 0.9055), abs=1e-4)
    # 0.1 + 0.2 is not 0.3 to the last bit, which is no spread either.
    chances = [0.1, 0.2, 0.3, 0.0] * 3
    found = share(chances, ["a", "a", "b", "b", "c", "c", "d", "d", "e", "e", "f", "f"])
    assert (found["low"], found["high"]) == pytest.approx(wilson(0.15 * 6, 6))
    assert cluster_error([0.3 - 0.2, 0.8 - 0.7, 0.6 - 0.5], list("abc"))[1] == 0
    assert cluster_error([0.1, 0.1 + 1e-9], list("ab"))[1] > 0


def test_a_mean_without_spread_reaches_as_far_as_its_bounds_let_it() -> None:
    """Of two questions none leans: by Wilson 66 % of others may, either way. Of 300, 1.3 %."""
    few = estimate(means([0.0, 0.0], ["a", "b"], "at most", (-1, 1)))
    assert (few["value"], few["low"], few["high"]) == pytest.approx((0, -0.6576, 0.6576), abs=1e-4)
    many = estimate(means([0.0] * 300, [str(place) for place in range(300)], "at most", (-1, 1)))
    assert many["high"] == pytest.approx(3.8415 / 303.8415, abs=1e-4)
    top = mean([8.0, 8.0], ["a", "b"], bounds=(0.0, 8.0))
    assert top["high"] == 8 and top["low"] == pytest.approx(8 * (1 - 0.6576), abs=1e-3)
    free = estimate(means([3.0, 3.0], ["a", "b"]))
    assert (free["value"], free["low"], free["high"]) == (3.0, None, None)
    spread = estimate(means([0.0, 1.0], ["a", "b"], "at most", (-1, 1)))
    assert spread["high"] == pytest.approx(0.5 + 12.7062 * 0.5)  # Student's, as without bounds


def test_rounding_is_no_evidence() -> None:
    three = [("a", 0.3, 0.2), ("b", 0.8, 0.7), ("c", 0.6, 0.5)]
    found = contrast("x", "y", "score", three)
    assert found is not None and (found.method, found.p) == ("sign test", 0.25)  # 2 / 2^3
    none = [(str(place), one, 0.0) for place in range(8) for one in (0.1, 0.2, -0.3)]
    found = contrast("x", "y", "score", none)
    assert found is not None and (found.method, found.p) == ("sign test", 1.0)


def test_few_prompts_of_the_judges_own_leave_peoples_word_alone() -> None:
    labels = [Label(str(place), float(place % 2), float(place % 2)) for place in range(20)]
    for far in ([1.0] * 3, [1.0] * 40, [1.0, 0.0] * 4):  # too few, no spread, too few
        found = powered(labels, [(f"far {place}", value) for place, value in enumerate(far)])
        assert (found.rate, found.weight, found.worth) == (found.alone, 0.0, None)
    enough = powered(labels, [(f"far {place}", float(place % 2)) for place in range(10)])
    assert enough.weight > 0


@pytest.mark.slow
def test_a_judge_with_few_prompts_of_its_own_covers_the_truth() -> None:
    """Thirty labels and ten other prompts, a judge who is right in 9 of 10: 95 % within two points, of 1,000 worlds."""
    random, held = np.random.default_rng(1), 0
    for _ in range(1000):
        people = (random.random(40) < 0.7).astype(float)
        said = np.where(random.random(40) < 0.9, people, 1 - people)
        labels = [Label(str(place), float(people[place]), float(said[place])) for place in range(30)]
        found = powered(labels, [(str(place), float(said[place])) for place in range(30, 40)]).rate
        held += (found["low"] or 0) <= 0.7 <= (found["high"] or 0)
    assert 925 <= held <= 975


def written(path: Path, rows: list[dict[str, object]]) -> Path:
    """A file of rows."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def row(policy: str, text: str, gold: object, **more: object) -> dict[str, object]:
    """One scored answer to the one prompt."""
    return {"policy": policy, "prompt_id": "p", "text": text, "gold": gold, "temperature": 1.0, **more}


def test_a_score_keeps_its_text_though_a_model_repeats_itself(tmp_path: Path) -> None:
    rows = [row("a", text, gold) for text, gold in (("yes", 1), ("yes", 1), ("a long answer", 9))]
    rows += [row("b", text, 5) for text in ("one", "two", "three", "four")]
    found = answered([written(tmp_path / "answers.jsonl", rows)])
    duels, _, _ = duels_of(found)
    assert [(duel.texts, duel.share) for duel in duels] == [
        (("yes", "one"), 0.0),
        (("yes", "two"), 0.0),
        (("a long answer", "three"), 1.0),
    ]
    assert "Scores left out of duels because the other model has fewer to the prompt: 1." in found.told


def test_a_model_does_not_meet_itself(tmp_path: Path) -> None:
    pair = {"instruction": "?", "output_1": "x", "output_2": "y", "annotator": "j", "preference": 1}
    rows: list[dict[str, object]] = [{**pair, "generator_1": "a", "generator_2": name} for name in ("a", "b")]
    found = answered([written(tmp_path / "annotations.jsonl", rows)])
    assert [(one.duel.a, one.duel.b) for one in found.readings] == [("a", "b")]
    assert any(told.endswith("because a model meets itself in them: 1.") for told in found.told)


def test_a_league_says_when_all_others_are_left_out() -> None:
    met = [Duel(str(place), "a", "b", 1.0) for place in range(30)]
    refused = standings(met, "a", {"b": "says one text to all"})
    assert refused is not None and refused["refused"] == "all but a are left out: b."


@pytest.mark.parametrize("value", [None, "warm", [1.0], True])
def test_a_temperature_that_is_no_number_is_named(tmp_path: Path, value: object) -> None:
    rows = [row("a", "x", 1), row("a", "y", 2, temperature=value)]
    with pytest.raises(RecordError, match=r"answers\.jsonl:2: `temperature` is no number"):
        answered([written(tmp_path / "answers.jsonl", rows)])


def test_a_number_beyond_all_floats_is_none() -> None:
    assert number(10**400) is None and number(-(10**400)) is None and number(10**300) == 1e300
    assert number(math.nan) is None
