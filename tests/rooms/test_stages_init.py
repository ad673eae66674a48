"""`concord init`: into any folder that has no recipe, all of it or nothing."""

import shutil
from pathlib import Path

import pytest

from concord import formats
from concord.cli.main import main
from concord.errors import StoreError
from concord.records.files import read_rows
from concord.stages import demo

COUNTS = {"demonstrations": 3, "more_demonstrations": 5, "prompts": 4, "held_out": 2}


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """A world in small."""
    for name, count in {"DEMONSTRATIONS": 3, "MORE": 5, "PROMPTS": 4, "HELD_OUT": 2}.items():
        monkeypatch.setattr(demo, name, count)


def whole(folder: Path) -> bool:
    """Whether everything stands there, and nothing of a draft."""
    counts = {path.stem: len(list(read_rows(path))) for path in (folder / "data").iterdir()}
    return counts == COUNTS and (folder / "recipe.yaml").is_file() and not (folder / ".concord-init").exists()


def test_init_goes_into_the_folder_where_one_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A repository's folder, with what is in it already."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".git").mkdir()
    (tmp_path / "notes.txt").write_text("mine")
    assert main(["init", "."]) == 0
    assert capsys.readouterr().out.endswith("Now give `concord run recipe.yaml`.\n")
    assert whole(tmp_path) and (tmp_path / "notes.txt").read_text() == "mine" and (tmp_path / ".git").is_dir()


@pytest.mark.parametrize("name", ["recipe.yaml", "data"])
def test_init_never_writes_over_what_it_would_bring(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / name / "mine").touch()
    with pytest.raises(StoreError) as caught:
        demo.init(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path / name} is there already; nothing is written over. Name another folder."
    )
    assert [path.name for path in tmp_path.rglob("*")] == [name, "mine"]


@pytest.mark.parametrize("written", [("data/prompts.jsonl",), ("data/prompts.jsonl", "recipe.yaml")])
def test_init_killed_before_its_moves_begins_anew(tmp_path: Path, written: tuple[str, ...]) -> None:
    (tmp_path / ".concord-init" / "data").mkdir(parents=True)
    for name in written:
        (tmp_path / ".concord-init" / name).write_text('{"id": "0", "mess')
    demo.init(tmp_path)
    assert whole(tmp_path)


def test_init_killed_between_its_moves_makes_the_second(tmp_path: Path) -> None:
    demo.init(tmp_path)
    (tmp_path / ".concord-init").mkdir()
    (tmp_path / "recipe.yaml").rename(tmp_path / ".concord-init" / "recipe.yaml")
    with (tmp_path / "data" / "prompts.jsonl").open("a") as file:
        file.write("{}\n")  # what was moved is not written again
    demo.init(tmp_path)
    assert not whole(tmp_path)
    assert len(list(read_rows(tmp_path / "data" / "prompts.jsonl"))) == 5
    assert (tmp_path / "recipe.yaml").is_file() and not (tmp_path / ".concord-init").exists()


def test_init_that_fails_leaves_nothing_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "write_prompts", lambda *_: shutil.copy(tmp_path / "none", tmp_path))
    with pytest.raises(StoreError, match="No such file"):
        demo.init(tmp_path / "new")
    assert list((tmp_path / "new").iterdir()) == []
