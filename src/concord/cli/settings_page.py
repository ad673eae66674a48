"""The page of all settings, written from the settings themselves.

python -m concord.cli.settings_page > docs/settings.md
"""

import json
import sys
from collections.abc import Iterator
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from concord.settings import Recipe, Settings

OPENING = """# Settings

Every key of a recipe, with its default. This page is written by `make settings` from the classes in
`concord.settings`; a test holds the two together. A recipe is a YAML file, and any key may be laid over
from the command line by its dotted name: `concord run recipe.yaml align.kl=0.02 seed=1`. An unknown key is
an error that names the nearest right one. File names count from the recipe's folder. `none` and `null` say the same.
"""
BOUNDS = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}
WORDS = {int: "whole number", float: "number", str: "text", bool: "true or false"}


def page() -> str:
    """The whole page, in Markdown."""
    sections = [section(name, one) for name, one in classes(Recipe, "recipe")]
    return "\n".join([OPENING, *sections])


def classes(one: type[Settings], name: str) -> Iterator[tuple[str, type[Settings]]]:
    """A class of settings and all that stand in its fields, each once, in the order of the recipe."""
    seen: dict[type[Settings], str] = {}
    collect(one, name, seen)
    return ((title, found) for found, title in seen.items())


def collect(one: type[Settings], name: str, seen: dict[type[Settings], str]) -> None:
    """Remember a class under its first name, then those below it."""
    if one in seen:
        return
    seen[one] = name
    for key, field in one.model_fields.items():
        for part in parts(field.annotation):
            method = part.model_fields.get("method")
            collect(part, str(method.default) if method and one is Recipe else key, seen)


def parts(annotation: Any) -> list[type[Settings]]:
    """The classes of settings in an annotation, in its order."""
    if isinstance(annotation, type) and issubclass(annotation, Settings):
        return [annotation]
    return [found for part in get_args(annotation) for found in parts(part)]


def section(name: str, one: type[Settings]) -> str:
    """One class as a heading, its sentence and a table."""
    title = f"{one.__name__}" if one is Recipe else f"{one.__name__}: `{name}`"
    rows = [row(key, field) for key, field in one.model_fields.items()]
    opening = (one.__doc__ or "").strip()
    return "\n".join(
        [
            f"## {title}",
            "",
            opening,
            "",
            "| key | default | may be | meaning |",
            "|---|---|---|---|",
            *rows,
            "",
        ]
    )


def row(key: str, field: FieldInfo) -> str:
    """One setting as a line of the table."""
    told = kind(field.annotation, bounds(field.metadata))
    return f"| `{key}` | {default(field)} | {told} | {field.description} |".replace("\n", " ")


def default(field: FieldInfo) -> str:
    """What a setting is if nobody sets it, or that somebody has to."""
    if field.is_required():
        return "needed"
    value = field.get_default(call_default_factory=True, validated_data={})
    if isinstance(value, Settings):
        told = value.model_dump(mode="json", exclude_defaults=True)
        method = getattr(value, "method", None)
        shown = {"method": method, **told} if len(parts(field.annotation)) > 1 else told
        return f"`{plain(shown)}`" if shown else "as below"
    return "none" if value is None else "empty" if value == "" else f"`{plain(value)}`"


def plain(value: Any) -> str:
    """A value as a recipe writes it."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {plain(part)}" for key, part in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(plain, value)) + "]"
    return value if isinstance(value, str) else json.dumps(value)


def bounds(metadata: list[Any]) -> list[str]:
    """The limits of a number, in words."""
    found = [
        f"{word} {getattr(item, name)}"
        for item in metadata
        for name, word in BOUNDS.items()
        if hasattr(item, name)
    ]
    patterns = [f"like `{item.pattern}`" for item in metadata if getattr(item, "pattern", None)]
    return found + patterns


def kind(annotation: Any, limits: list[str]) -> str:
    """What a setting may be, in words."""
    below = parts(annotation)
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is dict:
        links = " or ".join(f"[{part.__name__}](#{anchor(part)})" for part in below)
        what = "methods" if len(below) > 1 else links or kind(inner[1], [])
        return f"mapping from names to {what}"
    if below:
        named = [f"[{part.__name__}](#{anchor(part)})" for part in below]
        return " or ".join([*(["text"] if worded(inner) else []), *named])
    if origin is Annotated:
        metadata = [item for extra in inner[1:] for item in getattr(extra, "metadata", [extra])]
        return kind(inner[0], [*limits, *bounds(metadata)])
    if origin in (Union, UnionType):
        return " or ".join(kind(part, limits) for part in inner if part is not NoneType) + ", or none"
    told = {
        Literal: lambda: ", ".join(f"`{word}`" for word in inner),
        tuple: lambda: f"list of: {kind(inner[0], [])}",
    }
    return told[origin]() if origin in told else f"{WORDS[annotation]} {', '.join(limits)}".strip()


def worded(choices: tuple[Any, ...]) -> bool:
    """Whether one of several choices is a plain text."""
    return any(part is str or get_args(part)[:1] == (str,) for part in choices)


def anchor(one: type[Settings]) -> str:
    """Where a class stands on the page."""
    names = {found: name for name, found in classes(Recipe, "recipe")}
    return f"{one.__name__}-{names[one]}".lower()


if __name__ == "__main__":
    sys.stdout.write(page())
