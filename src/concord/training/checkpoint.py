"""Checkpoints: folders that are either whole and verified, or do not exist for whoever resumes."""

import json
import re
import shutil
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from concord.errors import StoreError
from concord.records.files import read_json, storing, sync, write_json
from concord.records.manifest import NAME, flaw, publish, seal
from concord.training.notes import Notes
from concord.training.snapshot import rng_tensors

TENSORS = "tensors.safetensors"
STATE = "state.json"


@dataclass(frozen=True)
class Checkpoint:
    """One moment of a run, verified."""

    path: Path
    step: int
    state: dict[str, Any]

    def tensors(self) -> dict[str, Tensor]:
        """Everything that was saved as a tensor, on the CPU."""
        tensors: dict[str, Tensor] = load_file(self.path / TENSORS)
        return tensors


class Checkpoints:
    """A folder of moments to go on from, the newest few of them kept."""

    def __init__(self, folder: Path, keep: int = 2, facts: Mapping[str, Any] | None = None) -> None:
        assert keep >= 1, "a run keeps at least one checkpoint"
        self.folder = folder
        self.keep = keep
        # as they will be when read back, so that a tuple equals its list
        self.facts: dict[str, Any] = json.loads(json.dumps(dict(facts or {})))
        self.skipped: list[str] = []
        self.damaged: set[Path] = set()
        with storing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            for stale in folder.glob(".tmp-*"):  # what a killed save left behind
                shutil.rmtree(stale) if stale.is_dir() else stale.unlink()

    def save(self, step: int, tensors: Mapping[str, Tensor], state: Mapping[str, Any]) -> Path:
        """Write one moment, whole or not at all; older ones go only after it has been read back."""
        final = self.folder / f"{step:06d}"
        partial = self.folder / f".tmp-{uuid.uuid4().hex}"
        aside = self.folder / f".tmp-{uuid.uuid4().hex}"
        packed = separate({**rng_tensors(), **tensors})
        self.make_room(final, packed)
        with storing(final):
            try:
                partial.mkdir()
                write_tensors(partial / TENSORS, packed)
                write_json(partial / STATE, {"step": step, "facts": self.facts, "state": dict(state)})
                seal(partial, {"step": step, "run": self.facts})
                if final.exists():  # a damaged one, or the same step learned again
                    final.rename(aside)
                publish(partial, final)
            except BaseException:
                shutil.rmtree(partial, ignore_errors=True)
                if aside.exists() and not final.exists():
                    aside.rename(final)
                raise
        self.damaged.discard(final)
        problem = defect(final)
        if problem:
            raise StoreError(
                f"{problem}, right after it was written: the disk is failing. "
                "Older checkpoints are kept; put the run on another disk and give the same command again."
            )
        self.tidy(final)
        return final

    def newest(self) -> Checkpoint | None:
        """The newest moment that verifies; those that do not are named in `skipped` and passed over."""
        self.skipped = []
        for path in reversed(self.paths()):
            problem = defect(path)
            if problem:
                self.skipped.append(problem)
                self.damaged.add(path)
                continue
            written = read_json(path / STATE)
            self.compare(path, written["facts"])
            return Checkpoint(path, written["step"], written["state"])
        return None

    def paths(self) -> list[Path]:
        """Every folder that is named as a checkpoint, oldest first."""
        with storing(self.folder):
            found = [path for path in self.folder.iterdir() if path.name.isdecimal() and path.is_dir()]
        return sorted(found, key=lambda path: int(path.name))

    def compare(self, path: Path, written: Mapping[str, Any]) -> None:
        """Refuse to go on from a moment of another run: other settings, other data, other tokenizer."""
        absent = object()
        differences = [
            f"`{key}` was {show(written, key)}, now it is {show(self.facts, key)}"
            for key in sorted({*written, *self.facts})
            if written.get(key, absent) != self.facts.get(key, absent)
        ]
        if differences:
            raise StoreError(
                f"{path} belongs to a different run: {'; '.join(differences)}. Put that back to go on from "
                "it, or redo the stage from its start with --again."
            )

    def make_room(self, final: Path, tensors: Mapping[str, Tensor]) -> None:
        """Refuse early if the disk cannot take what is about to be written."""
        need = sum(tensor.nbytes for tensor in tensors.values())
        with storing(final):
            left = shutil.disk_usage(self.folder).free
        if left < need:
            raise StoreError(
                f"{final}: a checkpoint needs {need // 2**20 + 1} MiB, {left // 2**20} MiB are free. Free "
                "some space and give the same command again; what was finished before is intact."
            )

    def tidy(self, newest: Path) -> None:
        """Delete all but the newest few that are sound; none is newer than the one just verified."""
        older = [path for path in self.paths() if int(path.name) < int(newest.name)]
        sound = [newest, *(path for path in reversed(older) if path not in self.damaged)]
        kept = set(sound[: self.keep])
        with storing(self.folder):
            for path in [*self.paths(), *self.folder.glob(".tmp-*")]:
                if path not in kept:
                    discard(path)
            self.damaged &= kept


class Pausing(Protocol):
    """What saving must know of a feed."""

    @property
    def settled(self) -> bool:
        """Whether no experience is half used."""


@dataclass
class Saving:
    """Called after each step: takes a checkpoint when enough time has passed and the feed is settled."""

    checkpoints: Checkpoints
    every_seconds: float
    gather: Callable[[], tuple[Mapping[str, Tensor], Mapping[str, Any]]]
    feed: Pausing
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        self.last = self.clock()

    def __call__(self, number: int, notes: Notes) -> None:
        """Save if it is time; never after a step that was refused, for its weights are suspect."""
        if not self.feed.settled or notes.get("skipped") or self.clock() - self.last < self.every_seconds:
            return
        tensors, state = self.gather()
        self.checkpoints.save(number, tensors, state)
        self.last = self.clock()


def defect(path: Path) -> str | None:
    """The first thing about a checkpoint that does not verify; its manifest is held against its state."""
    try:
        problem = flaw(path)
        if problem:
            return problem
        manifest = json.loads((path / NAME).read_text(encoding="utf-8"))
        written = json.loads((path / STATE).read_text(encoding="utf-8"))
        sealed = {"step": written["step"], "run": written["facts"]}
        complete = manifest["files"].keys() == {TENSORS, STATE}
        if complete and manifest["facts"] == sealed and path.name == f"{written['step']:06d}":
            return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        return f"{path} cannot be verified ({error!r})"
    return f"{path / NAME} does not agree with the files beside it"


def separate(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same tensors, none sharing memory with another: tied weights are written twice."""
    found: dict[str, Tensor] = {}
    seen: set[int] = set()
    for name, tensor in tensors.items():
        alone = tensor.detach().contiguous()
        address = alone.untyped_storage().data_ptr()
        if address in seen and alone.numel():
            alone = alone.clone(memory_format=torch.contiguous_format)
            address = alone.untyped_storage().data_ptr()
        seen.add(address)
        found[name] = alone
    return found


def write_tensors(path: Path, tensors: dict[str, Tensor]) -> None:
    """Write tensors; what the file system refuses comes as the OSError that it is."""
    try:
        save_file(tensors, path)
    except SafetensorError as error:
        number = re.search(r"os error (\d+)", str(error))
        if number is None:
            raise
        raise OSError(int(number[1]), str(error)) from error


def discard(path: Path) -> None:
    """Delete a folder; it loses its name first, so that a kill in between leaves no half of one."""
    if not path.name.startswith(".tmp-"):
        path = path.rename(path.with_name(f".tmp-{uuid.uuid4().hex}"))
        sync(path.parent)
    shutil.rmtree(path)


def show(facts: Mapping[str, Any], key: str) -> str:
    """A fact's value in an error's words."""
    return repr(facts[key]) if key in facts else "absent"
