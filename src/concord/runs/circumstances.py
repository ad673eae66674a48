"""Under what circumstances a run is made: versions, commit, seed and host, to be told later."""

import importlib.metadata
import platform
import subprocess
from pathlib import Path
from typing import Any

import concord
from concord.runs.recipe import Loaded

SHOWN = ("torch", "transformers", "tokenizers", "safetensors", "numpy", "pydantic")


def circumstances(loaded: Loaded) -> dict[str, Any]:
    """What `run.json` says: enough to make the run again, and where its recipe's files are."""
    return {
        "concord": concord.__version__,
        "python": platform.python_version(),
        **{name: version(name) for name in SHOWN},
        "commit": commit(loaded.folder),
        "seed": loaded.recipe.seed,
        "host": platform.node(),
        "platform": platform.platform(),
        "recipe": str(loaded.source.absolute()),
        "overrides": list(loaded.overrides),
    }


def version(name: str) -> str | None:
    """A package's version, read without importing it."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def commit(folder: Path) -> str | None:
    """The commit of the project that the recipe belongs to, if it is kept in git."""
    try:
        command = ["git", "-C", str(folder), "rev-parse", "HEAD"]
        answer = subprocess.run(command, capture_output=True, text=True, timeout=5, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip()
