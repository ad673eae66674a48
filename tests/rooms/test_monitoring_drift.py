"""Drift: planted where we know it, found where it was planted; and nothing found where there is none."""

import json
import math
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from tests.rooms.logs import MANNER, Habit, seen, served, without_words, write

from concord.errors import RecordError
from concord.monitoring import drift as drifts
from concord.monitoring import power, shifts
from concord.monitoring.drift import Reference, measure, sight, told, windows
from concord.monitoring.remedies import checklist
from concord.monitoring.seen import read_log
from concord.monitoring.sending import to_rank
from concord.monitoring.thumbs import split, turns
from concord.monitoring.wording import shows
from concord.records import Message, prompt_key

REFERENCE = Reference(seen(400, 7), MANNER, "model-a", "reward-a")


def test_the_stability_index_by_hand() -> None:
    """50 zeros and 50 ones, then 75 and 25; two bins that hold something, half a number more in each of three."""
    value, p = shifts.psi([0] * 50 + [1] * 50, [0] * 75 + [1] * 25)
    assert value == pytest.approx(25 / 101.5 * (math.log(75.5 / 50.5) - math.log(25.5 / 50.5)), rel=1e-12)
    assert p == pytest.approx(
        math.exp(-value / (2 / 100) / 2), rel=1e-9
    )  # chi-squared of two degrees of freedom


@pytest.mark.parametrize(("reference", "now"), [(100, 100), (400, 200), (1000, 150)])
def test_the_index_has_the_chance_that_it_claims(reference: int, now: int) -> None:
    rng = np.random.default_rng(0)
    found = [
        shifts.psi(rng.normal(size=reference).tolist(), rng.normal(size=now).tolist())[1] for _ in range(400)
    ]
    assert np.mean(np.array(found) < 0.05) == pytest.approx(0.05, abs=0.035)


def test_an_auc_is_the_share_of_pairs_in_the_right_order() -> None:
    assert shifts.auc(np.array([3.0, 1.0, 2.0]), np.array([2.0, 0.0])) == (2 + 1 + 1.5) / 6
    rng = np.random.default_rng(1)
    a, b = rng.normal(1, 1, 50).round(1), rng.normal(0, 1, 70).round(1)
    assert shifts.auc(a, b) == pytest.approx(stats.mannwhitneyu(a, b).statistic / (50 * 70), rel=1e-12)


def test_a_share_is_judged_by_fishers_test() -> None:
    found = shifts.rate("refused", [True] * 5 + [False] * 95, [True] * 20 + [False] * 80)
    assert (found.before, found.now, found.value) == (0.05, 0.2, 0.2)
    assert found.p == pytest.approx(stats.fisher_exact([[5, 95], [20, 80]]).pvalue)
    assert found.low == pytest.approx(0.1333669, abs=1e-6) and found.high == pytest.approx(
        0.2888292, abs=1e-6
    )


def test_a_stream_is_split_where_it_changes() -> None:
    place, earliest, latest = split([True] * 40 + [False] * 20)
    assert place == 40 and earliest <= 40 <= latest <= 42


def test_a_fall_of_thumbs_is_found_with_its_place() -> None:
    rng = random.Random(3)
    stream = [rng.random() < 0.85 for _ in range(500)] + [rng.random() < 0.5 for _ in range(300)]
    (turn,) = turns(stream, 0.01)
    assert turn.fell and turn.earliest <= 500 <= turn.latest and abs(turn.place - 500) < 40
    assert turn.before[0] == sum(stream[: turn.place]) / turn.place
    assert not turns(stream[:500], 0.01)
    rise = turns([not one for one in stream], 0.01)
    assert rise and not rise[0].fell


def test_windows_take_every_request_once() -> None:
    rows = seen(450, 1)
    found = windows(rows, 100)
    assert [(one.first, len(one.rows)) for one in found] == [(0, 100), (100, 100), (200, 100), (300, 150)]
    assert [len(one.rows) for one in windows(rows[:70], 100)] == [70]


@pytest.mark.parametrize(
    ("text", "declines"),
    [
        ("I am sorry, but I cannot help with that.", True),
        ("I will not help with that because it is wrong.", True),
        ("I can\u2019t provide that.", True),
        ("I'm not able to answer this.", True),
        ("No, that goes against my guidelines.", True),
        ("You cannot miss it: the bakery is on High Street.", False),
        ("Sorry, I do not know about that place.", False),
        ("Boil the water. You will not need milk.", False),
        ("The library will not open on Monday.", False),
    ],
)
def test_refusals_are_told_by_how_they_begin(text: str, declines: bool) -> None:
    assert shows("refusal", text) is declines
    assert not shows("refusal", "word " * 160 + text)


def test_a_log_is_read_with_the_last_word_on_each_answer(tmp_path: Path) -> None:
    rows = seen(40, 5, Habit(rated=0.0))
    write(tmp_path, rows)
    with (tmp_path / "requests.jsonl").open("a") as file:
        file.write(json.dumps({"id": "cmpl-1", "kind": "text"}) + "\n")
        file.write(json.dumps({"id": "x", "kind": "chat", "gone": True, "choices": []}) + "\n")
        file.write('{"id": "half')
    said = [
        {"id": rows[0].id, "thumbs": "up"},
        {"id": rows[0].id, "thumbs": "down", "correction": "so"},
        {"id": rows[1].id, "choice": 1, "thumbs": "down"},
        {"id": "nobody", "thumbs": "down"},
    ]
    (tmp_path / "feedback.jsonl").write_text("".join(json.dumps(one) + "\n" for one in said))
    log = read_log(tmp_path)
    assert log.aside == {"plain texts": 1, "clients that left": 1, "feedback on other answers": 2}
    assert log.rows[0] == replace(rows[0], thumbs=False, correction="so")
    assert list(log.rows[1:]) == rows[1:]
    (tmp_path / "requests.jsonl").write_text('{"id": "a"\n')
    with pytest.raises(RecordError, match=r"requests\.jsonl:1 is not JSON"):
        read_log(tmp_path)
    (tmp_path / "requests.jsonl").write_text('{"id": "a", "kind": "chat", "choices": []}\n')
    with pytest.raises(RecordError, match="the row of 'a' is not as"):
        read_log(tmp_path)
    (tmp_path / "requests.jsonl").write_text('{"prompt_id": "a", "kind": "chat", "choices": []}\n')
    with pytest.raises(RecordError, match=r"requests\.jsonl:1 is no row of a log: it has no `id`"):
        read_log(tmp_path)
    write(tmp_path, rows)
    (tmp_path / "feedback.jsonl").write_text(json.dumps({"id": rows[0].id, "thumbs": ["up"]}) + "\n")
    with pytest.raises(RecordError, match="is neither up nor down"):
        read_log(tmp_path)
    with pytest.raises(RecordError, match="concord serve --log"):
        read_log(tmp_path / "none")


@pytest.mark.slow
def test_what_one_window_lacks_is_measured_in_the_others() -> None:
    """A first window with longer answers, and a second one drawn at another temperature."""
    rows = served([(200, Habit(words=30)), (200, Habit())], 4)
    rows = [without_words(one) for one in rows[:200]] + [
        replace(without_words(one), manner=(0.2, 1.0, 1, 100)) for one in rows[200:]
    ]
    found = measure(rows, REFERENCE, 200)
    assert "answer words" not in found.missing and "topic" in found.missing
    assert [("answer words" in window.missing) for window in found.windows] == [False, True]
    assert {one["measure"] for one in told(found, rows)["alarms"]} >= {"answer words (KS)"}
    assert "answer words" in sight(found, rows, REFERENCE) or len(found.windows[-1].rows) < 200


def test_a_rise_that_cannot_be_found_is_none() -> None:
    """190 of 200 before and 30 of 30 now are no sign by Fisher's test, so no rise would have been seen."""
    assert power.least_rise(0.95, 200, 30, 0.04 / 50) is None
    assert stats.fisher_exact([[190, 10], [30, 0]]).pvalue > 0.3
    found = power.least_rise(0.5, 200, 200, 0.04)
    assert found is not None and 0.6 < found < 0.7


@pytest.mark.slow
def test_answers_drawn_otherwise_are_not_compared_and_that_is_told() -> None:
    rows = [replace(one, manner=(0.2, 1.0, 1, 100)) for one in seen(200, 2)]
    found = measure(rows, REFERENCE, 100)
    assert found.missing.keys() == {"answer words", "log-probability", "reward", "refused", "cut off"}
    steps = checklist([], rows, REFERENCE, 0)
    assert "0% [0%, 2%] of 200 answers were drawn as the evaluated ones" in steps[0]["because"]


@pytest.mark.slow
def test_rewards_of_another_model_are_not_compared() -> None:
    rows = [replace(one, scored_by="other") for one in seen(100, 2)]
    assert "reward" in measure(rows, REFERENCE, 100).missing


def test_a_log_without_words_is_measured_by_its_numbers() -> None:
    rows = [without_words(one) for one in served([(200, Habit()), (200, Habit(words=30))], 4)]
    found = measure(rows, REFERENCE, 200)
    alarms = told(found, rows)["alarms"]
    assert {one["measure"] for one in alarms} == {"answer words (KS)", "answer words (PSI)"}
    assert {one["window"] for one in alarms} == {2} and "topic" in found.missing
    assert to_rank(found, rows, REFERENCE, 10)[0] == []


@pytest.mark.parametrize("different", [1, 2, 9])
def test_questions_that_are_nearly_all_the_same_are_not_told_apart_by_their_words(different: int) -> None:
    """As those of whoever asks one question again and again to see whether the server lives."""
    asked = sorted({one.asked for one in seen(200, 3) if one.asked})[:different]
    rows = [replace(one, asked=asked[place % different]) for place, one in enumerate(seen(60, 2))]
    found = measure(rows, REFERENCE, 60)
    assert (
        found.missing["topic"] == f"a window of the log asks {different} different questions; 10 are needed"
    )
    few = replace(REFERENCE, rows=[replace(one, asked="alive?") for one in REFERENCE.rows])
    assert "the reference asks 1 different questions" in measure(seen(60, 2), few, 60).missing["topic"]


def test_another_model_than_the_evaluated_one_is_the_first_thing_to_say() -> None:
    rows = [replace(one, content="model-b") for one in seen(40, 2)]
    steps = checklist([], rows, REFERENCE, 0)
    assert steps[0]["because"] == "40 of 40 answers are of another model (model-b)"


def test_what_is_sent_back_has_reasons_and_comes_once() -> None:
    base = [replace(one, thumbs=None, reward=0.5) for one in seen(60, 8)]
    median = float(np.median([one.reward or 0.0 for one in REFERENCE.rows]))
    base[3] = replace(base[3], thumbs=False, reward=median + 1)
    base[4] = replace(base[4], reward=-5.0)
    base[5] = replace(base[5], thumbs=True, reward=-5.0)
    base[6] = replace(base[3], id="again", reward=None)
    base[7] = replace(base[7], correction="so")
    drift = measure(base, REFERENCE, 60)
    prompts, why = to_rank(drift, base, REFERENCE, 10)
    reasons = {one["id"]: one["because"] for one in why}
    assert reasons[base[3].id] == ["thumbs down", "people and the reward model disagree"]
    assert reasons[base[5].id] == ["low reward", "people and the reward model disagree"]
    assert reasons[base[4].id] == ["low reward"] and reasons[base[7].id] == ["corrected"]
    assert len(prompts) == len({one.id for one in prompts}) == 4
    assert prompts[0].id == prompt_key(prompts[0].messages) and prompts[0].messages[0] == Message(
        "user", str(base[5].asked)
    )
    assert len(to_rank(drift, base, REFERENCE, 2)[0]) == 2


PLANTED = {
    "question words": (Habit(longer=2), {"question words (KS)", "question words (PSI)", "topic (AUC)"}),
    "topic": (Habit(other_topics=0.3), {"topic (AUC)"}),
    "answer words": (Habit(words=26), {"answer words (KS)", "answer words (PSI)"}),
    "log-probability": (Habit(logprob=-1.4), {"log-probability (KS)", "log-probability (PSI)"}),
    "reward": (Habit(reward=-0.4), {"reward (KS)", "reward (PSI)"}),
    "refused": (Habit(refused=0.3), {"refused"}),
    "cut off": (Habit(cut=0.25), {"cut off"}),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", PLANTED)
def test_planted_drift_is_found_in_its_own_window_and_its_step_names_the_number(name: str) -> None:
    """From request 600 on, in windows of 200: the fourth."""
    habit, expected = PLANTED[name]
    rows = served([(600, Habit()), (400, habit)], 11)
    found = told(measure(rows, REFERENCE), rows)
    alarms = [one for one in found["alarms"] if one["window"] <= 4]
    assert {one["window"] for one in alarms} == {4} and {one["first"] for one in alarms} == {600}
    assert expected <= {one["measure"] for one in alarms}
    assert all(len(one["samples"]) == 3 for one in alarms)
    steps = [one["because"] for one in checklist(found["alarms"], rows, REFERENCE, 0)]
    assert any(why.startswith(name) and "window 4" in why and "request 600" in why for why in steps)


@pytest.mark.slow
def test_falling_thumbs_are_found_between_the_places_that_are_stated() -> None:
    rows = served([(1000, Habit()), (800, Habit(liked=0.5))], 12)
    found = told(measure(rows, REFERENCE), rows)
    (alarm,) = found["alarms"]
    first, last = alarm["between"]
    assert alarm["measure"] == "thumbs (ADWIN)" and first <= 1000 <= last and last - first < 200
    assert all(one["text"] for one in alarm["samples"])


@pytest.mark.slow
@pytest.mark.long
def test_ten_windows_without_drift_raise_no_alarm_more_often_than_stated() -> None:
    """Twenty logs of ten windows each at 5 %: more than three with an alarm would come once in sixty times."""
    wrong = 0
    for seed in range(20):
        rows = served([(10 * 60, Habit())], 100 + seed)
        found = told(measure(rows, Reference(seen(200, seed), MANNER, "model-a", "reward-a"), 60), rows)
        assert len(found["windows"]) == 10 and len(found["alarms"]) <= 1
        wrong += bool(found["alarms"])
    assert wrong <= 3


@pytest.mark.slow
def test_what_would_have_been_seen_is_seen_four_times_out_of_five() -> None:
    """The drift that the report calls visible, planted thirty times over."""
    rows = served([(600, Habit())], 13)
    drift = measure(rows, REFERENCE)
    visible = sight(drift, rows, REFERENCE)
    alpha = drift.level / drift.looks
    rng = np.random.default_rng(0)
    old = [one.reward or 0.0 for one in REFERENCE.rows]
    step = visible["reward"]["standard deviations"] * float(np.std(old))
    hits = sum(
        shifts.shifted("reward", old, (rng.choice(old, 200) + step).tolist())[0].p < alpha for _ in range(100)
    )
    assert hits >= 70
    share, rise = visible["refused"]["from"], visible["refused"]["to"]
    was = [place < round(share * 400) for place in range(400)]
    hits = sum(shifts.rate("refused", was, (rng.random(200) < rise).tolist()).p < alpha for _ in range(100))
    assert hits >= 65  # Fisher's test is a little more careful than the approximation
    up, fall = visible["thumbs"]["from"], visible["thumbs"]["fall"]
    half = visible["thumbs"]["thumbs"] // 2
    streams = [[*(rng.random(half) < up), *(rng.random(half) < up - fall)] for _ in range(60)]
    assert sum(any(turn.fell for turn in turns(one, drifts.OF_THUMBS)) for one in streams) >= 0.65 * 60
    assert power.least_auc(400, 200, alpha) == pytest.approx(
        0.5 + (stats.norm.isf(alpha) + stats.norm.isf(0.2)) * math.sqrt(601 / (12 * 400 * 200))
    )
