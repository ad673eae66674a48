"""Settings from the command line, laid over those of the recipe's file."""

from collections.abc import Sequence
from typing import Any

from concord.errors import SettingsError
from concord.runs.lines import Location, Place, Tree, dotted, read, short
from concord.runs.shape import keys_of

FIRST = 10**9  # after every line of a file


def lay(tree: Tree, overrides: Sequence[str]) -> None:
    """Lay `align.kl=0.02` and the like over a recipe's values, one after the other."""
    for number, text in enumerate(overrides):
        place = Place(FIRST + number, f"command line, '{text}'")
        name, equals, value = text.partition("=")
        keys = keys_of(name.strip())
        if not equals or not all(keys):
            problem = "a setting is given as name=value, such as align.kl=0.02."
            tree.problems.append((place, problem))
            continue
        try:
            given = read(value, lambda line, place=place: place, tuple(keys))  # type: ignore[misc]
        except SettingsError as error:
            tree.problems.append((place, str(error).removeprefix(f"{place.label}: ")))
            continue
        tree.problems.extend(given.problems)
        if not given.problems:
            put(tree, keys, given.values, place)


def put(tree: Tree, keys: list[str], value: Any, place: Place) -> None:
    """Set one value, making the sections above it; whatever stood there before is gone whole."""
    level = tree.values
    for depth, key in enumerate(keys[:-1], start=1):
        if level.get(key) is None:
            level[key] = {}
            tree.places[tuple(keys[:depth])] = place
        level = level[key]
        if not isinstance(level, dict):
            here = dotted(tuple(keys[:depth]))
            problem = f"`{here}` is {short(level)}, not a section. Give `{here}` whole."
            tree.problems.append((place, problem))
            return
    level[keys[-1]] = value
    forget(tree, tuple(keys))
    tree.places[tuple(keys)] = place


def forget(tree: Tree, location: Location) -> None:
    """Drop the places of everything below a value that was replaced; its own place then stands for all."""
    for table in (tree.places, tree.stayed):
        for known in [one for one in table if one[: len(location)] == location]:
            del table[known]
