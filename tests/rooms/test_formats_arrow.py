"""Folders of datasets and Parquet files: read as they were laid out, refused where they lead astray."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from concord.errors import RecordError
from concord.formats import read_prompts, read_rankings
from concord.formats.containers import rows


def save(folder: Path, found: list[dict[str, Any]], **state: Any) -> None:
    """A folder as `Dataset.save_to_disk` lays it out: two Arrow streams and a note of their names."""
    arrow = pytest.importorskip("pyarrow")
    folder.mkdir()
    names = ["data-00000-of-00002.arrow", "data-00001-of-00002.arrow"]
    for name, part in zip(names, (found[:1], found[1:]), strict=True):
        table = arrow.Table.from_pylist(part)
        with (
            arrow.OSFile(str(folder / name), "wb") as file,
            arrow.ipc.new_stream(file, table.schema) as writer,
        ):
            writer.write_table(table)
    note = {"_data_files": [{"filename": name} for name in names], "_indices_data_files": None, **state}
    (folder / "state.json").write_text(json.dumps(note))
    (folder / "dataset_info.json").write_text("{}")


def test_a_folder_of_datasets(tmp_path: Path) -> None:
    turn = {"role": "user", "content": "x"}
    pair = {"prompt": [turn], "chosen": [{"role": "assistant", "content": "a"}]}
    found = [pair | {"rejected": [{"role": "assistant", "content": text}]} for text in "bc"]
    save(tmp_path / "train", found)
    records = read_rankings(tmp_path / "train")
    assert records.format == "trl-preference-chat"
    assert [one.completions[1].text for one in records] == ["b", "c"]
    assert [line.number for line in rows(tmp_path / "train")] == [1, 2]
    save(tmp_path / "chosen", found, _indices_data_files=[{"filename": "indices.arrow"}])
    with pytest.raises(RecordError, match="flatten_indices"):
        read_rankings(tmp_path / "chosen")
    save(tmp_path / "out", found, _data_files=[{"filename": "../train/data-00000-of-00002.arrow"}])
    with pytest.raises(RecordError, match="is no plain file name"):
        read_rankings(tmp_path / "out")
    save(tmp_path / "less", found, _data_files=[{"filename": "data-00002-of-00002.arrow"}])
    with pytest.raises(RecordError, match="is missing, though its folder names it"):
        read_rankings(tmp_path / "less")
    (tmp_path / "dataset_dict.json").write_text('{"splits": ["train", "test"]}')
    with pytest.raises(RecordError, match=r"holds several splits\. Name one of them: .*train, .*test"):
        read_rankings(tmp_path)


def test_parquet_without_its_package_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    (tmp_path / "rows.parquet").write_bytes(b"PAR1")
    with pytest.raises(RecordError, match=r"pip install 'concord-align\[parquet\]'"):
        read_prompts(tmp_path / "rows.parquet")
