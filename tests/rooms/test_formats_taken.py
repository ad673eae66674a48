"""Prompts out of anything and demonstrations out of rankings, by `concord import --as` and `concord export --as`."""

import json
from pathlib import Path
from typing import Any

import pytest

from concord.cli.main import main
from concord.errors import RecordError
from concord.formats import read_demonstrations, read_prompts
from concord.formats.exchange import look

HI, SEA = "hi", "Is the sea calm?"


@pytest.fixture(autouse=True)
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every command is given in an empty folder."""
    monkeypatch.chdir(tmp_path)


def put(name: str, *rows: Any) -> str:
    Path(name).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return name


def pair(prompt: str, chosen: str, rejected: str) -> dict[str, str]:
    return {"prompt": prompt, "chosen": chosen, "rejected": rejected}


def ranked(prompt: Any, *texts: str, **more: Any) -> dict[str, Any]:
    return {"prompt": prompt, "completions": list(texts), "tiers": [[0], [1]], "by": "ann", **more}


PAIRS = (
    pair("hi", "Hello!", "No."),
    pair("Is the sea calm?", "Yes.", "Go away."),
    pair("hi", "Good day.", "What?"),
)


def test_prompts_are_taken_out_of_pairs_each_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["import", put("pairs.jsonl", *PAIRS), "--as", "prompts"]) == 0
    assert [[one.messages[-1].content] for one in read_prompts("pairs.prompts.jsonl").records] == [
        ["hi"],
        ["Is the sea calm?"],
    ]
    told = capsys.readouterr().out
    assert "pairs.jsonl is read as rankings, format trl-preference" in told
    assert "loss: of rankings only the prompts are taken" in told
    assert "loss: 1 prompts that stood there before are not written again" in told
    assert "wrote pairs.prompts.jsonl: 2 rows" in told


def test_the_best_answers_become_demonstrations(capsys: pytest.CaptureFixture[str]) -> None:
    rows = (
        ranked(HI, "Hello!", "No."),
        ranked(SEA, "Yes.", "It is.", "No.", tiers=[[0, 1], [2]]),
        ranked(SEA, "Yes.", "No.", tiers=[[0, 1]]),
        ranked(SEA, "Well.", "No.", all_bad=True),
        ranked(HI, {"text": "Hello and", "finish": "length"}, "No."),
    )
    assert main(["import", put("r.jsonl", *rows), "--as", "demonstrations"]) == 0
    found = [
        (one.prompt.messages[-1].content, one.text)
        for one in read_demonstrations("r.demonstrations.jsonl").records
    ]
    assert found == [("hi", "Hello!"), ("Is the sea calm?", "Yes."), ("Is the sea calm?", "It is.")]
    told = capsys.readouterr().out
    assert "2 rankings have no best answer" in told and "1 best answers were cut off" in told


def test_they_can_be_exported_too(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["export", put("pairs.jsonl", *PAIRS), "--as", "demonstrations", "--format", "openai-chat"]
    assert main([*words, "--to", "chat.jsonl"]) == 0
    lines = Path("chat.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["messages"][-1]["content"] for line in lines] == ["Hello!", "Yes.", "Good day."]


def test_what_is_not_in_them_is_not_taken() -> None:
    with pytest.raises(RecordError, match="rows of trl-preference are read as rankings, not as steps"):
        look(Path(put("pairs.jsonl", *PAIRS)), None, "steps")


@pytest.mark.parametrize(("raw", "why"), [(b"caf\xe9\n", "UTF-8"), (b"{half\n", "JSON")])
def test_rows_that_are_no_rows_are_told_before_a_format_is_looked_for(raw: bytes, why: str) -> None:
    Path("l.jsonl").write_bytes(raw)
    with pytest.raises(RecordError, match=rf"^l\.jsonl:1: .*{why}"):
        look(Path("l.jsonl"), None, "prompts")


def test_a_plan_names_the_rows_that_cannot_be_read(capsys: pytest.CaptureFixture[str]) -> None:
    name = put("r.jsonl", ranked(HI, "Hello!", "No."), ranked(HI, "alone", tiers=[[0]]), ranked(HI, "a", "b"))
    assert main(["import", name, "--plan", "--json"]) == 0
    (fault,) = json.loads(capsys.readouterr().out)["faults"]
    assert fault.startswith("r.jsonl:2: `completions` holds 1")
    assert main(["import", name, "--plan"]) == 0
    told = capsys.readouterr().out
    assert "Of the first rows 1 cannot be read:" in told and fault in told
