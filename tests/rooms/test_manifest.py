"""Files and manifests: whole or not there, and every change since the sealing is noticed."""

import errno
import os
from pathlib import Path

import pytest

from concord.errors import StoreError
from concord.records.files import (
    read_json,
    read_rows,
    storing,
    write_json,
    write_lines,
    write_rows,
    write_text,
)
from concord.records.manifest import NAME, contents, facts, flaw, publish, seal


def test_text_and_values_come_back(tmp_path: Path) -> None:
    write_text(tmp_path / "a" / "b.txt", "one\ntwo \u2028 ü\n")
    assert (tmp_path / "a" / "b.txt").read_bytes() == "one\ntwo \u2028 ü\n".encode()
    write_json(tmp_path / "c.json", {"x": [1, 2.5, None, "ü"]})
    assert read_json(tmp_path / "c.json") == {"x": [1, 2.5, None, "ü"]}
    write_rows(tmp_path / "r.jsonl", [{"t": "a\u2028b\nc"}, {"t": "d"}])
    assert (tmp_path / "r.jsonl").read_bytes().count(b"\n") == 2
    assert list(read_rows(tmp_path / "r.jsonl")) == [{"t": "a\u2028b\nc"}, {"t": "d"}]


def test_nan_is_refused_and_the_old_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    write_rows(path, [1])
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_rows(path, [2, float("nan")])
    assert path.read_text() == "1\n"
    assert [p.name for p in tmp_path.iterdir()] == ["r.jsonl"]


def test_a_failed_write_leaves_the_old_file_and_no_draft(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "old")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(
        StoreError, match=r"a\.txt: No space left on device\. \d+ MiB are free\. The disk is full"
    ):
        write_lines(path, ["new"])
    assert path.read_text() == "old\n" and [p.name for p in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.EACCES, "You have no rights there"),
        (errno.EROFS, "read-only"),
        (errno.EDQUOT, "quota"),
        (errno.EIO, "Check the disk"),
    ],
)
def test_refusals_say_what_to_do(tmp_path: Path, number: int, advice: str) -> None:
    with pytest.raises(StoreError, match=advice) as caught, storing(tmp_path / "x"):
        raise OSError(number, os.strerror(number))
    assert os.strerror(number) in str(caught.value) and str(tmp_path / "x") in str(caught.value)


def test_damaged_files_are_named_by_line(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(StoreError, match=r"a\.json is damaged"):
        read_json(tmp_path / "a.json")
    (tmp_path / "a.jsonl").write_text('{"x": 1}\n{"x":\n')
    with pytest.raises(StoreError, match=r"a\.jsonl:2 is damaged"):
        list(read_rows(tmp_path / "a.jsonl"))
    with pytest.raises(StoreError, match=r"none\.json: No such file"):
        read_json(tmp_path / "none.json")


def sealed(folder: Path) -> Path:
    folder.mkdir()
    write_text(folder / "a.txt", "abc")
    write_text(folder / "model" / "b.txt", "def")
    seal(folder, {"key": "k", "seconds": 1.5})
    return folder


def test_a_sealed_folder_verifies_and_tells_its_facts(tmp_path: Path) -> None:
    folder = sealed(tmp_path / "sft.partial")
    assert flaw(folder) is None and facts(folder) == {"key": "k", "seconds": 1.5}
    assert [p.relative_to(folder).as_posix() for p in contents(folder)] == ["a.txt", "model/b.txt"]
    manifest = read_json(folder / NAME)["files"]
    # sha256 of "abc\n", known from sha256sum
    assert manifest["a.txt"] == {
        "size": 4,
        "sha256": "edeaaff3f1774ad2888673770c6d64097e391bc362d7d6fb34982ddf0efd18cb",
    }
    publish(folder, tmp_path / "sft")
    assert flaw(tmp_path / "sft") is None and not folder.exists()


def test_publishing_over_a_finished_folder_is_refused(tmp_path: Path) -> None:
    sealed(tmp_path / "sft")
    with pytest.raises(StoreError):
        publish(sealed(tmp_path / "sft.partial"), tmp_path / "sft")
    assert flaw(tmp_path / "sft") is None and flaw(tmp_path / "sft.partial") is None


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.txt", "abd\n", "has changed"),
        ("a.txt", "ab", "has 2 bytes, not 4"),
        ("model/b.txt", None, "is missing"),
        (NAME, None, "was never finished"),
        (NAME, "{", "cannot be read"),
        (NAME, "[]", "cannot be read"),
        (NAME, '{"files": {}}', "cannot be read"),
    ],
)
def test_every_change_is_noticed(tmp_path: Path, name: str, text: str | None, message: str) -> None:
    folder = sealed(tmp_path / "sft")
    if text is None:
        (folder / name).unlink()
    else:
        (folder / name).write_text(text)
    assert message in str(flaw(folder))
    with pytest.raises(StoreError, match="--again"):
        facts(folder)
