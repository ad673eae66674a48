"""The bundled starter model: a few megabytes, made by `concord.stages.starter` from Milford's text."""

from importlib.resources import files
from pathlib import Path


def starter() -> Path:
    """The folder of the bundled model."""
    return Path(str(files("concord.models"))) / "starter_model"
