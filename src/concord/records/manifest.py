"""A finished folder carries a manifest, written last: without one that verifies, it does not exist."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from concord.errors import StoreError
from concord.records.files import storing, sync, write_json

NAME = "MANIFEST.json"
MADE_FROM = "made_from"
"""The fact that holds the keys of all stages on which one stands."""


def sha256(path: Path) -> str:
    """The sha256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def contents(folder: Path) -> list[Path]:
    """Every file below a folder but its manifest, in a fixed order."""
    return sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / NAME)


def seal(folder: Path, facts: dict[str, Any]) -> None:
    """Declare a folder finished: its files are on the disk, and their names and hashes are written down."""
    with storing(folder):
        files = {}
        for path in contents(folder):
            sync(path)
            files[path.relative_to(folder).as_posix()] = {"size": path.stat().st_size, "sha256": sha256(path)}
        write_json(folder / NAME, {"files": files, "facts": facts})


def publish(partial: Path, final: Path) -> None:
    """Give a sealed folder its real name, in one step."""
    with storing(final):
        partial.rename(final)
        sync(final.parent)


def flaw(folder: Path) -> str | None:
    """The first thing about a folder that does not verify, or None if it is as it was sealed."""
    try:
        manifest = json.loads((folder / NAME).read_text(encoding="utf-8"))
        files = dict(manifest["files"])
        dict(manifest["facts"])
    except FileNotFoundError:
        return f"{folder} has no {NAME}: it was never finished"
    except (OSError, ValueError, KeyError, TypeError) as error:
        return f"{folder / NAME} cannot be read ({error})"
    try:
        for name, entry in files.items():
            path = folder / name
            if not path.is_file():
                return f"{path} is missing"
            if path.stat().st_size != entry["size"]:
                return f"{path} has {path.stat().st_size} bytes, not {entry['size']}"
            if sha256(path) != entry["sha256"]:
                return f"{path} has changed since it was written (sha256 differs)"
    except (OSError, KeyError, TypeError) as error:
        return f"{folder} cannot be verified ({error!r})"
    return None


def facts(folder: Path) -> dict[str, Any]:
    """What was written down when a folder was sealed; the folder must verify."""
    problem = flaw(folder)
    if problem:
        raise StoreError(f"{problem}. Redo the stage with --again, or restore the folder from a copy.")
    manifest: dict[str, Any] = json.loads((folder / NAME).read_text(encoding="utf-8"))
    return dict(manifest["facts"])


def outdated(facts: Mapping[str, Any], now: Mapping[str, str | None]) -> bool:
    """Whether a stage stands on others than those that have these keys now; one that does not say so is believed."""
    known = facts.get(MADE_FROM)
    return isinstance(known, dict) and any(known.get(name, key) != key for name, key in now.items())
