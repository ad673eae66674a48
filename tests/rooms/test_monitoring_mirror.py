"""A run's numbers in other tools: each step once, whatever happens to the run or to the mirror."""

import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.rooms import runfolders

from concord.cli.main import main
from concord.errors import SettingsError
from concord.monitoring.mirror import Mirror
from concord.monitoring.shelf import Shelf
from concord.monitoring.sinks import Series, Target

NOW = 1_800_000_000.0
STEPS = 30


class Kept:
    """A place that remembers what was written, as the tools do."""

    def __init__(self, shelves: dict[str, list[tuple[float, Mapping[str, float]]]], series: Series) -> None:
        self.rows = shelves.setdefault(series.name, [])
        self.last = self.rows[-1][0] if self.rows else -1.0
        self.closed = False

    def write(self, step: float, numbers: Mapping[str, float]) -> None:
        assert not self.closed
        self.rows.append((step, numbers))

    def flush(self) -> None: ...

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def run(tmp_path: Path) -> Path:
    run = runfolders.begun(tmp_path / "runs" / "one")
    runfolders.making(run, "align", STEPS)
    return run


def steps(rows: list[tuple[float, Mapping[str, float]]]) -> list[float]:
    return [step for step, _ in rows]


def test_each_step_is_written_once_by_one_mirror_after_another(run: Path) -> None:
    there: dict[str, list[tuple[float, Mapping[str, float]]]] = {}
    file = run / "align.partial" / "metrics.jsonl"
    for _ in range(2):
        mirror = Mirror(Shelf(run), "one", lambda series: Kept(there, series))
        for _ in range(2):
            mirror.look(NOW)
            runfolders.add(file, [runfolders.line(len(file.read_text().splitlines()) + 1)])
        mirror.close()
    (rows,) = there.values()
    assert steps(rows) == list(range(1, STEPS + 4)) and dict(rows[1][1]) == {
        "loss": 0.5,
        "score": 0.2,
        "seconds": 4.0,
    }
    assert all(isinstance(one.sink, Kept) and one.sink.closed for one in mirror.copied.values())


def test_a_run_that_went_back_to_its_checkpoint_doubles_nothing(run: Path) -> None:
    there: dict[str, list[tuple[float, Mapping[str, float]]]] = {}
    stage = run / "align.partial"
    mirror = Mirror(Shelf(run), "one", lambda series: Kept(there, series))
    mirror.look(NOW)
    runfolders.add(stage / "new", (runfolders.line(step) for step in range(1, 21)))  # as the diary rewinds
    (stage / "new").rename(stage / "metrics.jsonl")
    mirror.look(NOW)
    runfolders.add(stage / "metrics.jsonl", (runfolders.line(step) for step in range(21, 36)))
    mirror.look(NOW)
    runfolders.finish(run, "align")
    mirror.look(NOW)
    assert [steps(rows) for rows in there.values()] == [list(range(1, 36))]


def test_what_is_made_again_from_other_settings_is_another_series(run: Path) -> None:
    there: dict[str, list[tuple[float, Mapping[str, float]]]] = {}
    mirror = Mirror(Shelf(run), "one", lambda series: Kept(there, series))
    mirror.look(NOW)
    first = mirror.copied["align"].sink
    runfolders.finish(run, "align")
    runfolders.making(run, "align", 3, key="k2")
    mirror.look(NOW)
    assert {name: len(rows) for name, rows in there.items()} == {"one/align k1": STEPS, "one/align k2": 3}
    assert isinstance(first, Kept) and first.closed


def test_what_is_not_finite_is_written_as_such_and_what_is_no_line_is_counted(run: Path) -> None:
    there: dict[str, list[tuple[float, Mapping[str, float]]]] = {}
    file = run / "align.partial" / "metrics.jsonl"
    runfolders.add(
        file, [runfolders.line(31, kl="NaN", high="Infinity", low="-Infinity", word="red", yes=True)]
    )
    with file.open("a", encoding="utf-8") as out:
        out.write('[1]\n{"step": "x"}\n{"step": 32')
    mirror = Mirror(Shelf(run), "one", lambda series: Kept(there, series))
    mirror.look(NOW)
    (rows,) = there.values()
    numbers = rows[-1][1]
    assert math.isnan(numbers["kl"]) and (numbers["high"], numbers["low"]) == (math.inf, -math.inf)
    assert numbers.keys() == {"loss", "score", "seconds", "kl", "high", "low"}
    assert (mirror.copied["align"].written, mirror.copied["align"].unreadable) == (31, 2)


@pytest.mark.parametrize("to", ["", "tensorboard", "tensorboard:", "excel:file", "file.json"])
def test_a_place_that_is_none_is_named(run: Path, to: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["mirror", str(run), "--to", to]) == SettingsError.exit_code
    assert "mlflow:URI" in capsys.readouterr().err


def test_a_tool_that_is_missing_is_named_with_its_extra(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("tensorboard", "wandb", "mlflow", "trackio"):
        monkeypatch.setitem(sys.modules, name, None)
        with pytest.raises(SettingsError, match=rf"pip install 'concord-align\[{name}\]'"):
            Target.read(f"{name}:x").open(Series("one", "align", "k", 0.0))


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["mirror", str(tmp_path), "--to", "trackio:x"]) == 8
    assert "no run.json" in capsys.readouterr().err


def mirrored(run: Path, to: str, folder: Path, *more: str) -> dict[str, Any]:
    """What the command says, in a process of its own: tools keep much to themselves until they end."""
    places = {"WANDB_DIR": str(folder), "WANDB_MODE": "offline", "TRACKIO_DIR": str(folder / "trackio")}
    done = subprocess.run(
        [sys.executable, "-m", "concord", "mirror", str(run), "--to", to, "--json", *more],
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
        env={**os.environ, **places},
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr
    stages: dict[str, Any] = json.loads(done.stdout)["stages"]
    return {name: (one["written"], one["there"]) for name, one in stages.items()}


def thrice(run: Path, to: str, folder: Path) -> None:
    """Mirrors a run, once more, and once more after it went on: only what is new is written."""
    assert mirrored(run, to, folder) == {"align": (STEPS, 0)}
    assert mirrored(run, to, folder) == {"align": (0, STEPS)}
    file = run / "align.partial" / "metrics.jsonl"
    runfolders.add(file, [runfolders.line(31), runfolders.line(32, kl="NaN", high="Infinity")])
    assert mirrored(run, to, folder) == {"align": (2, STEPS)}


@pytest.mark.slow
def test_tensorboard_reads_back_what_was_written(run: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="the extra tensorboard is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    thrice(run, f"tensorboard:{tmp_path / 'board'}", tmp_path)
    events = EventAccumulator(str(tmp_path / "board" / "one" / "align" / "k1"), size_guidance={"scalars": 0})
    events.Reload()
    told = events.Scalars("loss")
    assert [one.step for one in told] == list(range(1, 33))
    assert [one.value for one in told] == pytest.approx([1 / step for step in range(1, 33)], rel=1e-6)
    assert told[9].wall_time - told[0].wall_time == pytest.approx(18.0, abs=1e-3)
    assert math.isnan(events.Scalars("kl")[0].value) and events.Scalars("high")[0].value == math.inf


@pytest.mark.slow
def test_a_mirror_that_is_killed_goes_on_where_it_was(run: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="the extra tensorboard is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    many, board = 20_000, tmp_path / "board" / "one" / "align" / "k1"
    file = run / "align.partial" / "metrics.jsonl"
    runfolders.add(file, (runfolders.line(step) for step in range(STEPS + 1, many + 1)))
    words = [sys.executable, "-m", "concord", "mirror", str(run), "--to", f"tensorboard:{tmp_path / 'board'}"]
    with subprocess.Popen(words) as process:
        while process.poll() is None and sum(one.stat().st_size for one in board.glob("*")) < 200_000:
            time.sleep(0.005)
        process.kill()
    ((written, there),) = mirrored(run, f"tensorboard:{tmp_path / 'board'}", tmp_path).values()
    assert written + there == many and there > 0 and written > 0
    events = EventAccumulator(str(tmp_path / "board" / "one" / "align" / "k1"), size_guidance={"scalars": 0})
    events.Reload()
    assert [one.step for one in events.Scalars("loss")] == list(range(1, many + 1))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy")
def test_mlflow_reads_back_what_was_written(run: Path, tmp_path: Path) -> None:
    pytest.importorskip("mlflow", reason="the extra mlflow is not installed")
    from mlflow import MlflowClient

    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    thrice(run, f"mlflow:{uri}", tmp_path)
    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name("concord")
    assert experiment is not None
    (found,) = client.search_runs([experiment.experiment_id])
    told = sorted(client.get_metric_history(found.info.run_id, "loss"), key=lambda one: one.step)
    assert [(one.step, one.value) for one in told] == [(step, 1 / step) for step in range(1, 33)]
    assert (found.info.run_name, found.info.status) == ("one/align", "FINISHED")


@pytest.mark.slow
def test_trackio_reads_back_what_was_written(run: Path, tmp_path: Path) -> None:
    pytest.importorskip("trackio", reason="the extra trackio is not installed")
    thrice(run, "trackio:project", tmp_path)
    script = (
        "import json; from trackio.sqlite_storage import SQLiteStorage as S\n"
        "print(json.dumps([[row['step'], row['loss']] for row in S.get_logs('project', 'one/align k1')]))"
    )
    environment = {**os.environ, "TRACKIO_DIR": str(tmp_path / "trackio")}
    words = [sys.executable, "-c", script]
    done = subprocess.run(words, capture_output=True, text=True, check=True, env=environment)
    told = sorted(json.loads(done.stdout.splitlines()[-1]))
    assert told == [[step, pytest.approx(1 / step)] for step in range(1, 33)]


@pytest.mark.slow
def test_wandb_writes_offline_what_it_would_send(run: Path, tmp_path: Path) -> None:
    pytest.importorskip("wandb", reason="the extra wandb is not installed")
    thrice(run, "wandb:project", tmp_path)
    files = sorted((tmp_path / "wandb").glob("offline-run-*/*.wandb"))
    assert len(files) == 2  # the second time there was nothing to write
    assert len({file.name for file in files}) == 1  # and both are one run: `wandb sync` joins them


@pytest.mark.slow
def test_a_mirror_that_follows_ends_with_the_run(run: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="the extra tensorboard is not installed")
    words = [sys.executable, "-m", "concord", "mirror", str(run), "--to", f"tensorboard:{tmp_path / 'b'}"]
    with subprocess.Popen([*words, "--follow", "--json"], stdout=subprocess.PIPE, text=True) as process:
        runfolders.add(run / "align.partial" / "metrics.jsonl", [runfolders.line(31)])
        runfolders.finish(run, "align")
        runfolders.write(run / "gate" / "verdict.json", {"go": True, "because": []})
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 0 and json.loads(out)["stages"]["align"]["last"] == 31
