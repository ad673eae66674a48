"""Settings of whoever else stands in the comparison, and of a judge who is not as independent as it should be."""

from typing import Annotated

from pydantic import Field, model_validator

from concord.settings.closed import Settings
from concord.settings.judging import Endpoint

REFERENCES = ("sft", "sft-same-budget")
"""Whom every other policy is measured against: imitation, and imitation with all of the guidance's budget."""


class Contestant(Settings):
    """A model from elsewhere that answers the same prompts: of another run, in a folder, or behind an endpoint."""

    run: str | None = None
    """Folder of another run, relative to the recipe."""
    policy: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9/-]{0,79}$")] = "align"
    """The stage of that run whose model answers, such as `align`, `sft` or `rivals/dpo`."""
    folder: str | None = None
    """Or a Hugging Face causal model folder, relative to the recipe."""
    endpoint: Endpoint | None = None
    """Or a chat endpoint in OpenAI's shape."""

    @model_validator(mode="after")
    def _is_one_model(self) -> "Contestant":
        if sum(one is not None for one in (self.run, self.folder, self.endpoint)) != 1:
            raise ValueError("name exactly one of `run`, `folder` and `endpoint`")
        if self.run is None and self.policy != "align":
            raise ValueError("`policy` is a stage of another run; it needs `run`")
        return self


class Waiver(Settings):
    """Leave to be judged by a model that also taught; it is printed in the report."""

    by: Annotated[str, Field(min_length=1)]
    """Who accepts it."""
    reason: Annotated[str, Field(min_length=1)]
    """Why."""
