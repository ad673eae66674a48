"""The diary: a line a step at once on the disk, honest about NaN, exact after a kill."""

import io
import json
import sys
from pathlib import Path

import pytest
import torch

from concord.errors import StoreError
from concord.training import Diary


def test_lines_are_on_the_disk_at_once_and_nan_is_a_word(tmp_path: Path) -> None:
    path = tmp_path / "sft" / "metrics.jsonl"
    diary = Diary(path, "sft", show=False)
    diary(
        1,
        {"loss": torch.tensor(0.5), "kl": float("nan"), "up": float("inf"), "down": torch.tensor(-torch.inf)},
    )
    line = json.loads(path.read_text())
    assert line["step"] == 1 and line["loss"] == 0.5
    assert (line["kl"], line["up"], line["down"]) == ("NaN", "Infinity", "-Infinity")
    assert line["seconds"] >= 0 and line["memory_mb"] > 1 and "tokens_per_second" not in line
    diary(2, {"loss": 1.0, "tokens": torch.tensor(640)})
    second = json.loads(path.read_text().splitlines()[1])
    assert second["tokens"] == 640 and second["tokens_per_second"] > 0
    diary.close()


def test_rewind_drops_later_lines_and_a_torn_one(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    kept = '{"step": 1, "loss": 0.5, "seconds": 3.0}\n{"step": 2, "loss": 0.4, "seconds": 100.5}\n'
    path.write_text(kept + '{"step": 3, "loss": 0.3, "seconds": 200.0}\n{"step": 4, "lo')
    diary = Diary(path, "sft", show=False)
    diary.rewind(2)
    assert path.read_text() == kept
    diary(3, {"loss": 0.25})
    diary.close()
    last = json.loads(path.read_text().splitlines()[-1])
    assert last["step"] == 3 and last["loss"] == 0.25
    assert 100.5 <= last["seconds"] < 130  # goes on counting from the last kept line
    diary.rewind(0)
    assert path.read_bytes() == b""


def test_rewind_without_a_diary_does_nothing(tmp_path: Path) -> None:
    Diary(tmp_path / "metrics.jsonl", "sft", show=False).rewind(5)
    assert list(tmp_path.iterdir()) == []


def test_damage_in_the_middle_is_an_error_at_the_end_it_is_not(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    good = '{"step": 1, "seconds": 1.0}\n'
    path.write_bytes(good.encode() + b"\x00\x00\xff\n{}\n")
    Diary(path, "sft", show=False).rewind(9)
    assert path.read_text() == good
    path.write_bytes(b"\x00\x00\xff\n" + good.encode())
    with pytest.raises(StoreError, match=r"metrics\.jsonl:1 is damaged"):
        Diary(path, "sft", show=False).rewind(9)


def test_without_a_terminal_first_and_last_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    diary = Diary(tmp_path / "metrics.jsonl", "sft", total=None)
    for number in range(1, 6):
        diary(number, {"loss": 1.0 / number, "tokens": 10.0})
    diary.close()
    out, err = capsys.readouterr()
    told = err.splitlines()
    assert out == "" and len(told) == 2
    assert told[0].startswith("sft: step 1, loss 1,") and "tokens/s" in told[0]
    assert told[1].startswith("sft: step 5, loss 0.2,")


def test_the_last_of_a_known_total_is_told_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    diary = Diary(tmp_path / "metrics.jsonl", "sft", total=2)
    diary(1, {"loss": 1.0})
    diary(2, {"loss": float("nan"), "skipped": 1.0})
    diary.close()
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 2 and told[1].startswith("sft: step 2 of 2, loss nan")
    assert told[1].endswith("not learned: not finite")


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_one_moving_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    diary = Diary(tmp_path / "metrics.jsonl", "align [ppo]", total=3)
    diary(1, {"loss": 0.25})
    diary(3, {"loss": 0.125})
    diary.close()
    assert "align [ppo]" in screen.getvalue() and "3/3" in screen.getvalue()
    assert "loss 0.125" in screen.getvalue()


def test_a_moving_line_goes_on_though_what_stands_in_for_its_terminal_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So it was with rich before 15."""
    screen, instead = Screen(), io.StringIO()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    diary = Diary(tmp_path / "metrics.jsonl", "align [ppo]", total=3)
    diary(1, {"loss": 0.25})
    with monkeypatch.context() as inner:
        inner.setattr(sys, "stderr", instead)
        diary(3, {"loss": 0.125})
    diary.close()
    assert "3/3" in screen.getvalue() and instead.getvalue() == ""


def test_a_diary_that_cannot_be_written_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"metrics\.jsonl: "):
        Diary(tmp_path / "file" / "metrics.jsonl", "sft", show=False)(1, {"loss": 1.0})


def test_a_watcher_sees_what_matters_and_how_long_it_takes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    diary = Diary(tmp_path / "metrics.jsonl", "align", total=3)
    diary.began -= 4.0  # as if the first step had taken four seconds: two steps are left
    diary(1, {"loss": 1.0, "score": 0.5, "kl": 1.25})
    diary.close()
    line = capsys.readouterr().err.strip()
    assert line.startswith("align: step 1 of 3, loss 1, score 0.50, drift 1.25 nats, ")
    assert line.endswith(", 8 s left")
