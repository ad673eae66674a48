"""Locks and run folders: one process at a time, and every stage whole, whenever the process is killed."""

import fcntl
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from concord.errors import StoreError
from concord.records import manifest
from concord.runs import Loaded, Run, load, lock


@pytest.fixture
def loaded(tmp_path: Path) -> Loaded:
    (tmp_path / "r.yaml").write_text("seed: 3  # mine\n")
    return load(tmp_path / "r.yaml", ["align.kl=0.25"])


def make(run: Run, name: str, text: str, key: str = "k") -> None:
    (run.begin(name, key) / "out.txt").write_text(text)
    run.finish(name, {"key": key, "seconds": 1.5})


def left(script: str, *words: str) -> int:
    """The exit code of a process of its own that runs a script."""
    return subprocess.run([sys.executable, "-c", script, *words], check=False).returncode


@pytest.mark.slow
def test_a_second_process_is_told_who_holds_the_lock(tmp_path: Path) -> None:
    script = (
        "import sys, pathlib\nfrom concord.runs import lock\n"
        "with lock(pathlib.Path(sys.argv[1])):\n print('held', flush=True)\n sys.stdin.read()"
    )
    path = tmp_path / "ein ü" / ".lock"
    path.parent.mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", script, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(StoreError) as caught, lock(path):
            pass
        said = str(caught.value)
        who = f"process {process.pid} on {os.uname().nodename}"
        assert said.startswith(f"{path.parent} is in use by {who} since 2")
        assert "+00:00. Wait for it to end or stop it, or name another folder with --run." in said
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert "pid" in path.read_text()  # stale words of the dead block nobody
    with lock(path):
        assert json.loads(path.read_text())["pid"] == os.getpid()
    assert path.read_text() == ""


def test_a_lock_waits_as_long_as_it_was_told(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    again = lock(path, 0.1, of=Path("a/b"))
    with lock(path), pytest.raises(StoreError, match=r"^a/b is in use by process"), again:
        pass
    path.write_text("rubbish")
    with open(path, "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(StoreError, match=r"another process, which has not yet said which"), lock(path):
            pass


def test_a_run_folder_says_what_was_asked_and_where(tmp_path: Path, loaded: Loaded) -> None:
    folder = tmp_path / "runs" / "erster Lauf ü"
    with Run.open(folder, loaded) as run:
        assert run.folder == folder
    assert (folder / "recipe.yaml").read_text() == "seed: 3  # mine\n"
    assert load(folder / "resolved.yaml").recipe == loaded.recipe
    facts = json.loads((folder / "run.json").read_text())
    assert (facts["seed"], facts["overrides"], facts["commit"]) == (3, ["align.kl=0.25"], None)
    assert facts["recipe"] == str(tmp_path / "r.yaml")
    assert facts["python"] == ".".join(str(part) for part in sys.version_info[:3])
    assert {"concord", "torch", "transformers", "host", "platform"} <= set(facts)


def test_a_run_has_one_owner(tmp_path: Path, loaded: Loaded) -> None:
    with Run.open(tmp_path / "run", loaded):
        with pytest.raises(StoreError, match=f"is in use by process {os.getpid()}"):
            Run.open(tmp_path / "run", loaded)
        assert Run(tmp_path / "run").finished("sft") is None  # looking needs no lock
    Run.open(tmp_path / "run", loaded).close()


def test_folders_that_cannot_be_a_run_are_refused(tmp_path: Path, loaded: Loaded) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"file is a file, not a run folder. Name another with --run."):
        Run.open(tmp_path / "file", loaded)
    with pytest.raises(StoreError, match=r"A part of the path is a file. Choose another folder"):
        Run.open(tmp_path / "file" / "run", loaded)
    with pytest.raises(StoreError, match=r"/proc/1/run: "):
        Run.open("/proc/1/run", loaded)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "recipe.yaml").write_text("precious: 1\n")
    with pytest.raises(StoreError, match=r"recipe.yaml would be written over"):
        Run.open(tmp_path / "mine", loaded)
    assert (tmp_path / "mine" / "recipe.yaml").read_text() == "precious: 1\n"
    with lock(tmp_path / "mine" / ".lock"):
        pass  # the refused one let go


def test_a_recipe_in_its_own_run_folder_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text("seed: 1\n")
    Run.open(tmp_path, load(tmp_path / "recipe.yaml")).close()
    assert (tmp_path / "recipe.yaml").read_text() == "seed: 1\n"
    Run.open(tmp_path, load(tmp_path / "recipe.yaml")).close()


def test_a_stage_is_begun_resumed_finished_and_forgotten(tmp_path: Path, loaded: Loaded) -> None:
    with Run.open(tmp_path / "run", loaded) as run:
        partial = run.begin("rivals/dpo", "key one")
        assert partial == run.partial("rivals/dpo") == tmp_path / "run" / "rivals" / "dpo.partial"
        assert (tmp_path / "run" / ".locks" / "rivals-dpo.lock").exists()
        (partial / "half").write_text("x")
        assert (run.begin("rivals/dpo", "key one") / "half").exists()
        assert run.finished("rivals/dpo") is None
        assert not (run.begin("rivals/dpo", "key two") / "half").exists()
        assert run.finish("rivals/dpo", {"seconds": 2}) == run.path("rivals/dpo")
        assert run.finished("rivals/dpo") == {"seconds": 2}
        assert not partial.exists()
        assert run.names() == ["rivals/dpo"]
        run.forget("rivals/dpo")
        run.forget("rivals/dpo")
        assert run.finished("rivals/dpo") is None
        assert run.names() == []


def test_what_a_killed_process_left_in_the_cache_is_swept_and_the_rest_stays(
    tmp_path: Path, loaded: Loaded
) -> None:
    with Run.open(tmp_path / "run", loaded) as run:
        for name in ("rankings-1", ".tmp-1", "reference-2"):
            (run.cache / name).mkdir(parents=True)
            (run.cache / name / "tokens.npy").write_text("x")
        (run.cache / "reference-2" / ".tmp-3").write_text("x")
    with Run.open(tmp_path / "run", loaded) as run:
        found = sorted(path.relative_to(run.cache).as_posix() for path in run.cache.rglob("*.npy"))
        assert found == ["rankings-1/tokens.npy", "reference-2/tokens.npy"]
        assert not (run.cache / "reference-2" / ".tmp-3").exists()
        assert run.names() == []


def test_a_stage_has_one_maker(tmp_path: Path, loaded: Loaded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("concord.runs.folder.PATIENCE", 0.1)
    with Run.open(tmp_path / "run", loaded) as run:
        run.begin("sft", "k")
        with pytest.raises(StoreError, match=f"run/sft is in use by process {os.getpid()}"):
            Run(tmp_path / "run").begin("sft", "k")
        run.release("sft")
        Run(tmp_path / "run").begin("sft", "k")


def test_a_damaged_stage_is_named(tmp_path: Path, loaded: Loaded) -> None:
    with Run.open(tmp_path / "run", loaded) as run:
        make(run, "sft", "new")
        assert run.finished("sft") == {"key": "k", "seconds": 1.5}
    script = (
        "import sys\nfrom concord.errors import StoreError\nfrom concord.runs import Run\n"
        "try: Run(sys.argv[1]).finished('sft')\n"
        "except StoreError as error: sys.exit(8 if 'out.txt has changed' in str(error) else 1)"
    )
    (tmp_path / "run" / "sft" / "out.txt").write_text("nEw")
    assert left(script, str(tmp_path / "run")) == StoreError.exit_code
    with Run.open(tmp_path / "run", loaded) as run:
        run.forget("sft")  # --again needs nothing whole
        assert run.finished("sft") is None


def test_what_concord_did_not_write_is_never_deleted(tmp_path: Path, loaded: Loaded) -> None:
    with Run.open(tmp_path / "run", loaded) as run:
        run.path("sft").mkdir()
        (run.path("sft") / "thesis.txt").write_text("years of work")
        with pytest.raises(StoreError, match=r"sft is in the way: it has no MANIFEST.json"):
            make(run, "sft", "new")
        with pytest.raises(StoreError, match=r"sft is in the way: it has no MANIFEST.json"):
            run.forget("sft")
        assert (run.path("sft") / "thesis.txt").read_text() == "years of work"


def test_a_failed_renaming_leaves_the_old_stage(
    tmp_path: Path, loaded: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(partial: Path, final: Path) -> None:
        raise StoreError("no room")

    with Run.open(tmp_path / "run", loaded) as run:
        make(run, "sft", "old")
        monkeypatch.setattr(manifest, "publish", full)
        with pytest.raises(StoreError, match=r"no room"):
            make(run, "sft", "new")
        assert (run.path("sft") / "out.txt").read_text() == "old"
        assert run.finished("sft") == {"key": "k", "seconds": 1.5}


KILL = """
import itertools, os, signal, sys
from pathlib import Path
from concord.runs import Run, load

def deadly(act, steps):
    def dying(*args, **more):
        if next(steps) == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return act(*args, **more)
    return dying

def finish(folder, steps):
    loaded = load(folder.parent / "r.yaml")
    run = Run.open(folder, loaded)
    if sys.argv[2] == "True":
        (run.begin("rivals/dpo", "k") / "out.txt").write_text("old")
        run.finish("rivals/dpo", {"which": "old"})
    (run.begin("rivals/dpo", "k") / "out.txt").write_text("new")
    count = itertools.count(steps, -1)
    for name in ("rename", "replace", "unlink", "rmdir", "mkdir", "fsync"):
        setattr(os, name, deadly(getattr(os, name), count))
    run.finish("rivals/dpo", {"which": "new"})

for steps in itertools.count():
    pid = os.fork()
    if pid == 0:
        finish(Path(sys.argv[1]) / str(steps), steps)
        os._exit(0)
    if os.waitpid(pid, 0)[1] != signal.SIGKILL:
        break
"""


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.slow
def test_killed_at_any_step_of_finishing_leaves_the_old_or_the_new(
    tmp_path: Path, loaded: Loaded, before: bool
) -> None:
    assert left(KILL, str(tmp_path), str(before)) == 0
    found = []
    for folder in sorted(tmp_path.glob("[0-9]*"), key=lambda path: int(path.name)):
        with Run.open(folder, loaded) as run:
            facts = run.finished("rivals/dpo")
            text = (run.path("rivals/dpo") / "out.txt").read_text() if facts else "none"
            assert facts == (None if text == "none" else {"which": text})
            assert not (folder / ".old").exists()
            assert not (folder / ".trash").exists()
            if text == "new":
                assert not run.partial("rivals/dpo").exists()
            else:  # what was made is still there to go on with
                assert (run.begin("rivals/dpo", "k") / "out.txt").read_text() == "new"
        found.append(text)
    assert len(found) > 5
    first = "old" if before else "none"
    assert found == sorted(found, key=[first, "new"].index)  # at first the old, from some step on the new
    assert set(found) == {first, "new"}
