"""The earlier run that a gate takes as its baseline: found, and known to be whole."""

from pathlib import Path

from concord.errors import StoreError
from concord.records import manifest
from concord.runs import Loaded, Run
from concord.runs.shape import nearest


def release(loaded: Loaded) -> Run | None:
    """The run in `gate.against`, if one is named; StoreError if it is none or has no gate behind it."""
    named = loaded.recipe.gate.against
    if named is None:
        return None
    folder = loaded.folder / named
    run = Run(folder)
    if not (folder / "run.json").is_file():
        runs = sorted(path.parent.name for path in folder.parent.glob("*/run.json"))
        near = nearest(folder.name, runs)
        hint = f"Did you mean {folder.parent / near}?" if near else "Give the folder of an earlier run."
        raise StoreError(
            f"{loaded.source}: `gate.against` is {named}, but {folder} is not a run folder. {hint}"
        )
    for name in ("evaluate", "gate"):
        if run.finished(name) is None:
            raise StoreError(
                f"{loaded.source}: `gate.against` is {named}, in which the stage {name} is not finished. "
                "Finish that run, or name another."
            )
    return run


def sealed(loaded: Loaded) -> tuple[Path, ...]:
    """The manifests on which a baseline rests: another release, another verdict."""
    named = loaded.recipe.gate.against
    if named is None:
        return ()
    folder = loaded.folder / named
    found = [folder / name / manifest.NAME for name in ("evaluate", "gate", "reward", "align")]
    return tuple(path for path in found if path.is_file())
