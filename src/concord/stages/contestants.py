"""Contestants: models from elsewhere that stand in the same table as the run's own policies; no torch here."""

from pathlib import Path

from concord.runs import Loaded
from concord.settings import Contestant


def contestants(loaded: Loaded) -> dict[str, Contestant]:
    """The contestants by name."""
    return dict(loaded.recipe.evaluate.contestants)


def model_of(loaded: Loaded, contestant: Contestant) -> Path | None:
    """The folder of a contestant's model; None if it answers elsewhere."""
    if contestant.run is not None:
        return loaded.folder / contestant.run / contestant.policy / "model"
    return loaded.folder / contestant.folder if contestant.folder is not None else None


def described(loaded: Loaded, contestant: Contestant) -> str:
    """Where a contestant comes from, in words."""
    if contestant.endpoint is not None:
        return f"{contestant.endpoint.model} at {contestant.endpoint.url}"
    return str(model_of(loaded, contestant))
