"""kill -9 at any moment: the same command goes on, and what comes of it is the same to the last bit."""

import contextlib
import os
import random
import signal
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

KILLS = int(os.environ.get("CONCORD_KILLS", "6"))
SEED = int(os.environ.get("CONCORD_KILL_SEED", "1"))
STAGES = 21
STARTING = 1.5
"""Seconds in which a command loads its libraries; some of the kills fall there."""


@dataclass
class Attempt:
    """One start of the command, and what it says while it lives."""

    process: "subprocess.Popen[str]"
    mark: str
    lines: list[str] = field(default_factory=list)

    def listen(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as said:
            for line in said:
                self.lines.append(line.rstrip())

    @property
    def begun(self) -> list[str]:
        return [line.removesuffix(" ...") for line in self.lines if line.endswith(" ...") and ":" not in line]

    @property
    def busy(self) -> list[str]:
        done = {line.partition(" done in ")[0] for line in self.lines if " done in " in line}
        return [name for name in self.begun if name not in done]


def await_stages(attempt: Attempt, run: Path, count: int) -> None:
    """Wait until so many stages are done, in this life of the run or in earlier ones, and another has begun."""
    while attempt.process.poll() is None and (not attempt.busy or finished(run) < count):
        time.sleep(0.005)


def finished(run: Path) -> int:
    try:
        places = (*run.glob("[!.]*/MANIFEST.json"), *run.glob("[!.]*/*/MANIFEST.json"))
    except FileNotFoundError:  # a stage was finished, and its folder renamed, while it was looked into
        return finished(run)
    return sum(not place.parent.name.endswith(".partial") for place in places)


def kill(attempt: Attempt, whom: str, chance: random.Random, alive: Any) -> None:
    """Kill the parent alone, its whole group, or one stage's process, after which the parent must give up."""
    process = attempt.process
    with contextlib.suppress(ProcessLookupError):
        if whom == "group":
            os.killpg(process.pid, signal.SIGKILL)
        if whom == "stage":
            family = alive(attempt.mark)
            stages = [pid for pid, parent in family.items() if family.get(parent) == process.pid]
            if stages:
                os.kill(chance.choice(sorted(stages)), signal.SIGKILL)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    # One that had just told its result is not missed.
                    assert process.wait(5) in (0, 8)
        process.kill()
    process.wait()


@pytest.mark.slow
@pytest.mark.kills
def test_no_kill_leaves_a_trace(whole: Any, cut: Path, finished: Any, tmp_path: Path) -> None:
    began, tiny = time.monotonic(), whole(cut)
    calm = tiny.results(finished.run)
    assert sum(name.endswith(".safetensors") for name in calm) == 8
    chance, pace = random.Random(SEED), finished.seconds / STAGES
    kills, folders, marks, hit = 0, 0, [], []
    while kills < KILLS:
        run = tmp_path / f"killed-{folders}"
        code: int | None = None
        while code != 0:
            attempt = Attempt(None, f"{tmp_path.name}-{len(marks)}")  # type: ignore[arg-type]
            attempt.process = tiny.begin(run, attempt.mark)
            marks.append(attempt.mark)
            ear = threading.Thread(target=attempt.listen)
            ear.start()
            if kills < KILLS:
                if chance.random() < 0.15:
                    delay = chance.uniform(0, STARTING)
                else:
                    # The kills go with the run, from its first stage nearly to its last.
                    await_stages(attempt, run, (STAGES - 3) * kills // KILLS)
                    delay = chance.uniform(0, 1.5 * pace)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    attempt.process.wait(delay)
            if kills < KILLS and attempt.process.poll() is None:
                whom = ("parent", "group", "parent", "group", "stage")[kills % 5]
                hit.append((whom, *(attempt.busy or ["starting"])))
                kill(attempt, whom, chance, tiny.alive)
                kills += 1
            code = attempt.process.wait()
            ear.join()
            assert code in (0, 8, -signal.SIGKILL), attempt.lines
            assert not any("Traceback" in line for line in attempt.lines), attempt.lines
            # Every other time the command is given again at once, while the dead are still dying.
            assert kills % 2 or tiny.gone(marks, within=10), "a process outlived its run"
        assert tiny.results(run) == calm
        folders += 1
    assert tiny.gone(marks, within=10), "a process outlived its run"
    seconds = time.monotonic() - began
    told = f"{kills} kills, {len(marks)} starts, {folders} runs bit-equal, {seconds:.0f} s"
    print(f"\n{told} (calm: {finished.seconds:.0f} s)")
    print("\n".join(" ".join(one) for one in hit))
    assert len({name for one in hit for name in one[1:]}) >= min(8, KILLS // 2)
