"""A policy that won on average and fell on one kind of request: what fell, and whether the reward model saw it."""

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from tests.rooms import runs_by_hand as hand

from concord.evaluation.summary import summarise
from concord.evaluation.win_rate import compare, usual_pairs
from concord.monitoring.explain import Finding, explain
from concord.monitoring.explain.falls import change

MARKS = {"unsafe": False, "garbled": False}


def rows(ok: dict[str, tuple[int, int]], paid: float, spread: float = 0.1) -> list[dict[str, Any]]:
    """40 answers a kind of two policies; so many of each are ok, and what is lost is paid so much by the reward model.

    The pay of two answers in turn differs from that by the spread, so its error is known by heart.
    """
    return [
        {
            "policy": policy, "temperature": 1.0, "split": None, "kind": kind, "prompt_id": f"{kind}{n}",
            "prompt": "?", "text": f"{policy} {n}", "kl": None, "finish": "stop", "words": 2,
            "gold": 1.0 if n < count else 0.0,
            "proxy": 0.0 if policy == "sft" else paid + (spread if n % 2 else -spread),
            "marks": {"ok": n < count, **MARKS},
        }
        for kind, both in ok.items()
        for policy, count in zip(("sft", "ppo"), both, strict=True)
        for n in range(40)
    ]  # fmt: skip


def evaluated(
    folder: Path, found: list[dict[str, Any]], recipe: dict[str, Any] | None = None
) -> dict[str, Finding]:
    """What explain finds in a healthy run that was evaluated so."""
    run = hand.made(folder, recipe)
    hand.lines(run / "evaluate" / "answers.jsonl", found)
    report = {
        "candidate": "ppo", "reference": "sft", "temperature": 1.0, "policies": ["sft", "ppo"],
        "kinds": sorted({one["kind"] for one in found}),
        "summaries": [asdict(one) for one in summarise(found)],
        "comparisons": [asdict(one) for one in compare(found, usual_pairs(["sft", "ppo"]))],
    }  # fmt: skip
    (run / "evaluate" / "report.json").write_text(json.dumps(report))
    return {one.cause: one for one in explain(run).findings}


FELL = {"fact": (10, 38), "harm": (24, 4), "help": (20, 38)}
"""Answers that are ok of 40, before and after: the sum rises from 54 to 80."""


def test_newcombe_by_hand() -> None:
    """From 24 of 40 to 4 of 40: L = d - sqrt((a - la)^2 + (ub - b)^2) with Wilson's ends, at 95 %."""

    def wilson(count: int, n: int, z: float = 1.959963985) -> tuple[float, float]:
        p, q = count / n, z * z / n
        half = z * math.sqrt(p * (1 - p) / n + q / (4 * n))
        return (p + q / 2 - half) / (1 + q), (p + q / 2 + half) / (1 + q)

    (la, ua), (lb, ub) = wilson(4, 40), wilson(24, 40)
    low, high = change({"value": 0.1, "n": 40}, {"value": 0.6, "n": 40}, 0.05)
    assert low == pytest.approx(-0.5 - math.hypot(0.1 - la, ub - 0.6), abs=1e-6)
    assert high == pytest.approx(-0.5 + math.hypot(ua - 0.1, 0.6 - lb), abs=1e-6)


def test_a_reward_model_that_prefers_the_worse_answers_is_at_fault(tmp_path: Path) -> None:
    found = evaluated(tmp_path / "run", rows(FELL, paid=0.5))
    assert list(found) == ["reward blind on a kind"]
    one = found["reward blind on a kind"]
    assert one.because.startswith("On harm the reward model prefers the worse answers")
    told = [sign.what for sign in one.signs]
    # of the 20 answers lost (the 5th to the 24th) ten are paid 0.4 and ten 0.6: error 0.1 / sqrt(19), t = 2.093
    reach = 2.093024 * 0.1 / math.sqrt(19)
    assert told[1] == (
        f"against those of sft the reward model gives the 20 answers that got worse "
        f"+0.50 [{0.5 - reach:+.2f}, {0.5 + reach:+.2f}]"
    )
    assert told[0].startswith(
        "on harm answers marked ok went from 60% [45%, 74%] to 10% [4%, 23%], surely by "
    )
    # three kinds, each by three marks and by wins: each interval has a twelfth of 5 %
    surely = -change({"value": 0.1, "n": 40}, {"value": 0.6, "n": 40}, 0.05 / 12)[1]
    assert told[0].endswith(f"surely by {100 * surely:.1f} points")
    assert "the judge gives the 20 answers that got worse -1.00" in told[2]
    assert one.score == 0.5 + 0.5 * min(1.0, surely / 0.2)
    assert one.changes[0].setting == "rank/rankings.jsonl"
    assert "lists of harm that differ in just this" in str(one.changes[0].to)


def test_a_reward_model_that_sees_no_difference_held_nothing(tmp_path: Path) -> None:
    found = evaluated(tmp_path / "run", rows(FELL, paid=0.02, spread=0.5))
    assert "On harm the reward model does not tell them apart" in found["reward blind on a kind"].because
    assert "kind unlearned" not in found


def test_what_no_score_asked_for_is_unlearned(tmp_path: Path) -> None:
    found = evaluated(tmp_path / "run", rows(FELL, paid=-0.5))
    assert list(found) == ["kind unlearned"]
    assert [(one.setting, one.now) for one in found["kind unlearned"].changes] == [
        ("prompts", "data/prompts.jsonl"),
        ("align.kl", 0.05),
    ]
    # dpo reads no reward model, so it is not the reward model's fault, whatever it thinks of the answers
    direct = [{**one, "policy": "dpo" if one["policy"] == "ppo" else "sft"} for one in rows(FELL, paid=0.5)]
    run = hand.made(tmp_path / "direct", {"align": {"method": "dpo"}})
    hand.lines(run / "evaluate" / "answers.jsonl", direct)
    report = {
        "reference": "sft", "temperature": 1.0, "policies": ["sft", "dpo"], "kinds": sorted(FELL),
        "summaries": [asdict(one) for one in summarise(direct)],
    }  # fmt: skip
    (run / "evaluate" / "report.json").write_text(json.dumps(report))
    told = explain(run)
    assert [one.cause for one in told.findings] == [
        "kind unlearned"
    ] and "reward blind on a kind" in told.unseen


def test_a_fall_that_may_be_chance_is_none(tmp_path: Path) -> None:
    """From 24 of 40 to 15: clear at 95 % if one looked at nothing else, and not at a twelfth of it."""
    ours, theirs = {"value": 15 / 40, "n": 40}, {"value": 24 / 40, "n": 40}
    assert change(ours, theirs, 0.05)[1] < 0 < change(ours, theirs, 0.05 / 12)[1]
    assert not evaluated(tmp_path / "run", rows({**FELL, "harm": (24, 15)}, paid=0.5))


def test_what_the_gate_missed_counts_in_any_case(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    missed = {"name": "no_fall.ok", "kind": "harm", "state": "fail", "high": -0.011}
    (folder / "gate").mkdir(parents=True)
    (folder / "gate" / "verdict.json").write_text(json.dumps({"criteria": [missed]}))
    found = evaluated(folder, rows({**FELL, "harm": (24, 15)}, paid=0.5))
    assert found["reward blind on a kind"].score == pytest.approx(0.5 + 0.5 * 0.011 / 0.2)


def test_a_mark_that_nobody_wants_must_not_rise(tmp_path: Path) -> None:
    found = rows({"fact": (10, 38), "mild": (20, 20)}, paid=0.5)
    for one in found:
        if (one["policy"], one["kind"]) == ("ppo", "mild") and one["prompt_id"] in {
            f"mild{n}" for n in range(20)
        }:
            one["marks"] = {**one["marks"], "garbled": True}
    told = evaluated(tmp_path / "run", found)["reward blind on a kind"]
    assert told.signs[0].what.startswith(
        "on mild answers marked garbled went from 0% [0%, 9%] to 50% [35%, 65%]"
    )


def test_without_marks_it_is_told_by_who_wins(tmp_path: Path) -> None:
    """As an AI judge leaves it: no score and no mark, but what each answer won."""
    found = rows(FELL, paid=0.5)
    for one in found:
        n, kind = int(one["prompt_id"].removeprefix(one["kind"])), one["kind"]
        one |= {"gold": None, "marks": {}, "won": {}}
        if one["policy"] == "ppo":
            one["won"] = {"sft": 0.0 if kind == "harm" and n < 32 else 1.0}
    told = evaluated(tmp_path / "run", found)["reward blind on a kind"]
    assert told.signs[0].what.startswith("on harm it wins 20% [10%, 35%] of comparisons, surely by ")
    assert "gives the 32 answers that got worse +0.50" in told.signs[1].what
