"""A judge at an endpoint in a real run: killed in the middle, it asks nothing twice, and its key stays where it is."""

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from tests.rooms import endpoint as mock

SECRET = "sk-marker-3e25960a79"
AT_ONCE = 2


@pytest.mark.slow
@pytest.mark.long
def test_t29_a_judging_stage_that_is_killed_asks_nothing_twice(
    tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUDGE_KEY", SECRET)
    run = tmp_path / "run"
    with mock.running() as there:
        words = [
            "rank.by=judge",
            f"rank.judge.endpoint.url={there.url}",
            "rank.judge.endpoint.model=m",
            "rank.judge.endpoint.key=JUDGE_KEY",
            f"rank.judge.endpoint.at_once={AT_ONCE}",
        ]
        for verb in ("sft", "sample"):
            done = tiny.carry_out(verb, run, *words)
            assert done.returncode == 0, done.stderr
        there.speak = unhurried
        process = tiny.begin(run, "judged", *words, verb="rank")
        until = time.monotonic() + 120
        while len(there.heard) < 12 and process.poll() is None and time.monotonic() < until:
            time.sleep(0.005)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        assert 12 <= len(there.heard) < 40 and not (run / "rank").exists()

        there.speak = mock.honest
        done = tiny.carry_out("rank", run, *words)
        assert done.returncode == 0, done.stderr
        asked = [json.dumps(body, sort_keys=True) for body in there.heard]
        assert len(asked) - len(set(asked)) <= AT_ONCE  # those under way when it was killed
        assert all(one["Authorization"] == f"Bearer {SECRET}" for one in there.headers)
    rows = [json.loads(line) for line in (run / "rank" / "rankings.jsonl").read_text("utf-8").splitlines()]
    assert rows and all(row["source"] == "ai" and row["by"] == "judge:m" and row["chances"] for row in rows)
    card = json.loads((run / "rank" / "judge.json").read_text("utf-8"))
    assert card["asked"]["questions"] == len(set(asked)) and card["asked"]["remembered"] >= 10
    told = [path for path in run.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]
    assert not told and SECRET not in done.stderr + done.stdout


def unhurried(body: dict[str, Any]) -> str:
    """The honest verdict after a while, so that there is a middle to be killed in."""
    time.sleep(0.05)
    said: str = mock.honest(body)
    return said
