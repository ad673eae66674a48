"""Forgetting, read off a report as the evaluation writes it."""

import json
from dataclasses import asdict
from pathlib import Path

from tests.rooms import runs_by_hand as hand

from concord.evaluation.win_rate import compare, usual_pairs
from concord.monitoring.explain import explain


def test_forgetting_is_read_off_an_evaluation_as_it_is_written(tmp_path: Path) -> None:
    """Every policy is held against imitation there: the base that clearly wins a kind has had it forgotten."""
    rows = [
        {
            "policy": policy,
            "temperature": 1.0,
            "split": None,
            "kind": kind,
            "prompt_id": f"{kind}{n}",
            "gold": gold,
        }
        for kind, sft in (("fact", 0.0), ("help", 2.0))
        for policy, gold in (("base", 1.0), ("sft", sft))
        for n in range(30)
    ]
    run = hand.made(tmp_path / "run")
    report = run / "evaluate" / "report.json"
    report.parent.mkdir(exist_ok=True)
    pairs = usual_pairs(["base", "sft"])
    report.write_text(json.dumps({"comparisons": [asdict(one) for one in compare(rows, pairs)]}))
    found = {one.cause: one for one in explain(run).findings}["forgetting"]
    assert "on fact it is clearly worse" in found.signs[0].what


def test_one_kind_of_many_that_the_base_won_by_luck_is_not_forgotten(tmp_path: Path) -> None:
    """47 of 75 has a Wilson interval from 0.514; among 8 kinds, each at 0.05 / 8, it begins at 0.469."""
    kinds = [f"kind{n}" for n in range(8)]
    run = hand.made(tmp_path / "run", {"sft": {"epochs": 1}})
    report = run / "evaluate" / "report.json"
    report.parent.mkdir(exist_ok=True)
    for wins, lost in ((47, False), (56, True)):
        rates = [wins / 75, *([0.5] * 7)]
        rows = [
            {"a": "base", "b": "sft", "split": None, "kind": kind, "win_rate": rate, "prompts": 75}
            for kind, rate in zip(kinds, rates, strict=True)
        ]
        report.write_text(json.dumps({"comparisons": rows}))
        found = {one.cause: one for one in explain(run).findings}
        assert ("forgetting" in found) == lost
    assert [one.setting for one in found["forgetting"].changes] == ["sft.forget"]  # one pass cannot be fewer
