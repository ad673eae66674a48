"""Reading other people's folders: no link, no pipe and no name leads anywhere but into the folder itself."""

import os
import shutil
from pathlib import Path

import pytest
from tests.rooms import runfolders

from concord.monitoring.shelf import Shelf, runs, step


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    runfolders.begun(tmp_path / "runs" / "one")
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "run.json").write_text('{"seed": "secret"}', encoding="utf-8")
    return Shelf(tmp_path / "runs")


def test_runs_are_folders_with_a_run_in_them_the_one_begun_last_first(shelf: Shelf) -> None:
    (shelf.root / "notes").mkdir()
    (shelf.root / "file").touch()
    second = runfolders.begun(shelf.root / "two")
    runfolders.begun(shelf.root / ".hidden")
    os.utime(second / "run.json", (2**31, 2**31))
    assert runs(shelf) == ["two", "one"]
    assert runs(Shelf(shelf.root / "nowhere")) == []


def test_a_link_is_followed_nowhere_wherever_it_stands(shelf: Shelf, tmp_path: Path) -> None:
    (shelf.root / "linked").symlink_to(tmp_path / "secret")
    (shelf.root / "one" / "sft").symlink_to(tmp_path / "secret")
    (shelf.root / "one" / "report.html").symlink_to(tmp_path / "secret" / "run.json")
    (shelf.root / "one" / "inside").symlink_to(shelf.root / "one" / "run.json")
    one = shelf / "one"
    assert runs(shelf) == ["one"] and one.entries() == [] and one.files(".html") == []
    for name in ("report.html", "inside", "sft/run.json"):
        assert one.open(name) is None and one.read(name) is None and not one.holds(name), name
    assert (shelf / "linked").json("run.json") == {} and one.json("run.json")["seed"] == 1


def test_no_name_leads_out(shelf: Shelf) -> None:
    for name in ("../secret/run.json", "..", "/etc/passwd", "a\0b", "", ".", "one/../../secret/run.json"):
        assert shelf.open(name) is None, name
        assert (shelf / "one" / "..").open(name) is None, name
    folder = os.open(shelf.root, os.O_RDONLY)
    assert step(folder, "..", os.O_RDONLY) is None and step(folder, "one/run.json", os.O_RDONLY) is None
    os.close(folder)


def test_the_root_itself_may_be_a_link_for_the_operator_named_it(shelf: Shelf, tmp_path: Path) -> None:
    (tmp_path / "alias").symlink_to(shelf.root)
    assert runs(Shelf(tmp_path / "alias")) == ["one"]


def test_nobody_waits_at_a_pipe_and_no_folder_is_a_file(shelf: Shelf) -> None:
    os.mkfifo(shelf.root / "one" / "metrics.jsonl")
    (shelf.root / "one" / "report.html").mkdir()
    assert (shelf / "one").open("metrics.jsonl") is None and (shelf / "one").open("report.html") is None


def test_what_is_half_written_too_long_or_gone_is_nothing(shelf: Shelf) -> None:
    one = shelf / "one"
    (one.root / "one" / "half.json").write_text('{"a": ', encoding="utf-8")
    (one.root / "one" / "list.json").write_text("[1]", encoding="utf-8")
    (one.root / "one" / "deep.json").write_text("[" * 100_000, encoding="utf-8")
    for name in ("half.json", "list.json", "deep.json", "none.json"):
        assert one.json(name) == {}, name
    assert one.read("run.json", most=3) is None
    shutil.rmtree(shelf.root / "one")
    assert one.entries() == [] and one.files("x") == [] and one.changed("run.json") is None
