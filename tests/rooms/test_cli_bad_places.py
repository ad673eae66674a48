"""What the verbs that serve, mirror and watch say of places and numbers that cannot be: never a traceback."""

import errno
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.rooms import runfolders

from concord.cli import main
from concord.errors import ModelError, StoreError
from concord.records.files import explain
from concord.runs.lock import lock

Said = Callable[..., tuple[int, str]]
BARE = "import sys; from concord.cli.main import main; sys.exit(main(sys.argv[1:]))"
NO_RIGHTS = "-dac_override,-dac_read_search"
"""What lets root read and write whatever it likes."""


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    """Carries out a command: its exit code and what it complains of."""

    def carried_out(*words: object) -> tuple[int, str]:
        code = main.main([str(word) for word in words])
        return code, capsys.readouterr().err.strip()

    return carried_out


def meek(folder: Path, *words: str) -> tuple[int, str]:
    """The same in a process for which the rights of files hold, whoever carries out the tests."""
    before = (
        ["setpriv", f"--bounding-set={NO_RIGHTS}", f"--inh-caps={NO_RIGHTS}"] if os.geteuid() == 0 else []
    )
    command = [*before, sys.executable, "-c", BARE, *words]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=120)
    except FileNotFoundError:
        pytest.skip("no setpriv, and root may read everything")
    return done.returncode, done.stderr.strip()


@pytest.mark.parametrize("verb", [("web", "people"), ("serve", "starter")], ids=lambda verb: str(verb[0]))
@pytest.mark.parametrize(
    ("port", "why"), [("99999", "above 65535"), ("-1", "below 0"), ("x", "invalid whole number")]
)
def test_a_port_that_is_none_is_refused(said: Said, verb: tuple[str, str], port: str, why: str) -> None:
    code, words = said(*verb, f"--port={port}")
    assert code == 2 and why in words and "--help` tells" in words


def test_a_port_that_is_taken_and_an_address_that_is_not_ours(said: Said, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, words = said("web", tmp_path / "people", "--port", port)
    assert code == 8
    assert (
        words == f"127.0.0.1, port {port}: Address already in use. Give another --port, or --port 0 for any."
    )
    code, words = said("web", tmp_path / "people", "--host", "192.0.2.1", "--name", "x.example")
    assert code == 8 and words.endswith("Give --host an address of this machine."), words


def test_a_certificate_is_tried_before_anybody_is_told_an_address(said: Said, tmp_path: Path) -> None:
    (tmp_path / "no.pem").write_text("no certificate")
    file = tmp_path / "no.pem"
    code, words = said("web", tmp_path / "people", "--certificate", file, "--key", file, "--port", 0)
    assert code == 2 and "Give PEM files that belong together." in words and "served" not in words


def test_a_store_that_cannot_be_opened_says_so_once(said: Said, tmp_path: Path) -> None:
    (tmp_path / "store.sqlite").mkdir()
    code, words = said("web", tmp_path)
    assert code == 8 and len(words.splitlines()) == 1
    assert "store.sqlite cannot be opened: unable to open database file. Look whether" in words


def test_a_file_in_place_of_the_runs_is_refused(said: Said, tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("")
    code, words = said("web", tmp_path / "people", "--runs", tmp_path / "runs")
    assert code == 2 and "Give the folder that holds the runs." in words


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run with one stage that wrote down numbers."""
    folder = runfolders.begun(tmp_path / "run")
    runfolders.making(folder, "align", 3)
    return folder


def test_a_mirror_refuses_what_it_cannot_write_to(said: Said, run: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    (tmp_path / "file").write_text("")
    code, words = said("mirror", run, "--to", f"tensorboard:{tmp_path / 'file'}")
    assert code == 8 and "A part of the path is a file. Choose another folder." in words


def test_a_mirror_passes_over_no_numbers_in_silence(said: Said, run: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    metrics = run / "align.partial" / "metrics.jsonl"
    metrics.write_bytes(b"\xff\x00 no numbers")
    code, words = said("mirror", run, "--to", f"tensorboard:{tmp_path / 'tb'}")
    assert code == 8 and words.startswith(f"{metrics}: no line of it could be read")
    (run / "run.json").write_text("{")
    code, words = said("mirror", run, "--to", f"tensorboard:{tmp_path / 'tb'}")
    assert code == 8 and "run.json is damaged" in words and "Restore it from a copy" in words


@pytest.mark.parametrize(
    ("option", "code"), [("--window=0", 2), ("--window=5", 2), ("--most=-1", 2), ("--window=200", 3)]
)
def test_drift_looks_at_its_numbers_before_the_log(
    said: Said, tmp_path: Path, option: str, code: int
) -> None:
    pytest.importorskip("river")
    found, words = said("drift", tmp_path / "no", "--against", tmp_path, option)
    assert found == code and (option.partition("=")[0] in words) == (code == 2), words


def test_a_log_that_is_written_by_another_is_named_with_its_option(tmp_path: Path) -> None:
    with (
        lock(tmp_path / ".lock", of=tmp_path, instead="folder with --log"),
        pytest.raises(StoreError, match="name another folder with --log"),
        lock(tmp_path / ".lock", of=tmp_path, instead="folder with --log"),
    ):
        pass


def test_a_language_model_is_no_reward_model(tmp_path: Path) -> None:
    from concord.models import choose
    from concord.stages import scorers
    from concord.stages.plan import bundled

    with pytest.raises(ModelError, match="has no head that gives a score"):
        scorers.made({"kind": "learned", "folder": "."}, bundled(), choose("cpu"), 1024)


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        "web closed/people",
        "mirror closed --to tensorboard:tb",
        "serve closed",
        "mirror run --to tensorboard:closed/tb",
    ],
)
def test_what_nobody_may_enter_is_named(run: Path, tmp_path: Path, words: str) -> None:
    (tmp_path / "closed").mkdir()
    (tmp_path / "closed").chmod(0o000)
    code, told = meek(tmp_path, *words.split())
    (tmp_path / "closed").chmod(0o700)
    assert code == 8 and "Traceback" not in told, told
    assert "closed" in told and told.endswith(
        "Permission denied. You have no rights there. Choose another place, or change its permissions."
    )


@pytest.mark.slow
def test_a_key_that_nobody_may_read_is_named(tmp_path: Path) -> None:
    for name in ("a.pem", "b.pem"):
        (tmp_path / name).write_text("x")
        (tmp_path / name).chmod(0o000)
    code, told = meek(tmp_path, *["web", "people", "--certificate", "a.pem", "--key", "b.pem"])
    assert code == 8 and told.startswith("a.pem: Permission denied.") and "Traceback" not in told


def test_for_machines_a_lack_of_rights_is_an_error_of_ours(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(*_: Any) -> int:
        raise PermissionError(errno.EACCES, "Permission denied", "/there")

    monkeypatch.setattr(main, "act", refused)
    assert main.main(["show", "--json"]) == 8
    told = json.loads(capsys.readouterr().out)["error"]
    assert told["kind"] == "StoreError" and told["message"].startswith("/there: Permission denied.")

    def lost(*_: Any) -> int:
        raise FileNotFoundError(errno.ENOENT, "No such file", "/there")

    monkeypatch.setattr(main, "act", lost)
    with pytest.raises(FileNotFoundError):  # a bug of ours: we should have looked
        main.main(["show"])


def test_free_space_is_told_where_it_matters() -> None:
    full = explain(OSError(errno.ENOSPC, "x"), Path("/tmp/x"))
    assert "MiB are free" in str(full) and "what was finished before is intact" in str(full)
    missing = explain(OSError(errno.ENOENT, "x"), Path("/tmp/x"))
    assert str(missing) == "/tmp/x: No such file or directory. It does not exist. Check the path."


@pytest.mark.parametrize("verb", ["doctor", "demo", "show"])
def test_a_folder_deleted_under_the_shell_is_said_to_be_so(
    said: Said, verb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert said(verb) == (
        StoreError.exit_code,
        "The folder that you are in was deleted. Change to one that is there.",
    )


def test_another_recipe_of_the_same_name_takes_no_run_over(
    said: Said, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`concord init` calls every recipe recipe.yaml, and a run's folder is named after its recipe."""
    monkeypatch.chdir(tmp_path)
    for name in ("one", "two"):
        Path(name).mkdir()
        Path(name, "recipe.yaml").write_text("rank: {by: panel}\n", encoding="utf-8")
    run = tmp_path / "runs" / "recipe"
    run.mkdir(parents=True)
    made = json.dumps({"recipe": str(tmp_path / "one" / "recipe.yaml")})
    (run / "run.json").write_text(made, encoding="utf-8")
    for words in (("run",), ("run", "--plan"), ("sft",), ("gate",)):
        code, told = said(words[0], "two/recipe.yaml", *words[1:])
        assert code == StoreError.exit_code and "name another folder with --run" in told, words
        assert f"runs/recipe is the run of {tmp_path / 'one' / 'recipe.yaml'}" in told
    assert (run / "run.json").read_text(encoding="utf-8") == made
    for words in (("one/recipe.yaml",), ("two/recipe.yaml", "--run", "runs/recipe")):
        assert said("run", *words, "--plan")[0] == 0
