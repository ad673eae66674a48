"""Templates filled with the rows of a table: every bad slot and every repetition is named by file and line."""

import string
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from concord.errors import RecordError, SettingsError
from concord.formats.containers import rows
from concord.formats.lines import Line
from concord.making.review import Item
from concord.records import Demonstration, Message, Prompt, prompt_key
from concord.records.files import storing
from concord.runs.explain import listing
from concord.runs.lines import Place, read

PARTS = ("system", "prompt", "completion", "tags")


@dataclass(frozen=True)
class Template:
    """Texts with slots such as {city}: a question, and perhaps a system prompt, an answer and tags."""

    place: str
    """File and line where it begins."""
    prompt: str
    system: str = ""
    completion: str | None = None
    tags: tuple[str, ...] = ()

    @property
    def texts(self) -> list[str]:
        """Everything in which slots may stand."""
        return [self.system, self.prompt, *([] if self.completion is None else [self.completion]), *self.tags]

    def filled(self, row: Mapping[str, str]) -> Demonstration:
        """The template with a row's values in its slots; the answer is empty if it has none."""
        asked = [Message("system", put(self.system, row))] if self.system else []
        messages = (*asked, Message("user", put(self.prompt, row)))
        prompt = Prompt(messages, prompt_key(messages), tuple(put(tag, row) for tag in self.tags))
        return Demonstration(prompt, put(self.completion or "", row), by="template")


@dataclass(frozen=True)
class Row:
    """A row of a table, as text, and the line it stands in."""

    place: str
    values: dict[str, str]


@dataclass
class Filled:
    """What came of templates and rows, and what is wrong with some of them."""

    items: list[Item] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    """Rows whose slots could not be filled."""
    repeats: list[str] = field(default_factory=list)
    """Rows that say again what another row has said."""


def expand(templates: Sequence[Template], rows: Sequence[Row]) -> Filled:
    """Every template with every row, in the order of the rows; what is faulty or said twice is told and left out."""
    found, first = Filled(), dict[str, str]()
    for row in rows:
        for template in templates:
            empty = [slot for slot in slots(template) if not row.values.get(slot, "").strip()]
            if empty:
                found.faults.append(f"{row.place}: {listed(empty)} is empty, which {template.place} needs")
                continue
            item = Item(template.filled(row.values))
            if item.said in first:
                found.repeats.append(
                    f"{row.place}: with {template.place} it says what {first[item.said]} said"
                )
                continue
            first[item.said] = row.place
            found.items.append(item)
    return found


def slots(template: Template) -> list[str]:
    """The names of a template's slots, each once."""
    return list(dict.fromkeys(name for text in template.texts for name in named(text)))


def named(text: str) -> Iterator[str]:
    """The slots of one text; {{ and }} are braces."""
    for _, name, shape, turn in string.Formatter().parse(text):
        if name is None:
            continue
        if not name.isidentifier() or shape or turn:
            raise ValueError(
                f"{{{name}}} is no slot: a slot is a column's name in braces, and a brace is written twice"
            )
        yield name


def put(text: str, row: Mapping[str, str]) -> str:
    """A text with a row's values in its slots; what stands in a value is text, whatever it looks like."""
    pieces = string.Formatter().parse(text)
    return "".join(said + (row[name] if name is not None else "") for said, name, _, _ in pieces)


def read_templates(path: Path) -> list[Template]:
    """The templates in a YAML file: one mapping, or a list of them."""
    try:
        with storing(path):
            text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise SettingsError(
            f"{path}: byte {error.object[error.start]:#04x} is not UTF-8. Save it as UTF-8."
        ) from None
    tree = read(text, lambda line: Place(line, f"{path}:{line}"), words=True)
    if tree.problems:
        raise SettingsError(listing(tree.problems))
    several = isinstance(tree.values, list)
    found = []
    for number, given in enumerate(tree.values if several else [tree.values]):
        place = tree.place((number,) if several else ()).label
        odd = sorted(set(map(str, given)) - set(PARTS)) if isinstance(given, dict) else []
        if not isinstance(given, dict) or not given.get("prompt") or odd:
            raise SettingsError(
                f"{place}: a template has a `prompt`, and may have a `system`, a `completion` and `tags`"
                + (f", but no {listed(odd)}. Correct it." if odd else ". Correct it.")
            )
        found.append(checked(Template(place, **cleaned(place, given))))
    if not found:
        raise SettingsError(f"{path} holds no template. Write at least a `prompt` into it.")
    answered = {template.completion is not None for template in found}
    if len(answered) > 1:
        raise SettingsError(
            f"{path}: some templates have a `completion` and some have none, but a file holds demonstrations "
            "or prompts. Give all of them one, or none."
        )
    return found


def cleaned(place: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """A template's parts as text, tags as a tuple of it; a part that is empty is none."""
    found: dict[str, Any] = {}
    for name, value in given.items():
        several = [value] if isinstance(value, str) else value if name == "tags" else None
        if value is None:
            continue
        if not isinstance(several, list) or not all(isinstance(one, str) for one in several):
            what = "a text or a list of texts" if name == "tags" else "a text"
            raise SettingsError(f"{place}: `{name}` must be {what}. Correct it.")
        found[name] = tuple(several) if name == "tags" else value.rstrip("\n")
    return found


def checked(template: Template) -> Template:
    """The same, if its braces make sense."""
    try:
        slots(template)
    except ValueError as error:
        raise SettingsError(f"{template.place}: {error}.") from None
    return template


def read_table(path: Path, templates: Sequence[Template]) -> list[Row]:
    """The rows of a table, however it is packed, that has a column for every slot."""
    table = [as_text(f"{path}:{line.number}", line) for line in rows(path)]
    if not table:
        raise RecordError(f"{path} has no rows. Give it at least one.")
    columns = list(dict.fromkeys(name for row in table for name in row.values))
    for template in templates:
        missing = [slot for slot in slots(template) if slot not in columns]
        if missing:
            raise RecordError(
                f"{template.place}: {listed(missing)} is no column of {path}, or an empty one; its columns are "
                f"{', '.join(columns)}. Name the slot after a column, or add the column."
            )
    return table


def as_text(place: str, line: Line) -> Row:
    """A row whose numbers are text; lists and objects are refused."""
    if line.fault:
        raise RecordError(f"{place}: {line.fault}.")
    deep = [name for name, value in line.row.items() if isinstance(value, list | dict)]
    if deep:
        raise RecordError(f"{place}: {listed(deep)} is no text and no number. Write it as one.")
    return Row(place, {name: "" if value is None else str(value) for name, value in line.row.items()})


def listed(names: Sequence[str]) -> str:
    """Some names in words."""
    return ", ".join(f"`{name}`" for name in names)
