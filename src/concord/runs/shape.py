"""What the recipe's settings look like from outside: which section holds which keys and methods."""

import difflib
from collections.abc import Iterable
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from concord.runs.lines import Location
from concord.settings import Recipe, Settings

TAGS = ("[key]", "[text]", "[section]")
"""Parts of a location that name no setting: which end of a mapping, or which shape of a value."""


def is_section(annotation: Any) -> bool:
    """Whether an annotation is one class of settings."""
    return isinstance(annotation, type) and issubclass(annotation, Settings)


def methods(annotation: Any) -> dict[str, type[Settings]]:
    """The classes among which `method` chooses, by its value; none if there is no such choice."""
    annotation = bare(annotation)
    if get_origin(annotation) not in (Union, UnionType):
        return {}
    classes = [part for part in get_args(annotation) if is_section(part) and "method" in part.model_fields]
    return {name: part for part in classes for name in get_args(part.model_fields["method"].annotation)}


def below(annotation: Any, key: str | int) -> Any:
    """The annotation of a key of a section, of a mapping's value or of a list's item; None if unknown."""
    if is_section(annotation):
        return given(annotation.model_fields[key].annotation) if key in annotation.model_fields else None
    if get_origin(annotation) is dict:
        return get_args(annotation)[1]
    if get_origin(annotation) is tuple:
        return get_args(annotation)[0]
    return None


def given(annotation: Any) -> Any:
    """The annotation of a section that may also be absent, or one word in its place, as it is where it is given."""
    if get_origin(annotation) in (Union, UnionType):
        parts = [bare(part) for part in get_args(annotation) if part is not NoneType]
        sections = [part for part in parts if is_section(part)]
        if len(sections) == 1 and set(parts) <= {sections[0], str}:
            return sections[0]
    return annotation


def bare(annotation: Any) -> Any:
    """An annotation without what is only said of it."""
    return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation


def trace(location: Location) -> tuple[Location, type[Settings] | None]:
    """An error's location without the method tags that pydantic puts in, and the section it is in."""
    here: Any = Recipe
    section: type[Settings] | None = None
    path: list[str | int] = []
    for part in location:
        choice = methods(here)
        if choice:
            here = choice.get(str(part))
        elif part not in TAGS:
            section = here if is_section(here) else None
            path.append(part)
            here = below(here, part)
    return tuple(path), section


def keys_of(name: str) -> list[str]:
    """The keys of a dotted name; names of marks have dots of their own (`gate.at_least.harm.refused`)."""
    here: Any = Recipe
    parts = name.split(".")
    keys: list[str] = []
    while parts:
        if get_origin(here) is dict and not methods(get_args(here)[1]):
            here = get_args(here)[1]
            fields = here.model_fields if is_section(here) else {}
            misspelt = len(parts) > 1 and nearest(parts[-1], fields) is not None
            last = len(parts) - 1 if misspelt else len(parts)
            ends = next((place for place in range(1, len(parts)) if parts[place] in fields), last)
            keys.append(".".join(parts[:ends]))
            del parts[:ends]
            continue
        keys.append(parts.pop(0))
        here = below(here, keys[-1])
    return keys


def nearest(word: str, words: Iterable[str], like: float = 0.5) -> str | None:
    """The word that was probably meant: the one most alike, if it is more alike than `like`."""
    found = difflib.get_close_matches(word, list(words), n=1, cutoff=like)
    return found[0] if found else None


def meant(key: str, section: type[Settings]) -> str:
    """A sentence that names the setting that was probably meant, or all that there are."""
    for name, field in section.model_fields.items():
        inner = field.annotation
        if is_section(inner) and inner is not None and key in inner.model_fields:
            return f"Did you mean `{name}.{key}`?"
    near = nearest(key, section.model_fields)
    if near:
        return f"Did you mean `{near}`?"
    return f"Its settings are {', '.join(section.model_fields)}."
