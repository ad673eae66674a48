"""YAML with line numbers: what a file says, and in which line it says it."""

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from concord.errors import SettingsError

Location = tuple[str | int, ...]

MOST_VALUES = 10_000
DEEPEST = 20
YAML = "tag:yaml.org,2002:"
TEXT = {f"{YAML}str", f"{YAML}timestamp", f"{YAML}value"}
PLAIN = {f"{YAML}null", f"{YAML}bool", f"{YAML}int", f"{YAML}float"}
LEFT_OUT = object()


@dataclass(frozen=True, order=True)
class Place:
    """Where something was asked for; `order` sorts the file's lines before the command line."""

    order: int
    label: str


@dataclass
class Tree:
    """What was asked for, where each part stands, and what is wrong with it so far."""

    values: Any
    places: dict[Location, Place] = field(default_factory=dict)
    problems: list[tuple[Place, str]] = field(default_factory=list)
    stayed: dict[Location, list[int]] = field(default_factory=dict)
    """Of each list the places that its items have in the file, where some were left out."""

    def counted(self, location: Location) -> Location:
        """The location of a value as a person counts it in the file."""
        found: Location = ()
        for part in location:
            places = self.stayed.get(found)
            found += (places[part] if places and isinstance(part, int) else part,)
        return found

    def place(self, location: Location) -> Place:
        """The place of a value, or of the nearest section around it."""
        while location not in self.places and location:
            location = location[:-1]
        return self.places[location]


class Loader(yaml.SafeLoader):
    """The safe loader as of YAML 1.2: 5e-4 is a number, and of words `true` and `false` alone are truths."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - the loader of yaml has it so
        first: [(tag, form) for tag, form in known if tag != f"{YAML}bool"]
        for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


Loader.add_implicit_resolver(
    f"{YAML}bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)
Loader.add_implicit_resolver(
    f"{YAML}float", re.compile(r"^[-+]?[0-9][0-9_]*(\.[0-9_]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
)


def read(text: str, place: Callable[[int], Place], at: Location = (), words: bool = False) -> Tree:
    """Read YAML text that stands for the value `at` a location; `place` names a line, counted from 1.

    With `words` numbers and truths are read as they are written, as text.
    """
    loader = None
    try:
        loader = Loader(text)
        node = loader.get_single_node()
        builder = Builder(loader, place, words)
        builder.tree.places[()] = place(1)
        builder.tree.values = None if node is None else builder.build(node, at)
        return builder.tree
    except RecursionError as error:
        raise SettingsError(f"{place(1).label}: too deeply nested. Write it flatter.") from error
    except yaml.YAMLError as error:
        raise SettingsError(_not_yaml(error, text, place)) from error
    finally:
        if loader is not None:
            loader.dispose()


def _not_yaml(error: yaml.YAMLError, text: str, place: Callable[[int], Place]) -> str:
    if isinstance(error, yaml.reader.ReaderError):
        line = text[: error.position].count("\n") + 1
        return f"{place(line).label}: the character {error.character:#x} may not stand in YAML. Delete it."
    mark = getattr(error, "problem_mark", None)
    line = mark.line + 1 if mark else 1
    reason = getattr(error, "problem", None) or str(error)
    tab = "'\\t'" in reason
    advice = "Indent with spaces, not tabs." if tab else "Check quotes, brackets and indentation."
    return f"{place(line).label}: this is not YAML: {reason}. {advice}"


class Builder:
    """Makes plain values of a tree of YAML nodes, and notes where each stands."""

    def __init__(self, loader: Loader, place: Callable[[int], Place], words: bool = False) -> None:
        self.loader = loader
        self.texts = TEXT | (PLAIN - {f"{YAML}null"}) if words else TEXT
        self.name_line = place
        self.tree = Tree(None)
        self.count = 0

    def build(self, node: yaml.Node, location: Location) -> Any:
        """The plain value of a node; whatever cannot be read is left out and told."""
        self.tree.places.setdefault(location, self.place(node))
        self.bound(node, len(location))
        if isinstance(node, yaml.MappingNode) and node.tag == f"{YAML}map":
            return self.mapping(node, location)
        if isinstance(node, yaml.SequenceNode) and node.tag == f"{YAML}seq":
            items = [self.build(item, (*location, index)) for index, item in enumerate(node.value)]
            stayed = [index for index, item in enumerate(items) if item is not LEFT_OUT]
            self.tree.stayed[location] = stayed
            return [items[index] for index in stayed]
        if isinstance(node, yaml.ScalarNode) and node.tag in self.texts:
            return node.value
        if isinstance(node, yaml.ScalarNode) and node.tag in PLAIN:
            return self.scalar(node, location)
        tag = node.tag.replace(YAML, "!!")
        return self.refuse(node, f"the tag {tag} is not read here. Delete it.")

    def mapping(self, node: yaml.MappingNode, location: Location) -> dict[str, Any]:
        result: dict[str, Any] = {}
        seen: dict[str, Place] = {}
        for key_node, value_node, merged in self.entries(node, 0):
            key = key_node.value
            if not isinstance(key_node, yaml.ScalarNode) or key_node.tag != f"{YAML}str":
                shown = f"`{key}`" if isinstance(key, str) else "a list or mapping"
                self.refuse(key_node, f"{shown} is not text, so it cannot be a key. Put it in quotes.")
                continue
            here = (*location, key)
            if key in seen:
                if not merged:
                    first = seen[key].label
                    self.refuse(key_node, f"`{dotted(here)}` is given twice, first at {first}. Keep one.")
                continue
            seen[key] = self.tree.places[here] = self.place(key_node)
            value = self.build(value_node, here)
            if value is not LEFT_OUT:
                result[key] = value
        return result

    def entries(self, node: yaml.MappingNode, depth: int) -> Iterator[tuple[yaml.Node, yaml.Node, bool]]:
        """A mapping's own keys, then those that `<<` merges in and its own keys stand before."""
        self.bound(node, depth)
        merges = []
        for key_node, value_node in node.value:
            if key_node.tag == f"{YAML}merge":
                merges.append(value_node)
            else:
                yield key_node, value_node, depth > 0
        for merge in merges:
            for part in merge.value if isinstance(merge, yaml.SequenceNode) else [merge]:
                if isinstance(part, yaml.MappingNode):
                    yield from self.entries(part, depth + 1)
                else:
                    self.refuse(merge, "`<<` merges mappings alone. Give it an alias of one.")

    def scalar(self, node: yaml.ScalarNode, location: Location) -> Any:
        try:
            value = self.loader.construct_object(node)
        except (ValueError, KeyError, OverflowError):
            return self.refuse(node, f"`{dotted(location)}` is {short(node.value)}, which cannot be read.")
        if isinstance(value, float) and not math.isfinite(value):
            return self.refuse(node, f"`{dotted(location)}` is {node.value}; a setting is a finite number.")
        return value

    def place(self, node: yaml.Node) -> Place:
        return self.name_line(node.start_mark.line + 1)

    def refuse(self, node: yaml.Node, problem: str) -> object:
        self.tree.problems.append((self.place(node), problem))
        return LEFT_OUT

    def bound(self, node: yaml.Node, depth: int) -> None:
        """Aliases of aliases can stand for more values than any memory holds."""
        self.count += 1
        if self.count > MOST_VALUES or depth > DEEPEST:
            raise SettingsError(
                f"{self.place(node).label}: this unfolds to more than {MOST_VALUES} values or "
                f"{DEEPEST} levels. Use fewer aliases."
            )


def dotted(location: Location) -> str:
    """A location as a person writes it: `align.kl`."""
    return ".".join(str(part) for part in location)


def short(value: object, most: int = 60) -> str:
    """A value as YAML shows it, on one line and not too long."""
    if value is None:
        return "empty"
    try:
        text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10**6)
    except yaml.YAMLError:
        text = repr(value)
    text = text.removesuffix("\n").removesuffix("\n...")
    if isinstance(value, str) and text[:1] not in ("'", '"'):
        text = f"'{text}'"
    return text if len(text) <= most else f"{text[: most - 3]}..."
