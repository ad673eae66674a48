"""Where a run stands, read off its folder: who is at work, what is done, what the policy said."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.rooms import runfolders

from concord.monitoring import signs
from concord.monitoring.samples import gallery
from concord.monitoring.shelf import Shelf
from concord.monitoring.standing import alive, standing

NOW = 1_800_000_000.0


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return runfolders.begun(tmp_path / "one", overrides=["seed=1"])


def look(run: Path) -> dict[str, tuple[str, float | None, int | None]]:
    return {one.name: (one.state, one.seconds, one.step) for one in standing(Shelf(run), NOW).stages}


def test_stages_stand_in_order_with_their_state_seconds_and_step(run: Path) -> None:
    runfolders.making(run, "sft", 3)
    runfolders.finish(run, "sft", 7.5)
    runfolders.making(run, "rivals/dpo", 2)
    runfolders.making(run, "align", 4)
    runfolders.locked(run, ".locks/align.lock")
    runfolders.locked(run)
    now = standing(Shelf(run), NOW)
    names = ["sft", "sample", "rank", "reward", "align", "rivals/dpo", "evaluate", "gate"]
    assert [one.name for one in now.stages] == names and now.state == "at work"
    assert look(run) == {
        "sft": ("done", 7.5, 3),
        "align": ("at work", 8.0, 4),
        "rivals/dpo": ("stopped", 4.0, 2),
        **{name: ("waiting", None, None) for name in ("sample", "rank", "reward", "evaluate", "gate")},
    }
    assert now.following == "align" and now.learning == ["sft", "align", "rivals/dpo"]
    assert now.made == {"concord": "0.1.0", "seed": "1", "recipe": "recipe.yaml", "overrides": "seed=1"}


def test_a_verdict_is_told_with_its_reasons(run: Path) -> None:
    runfolders.write(run / "gate" / "verdict.json", {"go": False, "because": ["too long", 3]})
    (run / "report.html").touch()
    now = standing(Shelf(run), NOW)
    assert (now.state, now.go, now.because, now.report) == ("done", False, ("too long", "3"), True)


def test_a_verdict_about_an_earlier_policy_is_none_about_this_one(run: Path) -> None:
    for name, key in (("align", "k1"), ("gate", "k2")):
        runfolders.making(run, name, 0, key)
        runfolders.finish(run, name, key=key, made_from={"align": "k1"} if name == "gate" else {})
    runfolders.write(run / "gate" / "verdict.json", {"go": True, "because": ["so"]})
    now = standing(Shelf(run), NOW)
    assert (now.state, now.go, look(run)["gate"][0]) == ("done", True, "done")
    shutil.rmtree(run / "align")
    runfolders.making(run, "align", 0, "k3")
    runfolders.finish(run, "align", key="k3")
    now = standing(Shelf(run), NOW)
    assert (now.state, now.go, now.because) == ("waiting", None, ())
    assert (look(run)["align"][0], look(run)["gate"][0]) == ("done", "waiting")


def test_a_lock_that_a_killed_process_left_holds_nobody(run: Path) -> None:
    runfolders.making(run, "align", 1)
    dead = subprocess.Popen([sys.executable, "-c", "pass"])
    end = time.monotonic() + 10
    while alive(dead.pid) and time.monotonic() < end:
        time.sleep(0.01)  # it has ended and nobody has asked how: it is not at work
    runfolders.locked(run, pid=dead.pid)
    assert standing(Shelf(run), NOW).state == "stopped"
    dead.wait()
    assert standing(Shelf(run), NOW).state == "stopped"
    runfolders.locked(run, host="another")
    assert standing(Shelf(run), NOW).state == "at work"  # it cannot be asked from here
    (run / ".lock").write_text('{"pid": ', encoding="utf-8")
    assert standing(Shelf(run), NOW).state == "stopped"
    assert alive(os.getpid()) and not alive(0) and not alive(2**22 + 1)


def test_whatever_stands_in_the_files_a_run_can_be_looked_at(run: Path) -> None:
    stage = runfolders.making(run, "align", 2)
    for name in (
        "metrics.jsonl",
        "alarms.jsonl",
        "watch.jsonl",
        "rollouts/000000.jsonl",
        "rollouts/000001.jsonl",
    ):
        (stage / name).parent.mkdir(exist_ok=True)
        (stage / name).write_bytes(
            b'[1]\n{"step": "x"}\n{"step": 1e999}\n{"prompt": 3, "text": 4}\n\xff\xfe\n{"st'
        )
    runfolders.write(run / "gate" / "verdict.json", {"go": "perhaps", "because": 3})
    (run / ".lock").write_bytes(b"\xff")
    now = standing(Shelf(run), NOW)
    assert (now.go, now.because, now.state) == (None, (), "stopped")
    shelf = Shelf(run) / "align.partial"
    assert signs.alarms(shelf) == [] and signs.looks(shelf) == [] and gallery(shelf).pairs == ()


def test_alarms_have_their_answers_and_looks_their_intervals(run: Path) -> None:
    runfolders.watched(run)
    shelf = Shelf(run) / "align.partial"
    (alarm,) = signs.alarms(shelf)
    assert (alarm.step, alarm.rule, alarm.value, alarm.limit, alarm.first) == (30, "length ", 9.5, 8.0, 28)
    assert [one.text for one in alarm.samples] == ["so ", "a text alone", "another"]
    assert alarm.samples[0].prompt == (("user", "why "),) and alarm.note == "screening signal"
    looks = signs.looks(shelf)
    assert [(one.step, one.root, one.past_peak) for one in looks] == [(10, 1, 0), (20, 2, 0), (30, 3, 1)]
    found = signs.outcome(shelf)
    assert found.peak == 2.0 and " ".join(found.words) == (
        "Gold was best at step 20. The chance that its peak is past is 93%. "
        "Learning was ended at step 30 by the rule gold  (roll-back). The weights are those of step 20."
    )
    assert signs.outcome(Shelf(run)) == signs.Outcome(None, ())
    assert looks[0].gold == signs.Estimate(0.5, 0.4, 0.6) and looks[0].proxy == signs.Estimate(
        1.0, None, None
    )


def test_the_same_prompt_is_shown_then_and_now_or_one_that_is_alike(run: Path) -> None:
    rollouts = runfolders.making(run, "align", 1) / "rollouts"
    said = runfolders.completion
    runfolders.add(
        rollouts / "000000.jsonl", [said("How do I boil an egg?", "a"), said("Where is the sea?", "b")]
    )
    runfolders.add(rollouts / "000001.jsonl", [said("Why is grass green?", "c")])
    last = [
        said("Why is grass green?", "d", 5, "length"),
        said("How do I boil two eggs?", "e"),
        said("Name a colour", "f"),
        said("Why is grass green?", "not the first answer to it"),
    ]
    runfolders.add(rollouts / "000002.jsonl", last)
    runfolders.write(rollouts / "000002.scores.json", {"scores": [1.5, 2.5]})
    found = gallery(Shelf(run) / "align.partial")
    told = [(one.before and one.before.text, one.round, one.same, one.now.text) for one in found.pairs]
    assert found.round == 2
    assert told == [("c", 1, True, "d"), ("a", 0, False, "e"), (None, None, False, "f")]
    assert [one.now.score for one in found.pairs] == [1.5, 2.5, None]
    assert (found.pairs[0].now.length, found.pairs[0].now.cut, found.pairs[1].now.cut) == (5, True, False)


def test_a_text_that_no_page_can_hold_says_what_is_left_out(run: Path) -> None:
    rollouts = runfolders.making(run, "align", 1) / "rollouts"
    runfolders.add(rollouts / "000000.jsonl", [runfolders.completion("long", "x" * 7000)])
    (pair,) = gallery(Shelf(run) / "align.partial").pairs
    assert pair.now.text.endswith("x [... 1,000 more characters]")
