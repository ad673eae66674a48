"""Other guidance, through the command line: members that must agree beside a process, and rewards for each step."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from tests.journey import conftest as journey

from concord import formats
from concord.records import MARKS, Completion, Rating, StepLabels
from concord.records.files import read_rows

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def guided(cut: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The cut recipe's prompts with ratings and step labels of answers that somebody wrote."""
    folder = tmp_path_factory.mktemp("guided") / "project"
    import shutil

    shutil.copytree(cut, folder)
    prompts = formats.read_prompts(folder / "data" / "prompts.jsonl").records
    said = [Completion(one, f"First this.\nThen {n}.", finish="stop") for n, one in enumerate(prompts)]
    formats.write_ratings(
        folder / "data" / "ratings.jsonl", [Rating(one, n % 5, by="ab"[n % 2]) for n, one in enumerate(said)]
    )
    formats.write_steps(
        folder / "data" / "steps.jsonl",
        [
            StepLabels(one, ("First this.\n", f"Then {n}."), (MARKS[0], MARKS[n % 3]))
            for n, one in enumerate(said)
        ],
    )
    return journey.Tiny(folder)


def carried_out(guided: Any, begun: Path, run: Path, *more: str) -> str:
    """The stages that a change of `reward` asks for anew, up to the policy; what they said."""
    shutil.copytree(begun, run)
    told = ""
    for verb in ("reward", "align"):
        done = guided.carry_out(verb, run, *more)
        assert done.returncode == 0, done.stderr
        told += done.stderr
    return told


@pytest.mark.long
def test_t25_t30_members_ratings_and_steps_guide_a_policy(guided: Any, begun: Path, tmp_path: Path) -> None:
    """How far members are apart stands in the stage's record and in the diary of the policy that they guide."""
    files = ("reward.ratings.file=data/ratings.jsonl", "reward.steps.file=data/steps.jsonl")
    more = ("reward.members.count=2", "reward.ratings.raters=leaning", "reward.steps.cut=sentence")
    run = tmp_path / "run"
    told = carried_out(guided, begun, run, *files, *more)
    assert "12 ratings" in told and "12 step labels" in told
    lines = list(read_rows(run / "align" / "metrics.jsonl"))
    assert all(line["disagreement"] >= 0 for line in lines) and any(
        line["disagreement"] > 0 for line in lines
    )
    what = json.loads((run / "reward" / "scorer.json").read_text())
    assert what["kind"] == "combined" and what["parts"][0]["scorer"]["disagreement"] >= 0


@pytest.mark.long
def test_t24_t30_each_step_of_an_answer_is_credited(guided: Any, begun: Path, tmp_path: Path) -> None:
    """A process alone guides PPO step by step; the critic begins as the supervised policy."""
    run, file = tmp_path / "run", "reward.steps.file=data/steps.jsonl"
    carried_out(guided, begun, run, file, "reward.steps.alone=true", "reward.steps.reading=log")
    assert all(line["score"] < 0 for line in read_rows(run / "align" / "metrics.jsonl"))
