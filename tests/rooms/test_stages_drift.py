"""`concord drift` and `concord serve` at the front door: what is compared, exit codes, and what is missing."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.rooms.logs import Habit, seen, served, write

from concord import formats
from concord.cli.main import main
from concord.errors import SettingsError, StoreError
from concord.records.files import write_json, write_rows, write_text
from concord.records.manifest import MADE_FROM
from concord.runs import Run
from concord.runs.recipe import resolved
from concord.settings import Recipe
from concord.stages import drift, plan


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run whose evaluation is finished, of one habit at two temperatures."""
    folder = tmp_path / "run"
    made = Run(folder)
    rows = []
    for temperature, words in ((1.0, 20.0), (0.5, 40.0)):
        for one in seen(120, 7, Habit(words=words)):
            row = {
                "policy": "ppo",
                "temperature": temperature,
                "prompt_id": one.prompt_id,
                "prompt": one.asked,
            }
            row |= {"text": one.text, "proxy": one.reward, "finish": "length" if one.cut else "stop"}
            rows.append({**row, "words": one.words, "logprob": one.logprob})
    write_rows(made.begin("evaluate", "key") / "answers.jsonl", rows)
    made.finish("evaluate", {"key": "key"})
    write_json(folder / "run.json", {})
    write_text(folder / "resolved.yaml", resolved(Recipe(prompts="prompts.jsonl")))
    return folder


def told(capsys: pytest.CaptureFixture[str], *words: str | Path, code: int = 0) -> Any:
    assert main(["drift", *map(str, words), "--json"]) == code
    found = json.loads(capsys.readouterr().out)
    return found.get("drift", found.get("error"))


def unscored(rows: list[Any]) -> list[Any]:
    return [replace(one, scored_by=None) for one in rows]


@pytest.mark.slow
def test_no_drift_comes_with_what_would_have_been_seen(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "log", unscored(seen(80, 3)))
    found = told(capsys, tmp_path / "log", "--against", run, "--window", "80", "--strict")
    assert not found["drift"] and not found["alarms"] and not found["missing"]
    assert found["against"].endswith("at 1") and found["reference"] == 120
    assert set(found["sight"]) == {
        "question words",
        "answer words",
        "log-probability",
        "reward",
        "refused",
        "cut off",
        "topic",
        "thumbs",
    }
    assert main(["drift", str(tmp_path / "log"), "--against", str(run), "--window", "80"]) == 0
    lines = capsys.readouterr().out
    assert "No drift seen. Four times out of five" in lines and "answer words: a shift of" in lines


@pytest.mark.slow
def test_drift_is_told_with_prompts_that_a_recipe_takes(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "log", unscored(served([(60, Habit()), (60, Habit(words=45))], 3)))
    words = (tmp_path / "log", "--against", run, "--window", "60", "--prompts", tmp_path / "again.jsonl")
    found = told(capsys, *words, "--most", "5")
    assert {one["measure"] for one in found["alarms"]} == {"answer words (KS)", "answer words (PSI)"}
    assert {one["window"] for one in found["alarms"]} == {2}
    prompts = formats.read_prompts(tmp_path / "again.jsonl").records
    assert len(prompts) == 5 and {one.tags for one in prompts} <= {("thumbs-down",), ("low-reward",)}
    assert [one["prompt_id"] for one in found["prompts"]] == [one.id for one in prompts]
    assert told(capsys, *words, "--strict", code=6)["drift"]
    bad = [replace(one, text="\x1b[2J" + str(one.text)) for one in unscored(seen(60, 3, Habit(words=45)))]
    write(tmp_path / "log", bad)
    assert main(["drift", str(tmp_path / "log"), "--against", str(run), "--window", "60"]) == 0
    lines = capsys.readouterr().out
    assert "\x1b" not in lines and "'\\x1b[2J" in lines


@pytest.mark.slow
def test_answers_at_another_temperature_are_compared_with_those(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cool = [replace(one, manner=(0.5, 1.0, 1, 64)) for one in unscored(seen(80, 3, Habit(words=40)))]
    write(tmp_path / "log", cool)
    found = told(capsys, tmp_path / "log", "--against", run, "--window", "80")
    assert found["against"].endswith("at 0.5") and not found["drift"]


@pytest.mark.slow
def test_an_earlier_log_serves_as_well(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "before", seen(120, 3))
    write(tmp_path / "now", seen(80, 4, Habit(refused=0.6)))
    found = told(capsys, tmp_path / "now", "--against", tmp_path / "before", "--window", "80")
    assert [one["measure"] for one in found["alarms"]] == ["refused"]
    refused = told(capsys, tmp_path / "now", "--against", tmp_path / "before", "--policy", "ppo", code=2)
    assert "is a log" in refused["message"]


def test_what_cannot_be_compared_is_an_error_that_says_what_to_do(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "log", seen(20, 3))
    assert "20 answered dialogues" in told(capsys, tmp_path / "log", "--against", run, code=3)["message"]
    write(tmp_path / "log", seen(40, 3))
    wrong = told(capsys, tmp_path / "log", "--against", run, "--policy", "dpo", code=2)
    assert "no policy 'dpo'" in wrong["message"]
    assert "fewest" in told(capsys, tmp_path / "log", "--against", run, "--window", "3", code=2)["message"]
    assert "neither a run" in told(capsys, tmp_path / "log", "--against", tmp_path, code=8)["message"]
    monkeypatch.setattr(drift, "LIBRARIES", {"nowhere_to_be_found": "river"})
    with pytest.raises(SettingsError, match=r"concord-align\[drift\]"):
        drift.needed()


def test_an_evaluation_of_an_earlier_policy_is_not_one_of_the_model_that_lies_there(run: Path) -> None:
    """Its answers are compared all the same, and the checklist says first that another model is served."""
    made, content = Run(run), ""
    for align, model, expected in (("a1", "old", None), ("a2", "new", drift.EARLIER)):
        for name, key in (("align", align), ("reward", "r1")):
            folder = made.begin(name, key) / "model"
            folder.mkdir()
            write_text(folder / "config.json", model)
            made.finish(name, {"key": key})
        if expected is None:
            judged = made.begin("evaluate", "e1") / "answers.jsonl"
            judged.write_bytes((run / "evaluate" / "answers.jsonl").read_bytes())
            made.finish("evaluate", {"key": "e1", MADE_FROM: {"align": "a1", "reward": "r1"}})
            content = plan.content(run / "align" / "model")
        reference, _ = drift.evaluation(made, None, None)
        assert reference.content == (expected or content)
        assert reference.scored_by == plan.content(run / "reward" / "model")
    made.begin("reward", "r2")
    (made.partial("reward") / "model").mkdir()
    made.finish("reward", {"key": "r2"})
    assert drift.evaluation(made, None, None)[0].scored_by == drift.EARLIER


def test_the_best_of_eight_are_compared_with_what_was_served_as_the_best_of_eight(run: Path) -> None:
    assert drift.evaluation(Run(run), "ppo", None)[0].manner == (1.0, 1.0, 1, 64)
    made = Run(run)
    rows = (run / "evaluate" / "answers.jsonl").read_text().replace('"ppo"', '"best-of-8"')
    (made.begin("evaluate", "e") / "answers.jsonl").write_text(rows)
    made.finish("evaluate", {"key": "e"})
    assert drift.evaluation(made, "best-of-8", None)[0].manner == (1.0, 1.0, 8, 64)


@pytest.mark.slow
def test_what_no_gate_has_seen_is_served_with_a_notice(run: Path) -> None:
    from concord.stages.serve import policy_of

    made = Run(run)
    for name, key, facts in (
        ("align", "a1", {}),
        ("gate", "g1", {MADE_FROM: {"align": "a1"}}),
        ("align", "a2", {}),
    ):
        write_json(made.begin(name, key) / "verdict.json", {"go": True})
        made.finish(name, {"key": key, **facts})
        notice = policy_of(str(run))[3]
        assert (notice is None) == (name == "gate")
    assert notice == "No gate has decided about this policy yet."


@pytest.mark.slow
def test_serving_refuses_before_a_model_is_loaded(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from concord.serving.server import Front
    from concord.stages.serve import Wanted, held, policy_of, served

    assert main(["serve", "starter", "--host", "0.0.0.0"]) == 2
    assert "--token-file" in capsys.readouterr().err
    assert main(["serve", "starter", "--best-of", "0"]) == 2
    with pytest.raises(StoreError, match="no finished candidate"):
        policy_of(str(run))
    with pytest.raises(SettingsError, match="--reward"), served(Wanted("starter", best_of=4), Front()):
        pass
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(StoreError, match="is a file"):
        held(file)
