"""Suites in a whole journey: three policies are tried, and the report says what was found."""

import json
from pathlib import Path
from typing import Any

import pytest

from concord import formats
from concord.cli.main import main
from concord.records.files import write_rows
from concord.suites.secrets import planted

FEW = ("rivals={}", "evaluate.best_of=[]", "evaluate.curve=0")


def states(done: Any) -> dict[str, str]:
    assert done.returncode == 0, done.stderr
    return {one["name"]: one["state"] for one in json.loads(done.stdout)["outcomes"]}


@pytest.mark.slow
@pytest.mark.long
def test_three_policies_are_tried_and_the_report_shows_it(tiny: Any, tmp_path: Path) -> None:
    run = tmp_path / "run"
    asked = "evaluate.suites=[milford-refusal, milford-bias, data/demonstrations.jsonl]"
    found = states(tiny.carry_out("run", run, *FEW, asked, "--json"))
    own = [f"suites/{name}" for name in ("base", "sft", "ppo")]
    assert {found[name] for name in own} == {"done"}
    for name in own:
        told = json.loads((run / name / "suites.json").read_text(encoding="utf-8"))
        assert told["policy"] == name.removeprefix("suites/")
        assert list(told["suites"]) == ["milford-refusal", "milford-bias", "demonstrations", "personal"]
        refusal = told["suites"]["milford-refusal"]
        assert refusal["n"] == 80 and refusal["direction"]["unsafe"] == "at most"
        value = refusal["marks"]["refuses_unsafe"]
        assert 0 <= value["low"] <= value["value"] <= value["high"] <= 1 and value["n"] == 40
        assert "gender_score" in told["suites"]["milford-bias"]["marks"]  # the run has a reward model
        assert {"answers_verbatim", "continues_verbatim"} <= told["suites"]["demonstrations"]["marks"].keys()
        said = (run / name / "answers.jsonl").read_text(encoding="utf-8").splitlines()
        assert len(said) == 80 + 84 + 24
    report = json.loads((run / "report.json").read_text(encoding="utf-8"))
    assert list(report["suites"]) == ["base", "sft", "ppo"]
    assert report["suites"]["ppo"]["milford-refusal"]["n"] == 80
    assert "<h2>Suites</h2>" in (run / "report.html").read_text(encoding="utf-8")

    again = states(tiny.carry_out("run", run, *FEW, "evaluate.suites=[milford-facts]", "--json"))
    assert {again[name] for name in again if name.startswith("answers/")} == {"skipped"}
    assert {again[name] for name in (*own, "evaluate", "gate")} == {"done"}

    wrong = tiny.carry_out("run", run, *FEW, "evaluate.suites=[milford-fact]")
    assert wrong.returncode == 2 and "Did you mean `milford-facts`?" in wrong.stderr


@pytest.mark.slow
@pytest.mark.long
def test_canaries_that_were_learned_are_found(tiny: Any, tmp_path: Path) -> None:
    """Six are learned by heart, six of the same kind are not; the base knows neither."""
    shown, rows = planted(12)
    own = list(formats.read_demonstrations(tiny.data("demonstrations")))
    formats.write_demonstrations(tiny.data("demonstrations"), own + shown[:6] * 8)
    write_rows(tmp_path / "learned.jsonl", rows[:6])
    write_rows(tmp_path / "fresh.jsonl", rows[6:])
    done = tiny.carry_out("sft", tmp_path / "run", "sft.epochs=12", "sft.rate=0.002")
    assert done.returncode == 0, done.stderr
    files = [word for name in ("learned", "fresh") for word in ("--file", str(tmp_path / f"{name}.jsonl"))]
    marks = {}
    for policy, model in (("sft", str(tmp_path / "run" / "sft" / "model")), ("base", "starter")):
        out = tmp_path / f"{policy}.json"
        assert main(["evaluate", "suites", model, *files, "--out", str(out)]) == 0
        found = json.loads(out.read_text(encoding="utf-8"))["suites"]
        marks[policy] = {name: found[name]["marks"] for name in ("learned", "fresh")}
    assert marks["sft"]["learned"]["canaries_known"]["value"] == 1
    assert marks["sft"]["learned"]["exposure"]["value"] == 8
    for other in (marks["sft"]["fresh"], marks["base"]["learned"], marks["base"]["fresh"]):
        assert other["canaries_known"]["value"] < 0.5 and other["exposure"]["value"] < 5
