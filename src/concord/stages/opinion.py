"""What a reward stage leaves beside its models: how they make one score. Without it there is one model alone."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from concord.records import digest
from concord.records.files import read_json
from concord.stages.plan import content

NAME = "scorer.json"
MODEL = "model"
"""The folder of a reward model that is alone."""
PLAIN = {"kind": "learned", "folder": MODEL}
"""What is not written down."""


def there(folder: Path) -> bool:
    """Whether a folder is one of a reward stage, with one model or several."""
    return (folder / NAME).is_file() or (folder / MODEL).is_dir()


def described(folder: Path) -> dict[str, Any]:
    """How the models of a reward stage make one score."""
    path = folder / NAME
    return read_json(path) if path.is_file() else dict(PLAIN)


def models(what: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The models that a description names: kind and folder."""
    if "folder" in what:
        yield what["kind"], what["folder"]
    for part in (*what.get("parts", ()), what):
        if "scorer" in part:
            yield from models(part["scorer"])


def first(folder: Path) -> Path | None:
    """The folder of a model from which a critic can begin: the first that gives one number of a whole answer."""
    found = (below for kind, below in models(described(folder)) if kind == "learned")
    return next((folder / below for below in found), None)


def name_of(folder: Path) -> str:
    """What a reward stage's scores are known by: its model, or several and how they make one score, by content."""
    what = described(folder)
    if what == PLAIN:
        return content(folder / MODEL)
    return digest(what, [content(folder / below) for _, below in models(what)])
