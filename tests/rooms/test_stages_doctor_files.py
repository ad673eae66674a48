"""The doctor knows who reads a file: what is compared or shown to a judge teaches no reward model."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from tests.rooms.test_stages_doctor import of, ranking, rows, said, sound

from concord.cli.main import main
from concord.stages.doctor.budget import weights
from concord.stages.plan import bundled

COMPARED = [
    ranking(f"When does the baker called {name} wake?", "At 4.", "I say no.") for name in ("one", "two")
]
JUDGE = "{endpoint: {url: 'http://127.0.0.1:9/v1', model: m}, examples: data/people.jsonl}"


@pytest.mark.parametrize("asked", ["evaluate.people=data/people.jsonl", f"evaluate.judge={JUDGE}"])
def test_what_only_the_evaluation_reads_teaches_nothing(tmp_path: Path, asked: str) -> None:
    """It is of held-out prompts, as it must be, and is no data of the reward model."""
    recipe = sound(tmp_path)
    rows(tmp_path, "people", COMPARED)
    found = said(recipe, asked)
    assert not [one for one in found if one.level == "error"], found
    assert [
        one.what.partition(" records")[0] for one in of(found, "arithmetic") if "reward reads" in one.what
    ] == [
        "reward reads 9"  # of 10, with a tenth kept back
    ]
    (tmp_path / "data" / "people.jsonl").write_text("{", encoding="utf-8")
    assert [one.where for one in of(said(recipe, asked), "files", "error")] == [
        str(tmp_path / "data" / "people.jsonl")
    ]


def test_examples_for_the_judge_that_ranks_are_no_rankings_but_must_not_be_judged_on(tmp_path: Path) -> None:
    recipe = sound(tmp_path)
    rows(tmp_path, "people", COMPARED)
    found = said(recipe, f"rank={{by: judge, judge: {JUDGE}}}")
    assert not [one for one in of(found, "arithmetic") if "reward reads" in one.what]
    (leak,) = of(found, "overlap", "error")
    assert leak.what.startswith("2 of 10 held-out prompts also stand in")


def test_rankings_that_a_run_has_collected_are_counted_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = sound(tmp_path)
    ranked = tmp_path / "run" / "rank"
    ranked.mkdir(parents=True)
    file = tmp_path / "data" / "rankings.jsonl"
    more = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] * 2
    (ranked / "rankings.jsonl").write_text("".join(json.dumps(row) + "\n" for row in more), encoding="utf-8")

    def read(*overrides: str) -> list[Any]:
        found = said(recipe, *overrides)
        return [one.what.split()[2] for one in of(found, "arithmetic") if "reward reads" in one.what]

    assert read() == ["9"]  # the file is what `rank` takes in
    assert read("rank.by=panel") == ["18"]  # the run's rankings begin with the file's
    assert main(["doctor", str(recipe), "--run", str(tmp_path / "run")]) == 0
    assert "reward reads 9 records" in capsys.readouterr().out


def test_weights_are_counted_by_their_headers_alone() -> None:
    """As many as the network has that is made of them; tied ones once."""
    from safetensors import safe_open

    with safe_open(bundled() / "model.safetensors", "np") as file:
        count = sum(math.prod(file.get_slice(name).get_shape()) for name in file.keys())  # noqa: SIM118
    assert weights(bundled()) == count == 2_066_112
