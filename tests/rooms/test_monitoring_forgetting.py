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
