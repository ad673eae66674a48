"""Ctrl-C, SIGTERM and SIGHUP: the step is learned and saved, and the same command goes on to the same end."""

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

LONGER = ("sft.epochs=12", "learning.checkpoint_seconds=1000")
"""Long enough to be stopped in the midst, with no checkpoint but the one that the stop itself takes."""
LEAVING = 30.0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "group", "code"),
    [
        (signal.SIGINT, True, 130),
        pytest.param(signal.SIGTERM, False, 143, marks=pytest.mark.long),
        pytest.param(signal.SIGHUP, False, 129, marks=pytest.mark.long),
        pytest.param(signal.SIGTERM, True, 143, marks=pytest.mark.long),
        pytest.param(signal.SIGHUP, True, 129, marks=pytest.mark.long),
    ],
)
def test_a_stop_loses_nothing(
    cut: Path, whole: Any, calm: Any, tmp_path: Path, number: int, group: bool, code: int
) -> None:
    tiny, run, mark = whole(cut), tmp_path / "run", tmp_path.name
    expected = calm(*LONGER)
    process = tiny.begin(run, mark, *LONGER, verb="sft")
    lines: list[str] = []
    ear = threading.Thread(target=lambda: lines.extend(process.stderr))
    ear.start()
    diary = run / "sft.partial" / "metrics.jsonl"
    while process.poll() is None and (not diary.exists() or diary.read_bytes().count(b"\n") < 5):
        time.sleep(0.01)
    assert process.poll() is None, lines
    began = time.monotonic()
    (os.killpg if group else os.kill)(process.pid, number)
    assert process.wait(LEAVING) == code
    assert tiny.gone([mark], within=LEAVING - (time.monotonic() - began)), "a process outlived its run"
    ear.join()
    process.stderr.close()
    assert not any("Traceback" in line for line in lines), lines
    steps = diary.read_bytes().count(b"\n")
    assert 5 <= steps < 36
    assert [path.name for path in (run / "sft.partial" / "state").iterdir()] == [f"{steps:06d}"]
    assert not (run / "sft").exists()
    again = tiny.carry_out("sft", run, *LONGER)
    assert again.returncode == 0, again.stderr
    assert tiny.results(run) == expected


@pytest.mark.slow
@pytest.mark.parametrize("delay", [0.3, 1.0, 2.0])
def test_ctrl_c_while_libraries_are_loaded(cut: Path, whole: Any, tmp_path: Path, delay: float) -> None:
    process = whole(cut).begin(tmp_path / "run", tmp_path.name, *LONGER, verb="sft")
    time.sleep(delay)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=LEAVING)
    assert process.returncode == 130
    assert "Traceback" not in said
    assert "Stopped. What was finished is kept; give the same command again to go on." in said
    assert whole(cut).gone([tmp_path.name], within=10)
