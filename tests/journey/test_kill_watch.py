"""kill -9 while a policy learns under watch: the same looks, the same alarms, the same way back."""

import json
import os
import random
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import pytest

WATCH = (
    "align.rollout.rounds=5",
    "learning.watch.every=1",
    "learning.watch.judge=starter",
    "learning.watch.prompts=4",
    "learning.watch.longest=12",
    "learning.watch.alarms.truncated.limit=0",
    "learning.watch.alarms.truncated.rounds=4",
    "learning.watch.alarms.truncated.action=roll-back",
)
"""Some answer is always cut off: the alarm rings at the end of the fourth round, of five, and goes back to a look."""
KILLS = (0, 1, 2, 3, 3)
"""Looks that stand in the file when a life ends."""


def looks(run: Path) -> int:
    path = run / "align.partial" / "watch.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else -1


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.kills
def test_no_kill_leaves_a_trace_in_a_watched_run(cut: Path, whole: Any, begun: Path, tmp_path: Path) -> None:
    tiny, chance = whole(cut), random.Random(3)
    calm, killed = tmp_path / "calm", tmp_path / "killed"
    for run in (calm, killed):
        shutil.copytree(begun, run)
    done = tiny.carry_out("align", calm, *WATCH)
    assert done.returncode == 0, done.stderr
    verdict = json.loads((calm / "align" / "watch.json").read_text(encoding="utf-8"))
    assert verdict["stopped"] == {"step": 8, "rule": "truncated", "action": "roll-back"}
    assert verdict["looks"] == 4 and verdict["rolled_back_to"] in (0, 2, 4, 6)
    for number, wanted in enumerate(KILLS):
        process = tiny.begin(killed, f"{tmp_path.name}-{number}", *WATCH, verb="align")
        while process.poll() is None and looks(killed) < wanted:
            time.sleep(0.005)
        time.sleep(chance.uniform(0, 0.3))
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stderr.close()
        assert tiny.gone([f"{tmp_path.name}-{number}"], within=10)
    assert not (killed / "align").exists() or looks(killed) == -1
    again = tiny.carry_out("align", killed, *WATCH)
    assert again.returncode == 0, again.stderr
    assert tiny.results(killed) == tiny.results(calm)
