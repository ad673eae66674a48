"""The one shape of every setting: typed, frozen, closed, and explained by a sentence of its own."""

from types import NoneType
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, ModelWrapValidatorHandler, model_validator


class Settings(BaseModel):
    """A closed set of settings: an unknown key is an error, and nothing changes after reading."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _read_none(cls, given: Any) -> Any:
        """The word none, as the page of settings writes it, is none wherever a setting may be none."""
        if not isinstance(given, dict):
            return given
        may = {name for name, field in cls.model_fields.items() if NoneType in get_args(field.annotation)}
        return {name: None if name in may and value == "none" else value for name, value in given.items()}

    @model_validator(mode="wrap")
    @classmethod
    def _keep_nested_defaults(cls, given: Any, handler: ModelWrapValidatorHandler["Settings"]) -> "Settings":
        """Naming one key of a nested section leaves the defaults that this class gave the others."""
        if isinstance(given, dict):
            given = dict(given)
            for name, field in cls.model_fields.items():
                part = given.get(name)
                if isinstance(part, dict) and isinstance(field.default, Settings):
                    default = field.default.model_dump()
                    # another method's defaults are not this one's
                    if part.get("method", default.get("method")) == default.get("method"):
                        given[name] = merged(default, part)
        return handler(given)


def merged(default: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """The given keys laid over the defaults, section by section."""
    result = dict(default)
    for key, value in given.items():
        below = result.get(key)
        both = isinstance(below, dict) and isinstance(value, dict)
        result[key] = merged(below, value) if both and isinstance(below, dict) else value
    return result
