"""Round two: the aligned policy answers, is ranked again, and all rankings are learned from."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from concord.cli.main import main


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.slow
def test_the_next_round_goes_on_from_the_policy_and_the_rankings_of_the_last(
    cut: Path, whole: Any, finished: Any, tmp_path: Path
) -> None:
    recipe, run = cut / "second.yaml", tmp_path / "second"
    assert main(["next", str(finished.run), "--to", str(recipe)]) == 0
    tiny = whole(cut)
    words = [str(recipe) if word == str(tiny.recipe) else word for word in tiny.command("run", run)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stderr
    assert "the base goes on as it is" in done.stderr

    name = "model/model.safetensors"
    assert (run / "sft" / name).read_bytes() == (finished.run / "align" / name).read_bytes()
    first, both = (lines(one / "rank" / "rankings.jsonl") for one in (finished.run, run))
    assert both[: len(first)] == first
    assert (
        len(first) < len(both) <= len(first) + 12
    )  # 12 prompts; where all answers are the same, nothing is ranked
    report = json.loads((run / "report.json").read_text(encoding="utf-8"))
    assert report["what"]["demonstrations"] == 0 and report["what"]["rankings"] == len(both)
    assert report["policies"][:3] == ["base", "sft", "ppo"]
