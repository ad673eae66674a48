"""A reward model that may not teach stops the run before anything learns by it, with its own exit code."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from concord.errors import GateRefused

pytestmark = pytest.mark.slow
LIMITS = "gate.reward={accuracy: 1.0, open: stop}"


def test_a_reward_model_that_may_not_teach_stops_the_run(
    begun: Path, whole: Any, cut: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(begun, run)
    before = whole.results(run)
    done = whole(cut).carry_out("run", run, LIMITS)
    assert done.returncode == GateRefused.exit_code == 6
    assert "may not teach:\n  Accuracy on unseen prompts is" in done.stderr and "gate.reward" in done.stderr
    assert not (run / "align").exists()
    made = ("sft/", "sample/", "rank/", "reward/")
    assert {name: what for name, what in whole.results(run).items() if name.startswith(made)} == {
        name: what for name, what in before.items() if name.startswith(made)
    }  # none of them is made anew for a limit of the gate
    done = whole(cut).carry_out("align", run, LIMITS, "--rival", "dpo")
    assert done.returncode == 0, done.stderr
