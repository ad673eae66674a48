"""Models from elsewhere before the same judge, people's word on some answers, and judges of other kinds."""

import json
import shutil
import time
import uuid
from pathlib import Path
from typing import Any

import pytest
from tests.rooms import endpoint as mock

from concord.stages.plan import bundled


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def compared(run: Path, path: Path) -> int:
    """People prefer the candidate's answer on two prompts of three; how many they were asked about."""
    said = {(row["policy"], row["prompt_id"]): row for row in rows(run / "evaluate" / "answers.jsonl")}
    lines = []
    for place, (policy, prompt) in enumerate(sorted(said)):
        both = [said[name, prompt] for name in ("sft", "ppo")]
        if policy == "ppo" and both[0]["text"] != both[1]["text"]:
            lines.append(
                {
                    "prompt": {"id": prompt, "messages": [{"role": "user", "content": both[0]["prompt"]}]},
                    "completions": [{"text": row["text"], "by": row["policy"]} for row in both],
                    "tiers": [[1], [0]] if place % 3 else [[0, 1]],
                    "by": "ada",
                    "source": "human",
                }
            )
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return len(lines)


@pytest.mark.slow
@pytest.mark.long
def test_contestants_stand_in_the_same_table_and_people_have_their_say(
    tiny: Any, finished: Any, tmp_path: Path
) -> None:
    run = Path(shutil.copytree(finished.run, tmp_path / "run"))
    count = compared(run, tiny.folder / "people.jsonl")
    with mock.running() as there:
        there.speak = lambda body: "A constant answer that is the best there is, whatever was asked."
        words = [
            "rivals={}",
            f"evaluate.contestants.earlier={{run: {finished.run}, policy: sft}}",
            f"evaluate.contestants.bundled={{folder: {bundled()}}}",
            f"evaluate.contestants.vendor={{endpoint: {{url: '{there.url}', model: m}}}}",
            "evaluate.people=people.jsonl",
        ]
        done = tiny.carry_out("evaluate", run, *words)
        assert done.returncode == 0, done.stderr
        assert len(there.heard) == 16
    again = tiny.carry_out("gate", run, *words)
    assert again.returncode in (0, 6), again.stderr
    report = json.loads((run / "report.json").read_text(encoding="utf-8"))
    assert {"earlier", "bundled", "vendor"} <= set(report["policies"])
    assert set(report["what"]["contestants"]) == {"earlier", "bundled", "vendor"}
    answers = {
        name: rows(run / "answers" / name / "answers.jsonl")
        for name in ("base", "bundled", "earlier", "vendor")
    }
    assert all(row["kl"] is None for row in answers["vendor"])
    assert all(isinstance(row["kl"], float) for row in answers["bundled"] + answers["earlier"])
    assert sum(row["kl"] for row in answers["earlier"]) == pytest.approx(0, abs=1e-3)  # the same weights
    assert {row["policy"] for row in answers["vendor"]} == {"vendor"}
    people = report["people"]
    assert (people["a"], people["b"], people["prompts"], people["unseen"]) == ("ppo", "sft", count, 0)
    assert people["same"] == 16 - count >= 1
    assert people["alone"]["value"] is not None and people["refused"] is None
    standing = report["league"]["refused"] or {one["name"] for one in report["league"]["standings"]}
    assert standing
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "vendor" in page and '<section id="people">' in page


@pytest.mark.slow
def test_a_judge_that_taught_is_refused_until_somebody_accepts_it(
    tiny: Any, finished: Any, tmp_path: Path
) -> None:
    run = Path(shutil.copytree(finished.run, tmp_path / "run"))
    shutil.copytree(run / "reward" / "model", tiny.folder / "copied")
    judge = ("rivals={}", "evaluate.judge=copied")
    done = tiny.carry_out("evaluate", run, *judge)
    assert done.returncode == 2
    assert (
        "its weights are also the reward model of this run" in done.stderr and "Traceback" not in done.stderr
    )
    waiver = "evaluate.waiver={by: Ada, reason: the only judge there is}"
    done = tiny.carry_out("gate", run, *judge, waiver)
    assert done.returncode == 2  # the evaluation has to be made first
    done = tiny.carry_out("run", run, *judge, waiver)
    assert done.returncode in (0, 6), done.stderr
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "Ada accepts this: the only judge there is" in page
    assert "Nothing learned from the judge" not in page


@pytest.mark.slow
@pytest.mark.long
def test_an_ai_judge_compares_and_a_kill_asks_nothing_twice(tiny: Any, finished: Any, tmp_path: Path) -> None:
    run = Path(shutil.copytree(finished.run, tmp_path / "run"))
    heard: list[str] = []
    with mock.running() as there:

        def longer(body: dict[str, Any]) -> str:
            """Says that the answer with more letters is the better one, and after a while takes its time."""
            heard.append(json.dumps(body, sort_keys=True))
            time.sleep(0.05 if len(heard) > 20 else 0)
            shown = mock.shown(body)
            return "A" if len(shown["A"]) > len(shown["B"]) else "B"

        there.speak = longer
        words = ("rivals={}", f"evaluate.judge={{endpoint: {{url: '{there.url}', model: large}}}}")
        mark = uuid.uuid4().hex
        begun = tiny.begin(run, mark, *words, verb="evaluate")
        until = time.monotonic() + 120
        while len(heard) < 30 and time.monotonic() < until:
            time.sleep(0.02)
        begun.kill()
        begun.communicate()
        assert tiny.gone([mark], 20)
        before = len(heard)
        assert before >= 30
        done = tiny.carry_out("run", run, *words)
        assert done.returncode in (0, 6), done.stderr
    twice = len(heard) - len(set(heard))
    assert twice <= 8  # only those under way in two stages when it was killed
    report = json.loads((run / "report.json").read_text(encoding="utf-8"))
    told, answers = report["judge"], rows(run / "evaluate" / "answers.jsonl")
    assert told["asked"]["questions"] == len(set(heard)) and told["left_out"] == 0
    said = {(row["policy"], row["prompt_id"]): row["text"] for row in answers}
    won = [
        0.5 if ours == theirs or len(ours) == len(theirs) else float(len(ours) > len(theirs))
        for ours, theirs in (
            (said["ppo", prompt], said["sft", prompt]) for policy, prompt in said if policy == "ppo"
        )
    ]
    found = next(
        one
        for one in report["comparisons"]
        if (one["a"], one["b"], one["kind"], one["split"]) == ("ppo", "sft", None, None)
    )
    assert found["win_rate"] == pytest.approx(sum(won) / len(won)) and found["n"] == 16
    assert '<section id="judge">' in (run / "report.html").read_text(encoding="utf-8")
