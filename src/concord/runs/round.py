"""The next round: the recipe that goes on where a finished run ended."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from concord.errors import StoreError
from concord.records import manifest
from concord.records.files import read_json, write_text
from concord.runs.recipe import Loaded, load
from concord.settings import Settings

NEEDED = ("rank", "align")
"""The stages of the run before that the next round goes on from."""


@dataclass(frozen=True)
class NextRound:
    """A recipe that was written, and what whoever gives it should know."""

    path: Path
    settings: dict[str, Any]
    notes: tuple[str, ...]


def next_round(run: Path, to: Path | None = None) -> NextRound:
    """Write the recipe of the next round, beside that of the run, so that its file names count from there too.

    The policy that the run aligned is where it begins, and what it drifts from. It answers anew, somebody
    ranks, and the rankings so far stand beside the new ones.
    """
    before = made(run)
    path = to or numbered(before.source)
    if path.exists():
        raise StoreError(f"{path} exists already, and nothing is written over. Name another file with --to.")
    recipe, folder = before.recipe, path.absolute().parent
    if folder.resolve() != before.source.absolute().parent.resolve():
        raise StoreError(
            f"{path} would stand in another folder than {before.source}, and the file names in a recipe count from its "
            f"own. Name a file in {before.source.parent}."
        )
    for name in NEEDED:
        if flaw := manifest.flaw(run / name):
            raise StoreError(f"{flaw} The next round goes on from it; finish {run} first.")
    settings = spoken(recipe)
    for name in ("base", "sft", "rivals"):
        settings.pop(name, None)
    rank = settings.setdefault("rank", {})
    notes = []
    if recipe.rank.by == "file":
        rank["by"] = "people"
        notes.append(
            "The rankings of the run came from a file; now people are asked on the page (`rank.by: people`)."
        )
    rank["rankings"] = os.path.relpath((run / "rank" / "rankings.jsonl").absolute(), folder)
    base = os.path.relpath((run / "align" / "model").absolute(), folder)
    shown = {"demonstrations": recipe.sft.demonstrations} if recipe.evaluate.in_context else {}
    settings = {"base": base, **settings, "seed": recipe.seed + 1, "sft": {"epochs": 0, **shown}}
    said = yaml.safe_dump(settings, sort_keys=False, allow_unicode=True, width=100)
    write_text(
        path, f"# The round after {run.name}: its policy answers, somebody ranks, all rankings count.\n{said}"
    )
    load(path)  # what is written can be read
    return NextRound(path, settings, tuple(notes))


def made(run: Path) -> Loaded:
    """The recipe that a run was made from, with what the command line laid over it."""
    if not (run / "run.json").is_file():
        raise StoreError(f"{run} is not a run folder: it has no run.json. Name one, such as runs/first.")
    origin = Path(str(read_json(run / "run.json").get("recipe")))
    if not origin.is_file():
        raise StoreError(
            f"{run} was made from {origin}, which is not there any more, so nobody can tell from where its file "
            "names count. Put the recipe back there."
        )
    asked = load(run / "resolved.yaml")
    return Loaded(asked.recipe, origin.parent, origin)


def numbered(recipe: Path) -> Path:
    """The name of the recipe after this one: `recipe-2.yaml` after `recipe.yaml`, then `recipe-3.yaml`."""
    found = re.fullmatch(r"(.+)-(\d+)", recipe.stem)
    name, number = (found[1], int(found[2])) if found else (recipe.stem, 1)
    return recipe.with_name(f"{name}-{number + 1}{recipe.suffix}")


def spoken(settings: Settings, usual: Settings | None = None) -> dict[str, Any]:
    """What differs from the usual, section by section; a section among several always says which it is."""
    usual = usual if type(usual) is type(settings) else None
    found: dict[str, Any] = {}
    for name, field in type(settings).model_fields.items():
        value, default = getattr(settings, name), getattr(usual, name) if usual else field.default
        if isinstance(value, Settings):
            below = spoken(value, default)
            if type(value) is not type(default) and hasattr(value, "method"):
                below = {"method": value.method, **below}
            if below:
                found[name] = below
        elif value != default:
            found[name] = settings.model_dump(mode="json", include={name})[name]
    return found
