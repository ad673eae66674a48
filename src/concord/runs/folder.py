"""A run is a folder of finished stages: begun beside their places, put there whole by one rename."""

import contextlib
import shutil
import uuid
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from concord.errors import StoreError
from concord.records import manifest
from concord.records.files import read_json, storing, sync, write_json, write_text
from concord.runs.circumstances import circumstances
from concord.runs.lock import lock
from concord.runs.recipe import Loaded, resolved

KEY = ".key"
PARTIAL = ".partial"
OLD = ".old"
TRASH = ".trash"
CACHE = ".cache"
DRAFT = ".tmp-*"
"""What a file is called while it is being written; one that is found belongs to somebody who was killed."""
PATIENCE = 10.0

# What has verified in this process, by its manifest: (path, inode, time of writing).
verified: set[tuple[str, int, int]] = set()


class Run:
    """A run folder. `Run(folder)` only looks or works on one stage; `Run.open` owns the whole of it.

    At any moment a stage `name` is in one of these places, and a kill -9 between any two steps
    leaves it to be found again by the next `Run.open`:

        name.partial/   being made; with a manifest, made but not yet in its place
        name/           finished
        .old/name/      finished earlier, while a newer one is being put in its place
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._held: dict[str, contextlib.ExitStack] = {}
        self._owned = contextlib.ExitStack()

    @classmethod
    def open(cls, folder: str | Path, loaded: Loaded) -> Self:
        """Make or take over a run folder for this process alone, and write down what is asked of it."""
        run = cls(folder)
        if run.folder.exists() and not run.folder.is_dir():
            raise StoreError(f"{run.folder} is a file, not a run folder. Name another with --run.")
        with storing(run.folder):
            run.folder.mkdir(parents=True, exist_ok=True)
        run._owned.enter_context(lock(run.folder / ".lock"))
        try:
            run._claim(loaded)
            run._mend()
        except BaseException:
            run.close()
            raise
        return run

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of every lock."""
        for name in list(self._held):
            self.release(name)
        self._owned.close()

    def path(self, name: str) -> Path:
        """Where a stage lies once it is finished."""
        return self.folder / name

    def partial(self, name: str) -> Path:
        """Where a stage is being made."""
        return self.folder / f"{name}{PARTIAL}"

    @property
    def cache(self) -> Path:
        """What can be made again from the stages and the inputs, named by content; no part of any stage."""
        return self.folder / CACHE

    def names(self) -> list[str]:
        """The stages that have a finished folder, whole or damaged."""
        return [name for name in sealed(self.folder) if not name.endswith(PARTIAL)]

    def finished(self, name: str) -> dict[str, Any] | None:
        """The facts of a finished stage, or None; its files are verified once in a process."""
        final = self.path(name)
        if not final.exists():
            return None
        file = final / manifest.NAME
        try:
            status = file.stat()
            known = (str(file.absolute()), status.st_ino, status.st_mtime_ns)
        except OSError:
            known = None
        if known in verified:
            return dict(read_json(file)["facts"])
        facts = manifest.facts(final)
        if known is not None:
            verified.add(known)
        return facts

    def begin(self, name: str, key: str) -> Path:
        """The folder in which to make a stage: as it was left if for the same key, otherwise empty."""
        if name not in self._held:
            held = contextlib.ExitStack()
            locks = self.folder / ".locks"
            with storing(locks):
                locks.mkdir(parents=True, exist_ok=True)
            # A stage that was just killed may need a moment to let go.
            file = locks / f"{name.replace('/', '-')}.lock"
            held.enter_context(lock(file, wait=PATIENCE, of=self.path(name)))
            self._held[name] = held
        partial = self.partial(name)
        with storing(partial):
            if _text(partial / KEY) == key:
                # It may have been sealed and not published; from here on it changes again.
                (partial / manifest.NAME).unlink(missing_ok=True)
                sweep(partial.rglob(DRAFT))
                return partial
            self._discard(partial)
            partial.mkdir(parents=True)
        write_text(partial / KEY, key)
        return partial

    def finish(self, name: str, facts: dict[str, Any]) -> Path:
        """Seal a stage that is made and put it in its place; an older one is deleted only after that."""
        manifest.seal(self.partial(name), facts)
        self._replace(name)
        self.release(name)
        return self.path(name)

    def release(self, name: str) -> None:
        """Let go of a stage, whether it was finished or not."""
        held = self._held.pop(name, None)
        if held is not None:
            held.close()

    def forget(self, name: str) -> None:
        """Remove a finished stage, so that it is made afresh; its partial folder goes with it."""
        self._must_be_ours(self.path(name))
        with storing(self.path(name)):
            self._discard(self.path(name))
            self._discard(self.partial(name))

    def _claim(self, loaded: Loaded) -> None:
        """Write down what is asked; never over a recipe that is not this run's own copy."""
        copy = self.folder / "recipe.yaml"
        same = copy.exists() and loaded.source.exists() and copy.samefile(loaded.source)
        if not (self.folder / "run.json").exists() and copy.exists() and not same:
            raise StoreError(
                f"{copy} would be written over, and {self.folder} is not a run folder (it has no run.json). "
                "Name another folder with --run."
            )
        write_json(self.folder / "run.json", circumstances(loaded))
        write_text(self.folder / "resolved.yaml", resolved(loaded.recipe))
        if not same:
            write_text(copy, loaded.text)

    def _mend(self) -> None:
        """Complete or undo what a killed process left between two renames."""
        for file in sorted((self.folder / ".locks").glob("*.lock")):
            # Its stages die with it, but one may still be about to: nothing is moved under its hands.
            with lock(file, wait=PATIENCE, of=self.path(file.stem)):
                pass
        with storing(self.folder):
            for name in sealed(self.folder):
                if name.endswith(PARTIAL) and manifest.flaw(self.folder / name) is None:
                    self._replace(name.removesuffix(PARTIAL))
            for name in sealed(self.folder / OLD):
                final = self.path(name)
                if not final.exists():
                    final.parent.mkdir(parents=True, exist_ok=True)
                    (self.folder / OLD / name).rename(final)
                    sync(final.parent)
            shutil.rmtree(self.folder / OLD, ignore_errors=True)
            shutil.rmtree(self.folder / TRASH, ignore_errors=True)
            sweep([*self.folder.glob(DRAFT), *(self.folder / CACHE).rglob(DRAFT)])

    def _replace(self, name: str) -> None:
        """Put a sealed stage in its place. The old one steps aside by a rename, never by a deletion."""
        final, old = self.path(name), self.folder / OLD / name
        self._must_be_ours(final)
        with storing(final):
            if final.exists():
                self._discard(old)
                old.parent.mkdir(parents=True, exist_ok=True)
                final.rename(old)
        try:
            manifest.publish(self.partial(name), final)
        except StoreError:
            with contextlib.suppress(OSError):
                old.rename(final)
            raise
        with storing(final):
            self._discard(old)

    def _must_be_ours(self, final: Path) -> None:
        """Nothing that Concord did not write is moved or deleted."""
        if final.exists() and not (final / manifest.NAME).is_file():
            raise StoreError(
                f"{final} is in the way: it has no {manifest.NAME}, so no stage was finished there. "
                "Move it away or name another folder with --run."
            )

    def _discard(self, folder: Path) -> None:
        """Delete a folder; a kill in the midst of it leaves rubbish, never half a stage."""
        if folder.is_symlink() or folder.is_file():
            folder.unlink()
        elif folder.exists():
            trash = self.folder / TRASH / uuid.uuid4().hex
            trash.parent.mkdir(exist_ok=True)
            folder.rename(trash)
            shutil.rmtree(trash)


def sweep(drafts: Iterable[Path]) -> None:
    """Delete what nobody will finish."""
    for path in list(drafts):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def sealed(folder: Path) -> list[str]:
    """The names of the folders that carry a manifest: `sft`, `sft.partial`, `rivals/dpo`."""
    names = []
    for path in sorted(folder.glob("[!.]*")):
        if (path / manifest.NAME).is_file():
            names.append(path.name)
        elif not path.name.endswith(PARTIAL):
            inner = sorted(path.glob("[!.]*"))
            names += [f"{path.name}/{part.name}" for part in inner if (part / manifest.NAME).is_file()]
    return names


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8").removesuffix("\n")
    except (OSError, UnicodeDecodeError):
        return None
