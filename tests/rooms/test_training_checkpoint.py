"""Checkpoints: whole or not there, verified before they are used, and kept until a newer one is proven."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from concord.errors import StoreError
from concord.training import Checkpoint, Checkpoints, Saving, network_tensors, restore_networks, rng_tensors

FACTS = {"rate": 0.1, "data": "abc", "sizes": (1, 2)}


def some(step: int) -> dict[str, torch.Tensor]:
    return {"policy.weight": torch.full((2, 3), float(step)), "policy.step": torch.tensor(float(step))}


def filled(folder: Path, *steps: int, keep: int = 2) -> Checkpoints:
    checkpoints = Checkpoints(folder, keep=keep, facts=FACTS)
    for step in steps:
        checkpoints.save(step, some(step), {"cursor": step * 10})
    return checkpoints


def newest(checkpoints: Checkpoints) -> Checkpoint:
    found = checkpoints.newest()
    assert found is not None
    return found


def test_what_is_saved_comes_back_to_the_bit(tmp_path: Path) -> None:
    filled(tmp_path, 3)
    found = newest(Checkpoints(tmp_path, facts=FACTS))
    assert found.step == 3 and found.state == {"cursor": 30} and found.path.name == "000003"
    tensors = found.tensors()
    assert torch.equal(tensors["policy.weight"], torch.full((2, 3), 3.0))
    assert tensors["policy.step"].shape == ()
    assert torch.equal(tensors["rng.cpu"], rng_tensors()["rng.cpu"])
    assert sorted(p.name for p in found.path.iterdir()) == [
        "MANIFEST.json",
        "state.json",
        "tensors.safetensors",
    ]


def test_the_newest_few_are_kept(tmp_path: Path) -> None:
    filled(tmp_path, 1, 2, 5, 10)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["000005", "000010"]
    assert Checkpoints(tmp_path / "none").newest() is None


def test_order_is_by_number_beyond_six_digits(tmp_path: Path) -> None:
    checkpoints = filled(tmp_path, 999_999, 1_000_000)
    assert newest(checkpoints).step == 1_000_000


def test_shared_strided_and_empty_tensors_are_saved(tmp_path: Path) -> None:
    whole = torch.arange(6.0).reshape(2, 3)
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(1, {"a": whole, "b": whole, "row": whole[1], "t": whole.T, "none": torch.empty(0)}, {})
    back = newest(checkpoints).tensors()
    assert torch.equal(back["a"], back["b"]) and torch.equal(back["t"], whole.T)
    assert torch.equal(back["row"], whole[1]) and back["none"].numel() == 0


def damage_every_bit(path: Path, every: int) -> list[Callable[[], None]]:
    raw = path.read_bytes()

    def flip(bit: int) -> None:
        changed = bytearray(raw)
        changed[bit // 8] ^= 1 << (bit % 8)
        path.write_bytes(bytes(changed))

    return [lambda bit=bit: flip(bit) for bit in range(0, len(raw) * 8, every)]  # type: ignore[misc]


@pytest.mark.parametrize(
    ("name", "every"), [("tensors.safetensors", 997), ("state.json", 61), ("MANIFEST.json", 5)]
)
def test_one_flipped_bit_is_named_and_passed_over(tmp_path: Path, name: str, every: int) -> None:
    checkpoints = filled(tmp_path, 1, 2)
    for flip in damage_every_bit(tmp_path / "000002" / name, every):
        flip()
        assert newest(checkpoints).step == 1
        assert len(checkpoints.skipped) == 1 and "000002" in checkpoints.skipped[0]


def cut(folder: Path) -> None:
    os.truncate(folder / "tensors.safetensors", 100)


def unsealed(folder: Path) -> None:
    (folder / "MANIFEST.json").unlink()


def lost(folder: Path) -> None:
    (folder / "tensors.safetensors").unlink()


def emptied(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()


def renamed(folder: Path) -> None:
    folder.rename(folder.with_name("000007"))


@pytest.mark.parametrize("damage", [cut, unsealed, lost, emptied, renamed])
def test_other_damage_is_named_and_passed_over(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    checkpoints = filled(tmp_path, 1, 2)
    damage(tmp_path / "000002")
    assert newest(checkpoints).step == 1
    assert len(checkpoints.skipped) == 1 and "00000" in checkpoints.skipped[0]
    # going on from 1: the damaged one does not count among those kept, nor does it outlive the next
    checkpoints.save(2, some(2), {})
    assert sorted(p.name for p in tmp_path.iterdir()) == ["000001", "000002"]
    assert newest(checkpoints).step == 2 and checkpoints.skipped == []


def test_if_none_is_sound_there_is_none(tmp_path: Path) -> None:
    checkpoints = filled(tmp_path, 1, 2)
    for step in ("000001", "000002"):
        cut(tmp_path / step)
    assert checkpoints.newest() is None and len(checkpoints.skipped) == 2


def test_another_runs_checkpoint_is_refused_by_name_and_value(tmp_path: Path) -> None:
    filled(tmp_path, 1)
    other = Checkpoints(tmp_path, facts={"rate": 0.2, "data": "abc", "sizes": [1, 2], "tokenizer": "t"})
    with pytest.raises(StoreError) as caught:
        other.newest()
    text = str(caught.value)
    assert "`rate` was 0.1, now it is 0.2" in text and "`tokenizer` was absent, now it is 't'" in text
    assert "--again" in text and "data" not in text and "sizes" not in text


def test_leftovers_of_a_killed_save_are_removed_at_start(tmp_path: Path) -> None:
    filled(tmp_path, 1)
    (tmp_path / ".tmp-dead").mkdir()
    (tmp_path / ".tmp-dead" / "tensors.safetensors").write_bytes(b"half")
    (tmp_path / ".tmp-file").write_bytes(b"half")
    assert newest(Checkpoints(tmp_path, facts=FACTS)).step == 1
    assert [p.name for p in tmp_path.iterdir()] == ["000001"]


def test_every_failing_call_leaves_a_good_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The n-th fsync or rename fails, for every n: an error that says so, and step 1 or 2 still verifies."""
    real = {name: getattr(os, name) for name in ("fsync", "rename", "replace")}
    calls, fatal = 0, 0

    def failing(name: str) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == fatal:
                raise OSError(28, "No space left on device")
            return real[name](*args, **kwargs)

        return call

    for fatal in range(1, 40):
        folder = tmp_path / str(fatal)
        checkpoints = filled(folder, 1, keep=1)
        calls = 0
        with monkeypatch.context() as patch:
            for name in real:
                patch.setattr(os, name, failing(name))
            try:
                checkpoints.save(2, some(2), {})
            except StoreError as error:
                assert "No space left" in str(error) and "is intact" in str(error)
        survivor = newest(Checkpoints(folder, facts=FACTS))
        assert survivor.step in (1, 2) and torch.equal(
            survivor.tensors()["policy.weight"], some(survivor.step)["policy.weight"]
        )
        if calls < fatal:
            assert fatal > 8  # every call of a save has had its turn
            return
    raise AssertionError("a save makes more calls than were tried")


FULL = """
import resource, sys, torch
from pathlib import Path
from concord.errors import StoreError
from concord.training import Checkpoints
checkpoints = Checkpoints(Path(sys.argv[1]), keep=1)
checkpoints.save(1, {"w": torch.ones(10)}, {})
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    checkpoints.save(2, {"w": torch.ones(100_000)}, {})
except StoreError as error:
    print(error)
    sys.exit(error.exit_code)
"""


@pytest.mark.slow
def test_a_full_disk_is_explained_and_the_last_good_one_stays(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == StoreError.exit_code, done.stderr
    assert "000002: File too large" in done.stdout and "give the same command again" in done.stdout
    assert [p.name for p in tmp_path.iterdir()] == ["000001"]
    assert newest(Checkpoints(tmp_path)).step == 1


def test_too_little_room_is_refused_before_writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoints = filled(tmp_path, 1)
    total, used, _ = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: type("Usage", (), {"free": 10, "total": total})())
    with pytest.raises(StoreError, match="needs 1 MiB, 0 MiB are free"):
        checkpoints.save(2, some(2), {})
    assert used and newest(checkpoints).step == 1


def test_a_folder_that_cannot_be_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="Choose another folder"):
        Checkpoints(tmp_path / "file" / "state")


class Pause:
    settled = False


def test_saving_waits_for_time_and_a_settled_feed(tmp_path: Path) -> None:
    checkpoints, feed, now = Checkpoints(tmp_path, keep=9), Pause(), [0.0]
    saving = Saving(checkpoints, 10.0, lambda: (some(0), {}), feed, clock=lambda: now[0])
    for number, (seconds, settled, skipped) in enumerate(
        [(5, True, 0), (11, False, 0), (12, True, 1), (13, True, 0), (20, True, 0), (23, True, 0)], start=1
    ):
        now[0], feed.settled = float(seconds), settled
        saving(number, {"skipped": float(skipped)})
    assert [p.name for p in checkpoints.paths()] == ["000004", "000006"]


def test_networks_come_back_and_others_are_refused() -> None:
    net, twin = nn.BatchNorm1d(3), nn.BatchNorm1d(3)
    net(torch.randn(8, 3))
    tensors = network_tensors({"net": net})
    assert "net.running_mean" in tensors
    restore_networks({"net": twin}, {**tensors, "net.weight.exp_avg": torch.zeros(3)})
    assert all(torch.equal(value, twin.state_dict()[name]) for name, value in net.state_dict().items())
    with pytest.raises(StoreError, match=r"net\.weight is \(3,\) torch\.float32 in it, but \(4,\)"):
        restore_networks({"net": nn.BatchNorm1d(4)}, tensors)
