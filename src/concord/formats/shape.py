"""What a format is: one shape of row, how to know it, how to read it and how to write it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from concord.formats import hh
from concord.formats.losses import Losses
from concord.formats.rows import Notes

Kind = Literal["prompts", "completions", "demonstrations", "rankings", "ratings", "steps", "judgements"]
Read = Callable[[dict[str, Any], Notes], Any]
"""From a row to its record, or to a list of them where a row holds several."""
Write = Callable[[Any, Losses], list[dict[str, Any]]]
"""From a record to its rows."""
Test = Callable[[Any], bool]


@dataclass(frozen=True, slots=True)
class Format:
    """One shape of row: what it holds, how to know it, how to read it and how to write it."""

    kind: Kind
    read: Read | None
    """None for a shape that is only written."""
    write: Write | None
    """None for a shape that is only read."""
    keys: Mapping[str, Test]
    """The keys that tell it, and what their values look like."""
    signs: frozenset[str]
    """At least one of these keys stands in its rows."""
    never: frozenset[str] = frozenset()
    """None of these keys does."""
    also: Mapping[Kind, tuple[Read | None, Write | None]] = field(default_factory=dict)
    """Other kinds of records that the same rows can be read as, or written from."""

    def reader(self, kind: Kind) -> Read | None:
        """How its rows are read as records of a kind; None if they are not."""
        return self.read if kind == self.kind else self.also.get(kind, (None, None))[0]

    def writer(self, kind: Kind) -> Write | None:
        """How its rows are written from records of a kind; None if they are not."""
        return self.write if kind == self.kind else self.also.get(kind, (None, None))[1]

    def likeness(self, row: object) -> int:
        """How much a row looks like this shape; 0 is not at all."""
        if not isinstance(row, dict) or not self.signs & row.keys() or self.never & row.keys():
            return 0
        return max(0, sum(1 if test(row[key]) else -1 for key, test in self.keys.items() if key in row))

    def fits(self, row: object) -> bool:
        """Whether nothing in a row speaks against this shape: what tells it looks right wherever it stands."""
        return self.likeness(row) > 0 and all(
            test(row[key]) for key, test in self.keys.items() if isinstance(row, dict) and key in row
        )


def is_text(value: Any) -> bool:
    """Whether a value is a text."""
    return isinstance(value, str)


def is_list(value: Any) -> bool:
    """Whether a value is a list."""
    return isinstance(value, list)


def is_prompt(value: Any) -> bool:
    """Whether a value looks like a prompt of Concord's own rows."""
    return isinstance(value, str | dict)


def is_said(value: Any) -> bool:
    """Whether a value looks like a completion inside a row."""
    return isinstance(value, str | dict)


def is_number(value: Any) -> bool:
    """Whether a value is a number."""
    return isinstance(value, int | float)


def is_transcript(value: Any) -> bool:
    """Whether a value is a text that opens as HH-RLHF's do."""
    return isinstance(value, str) and value.startswith((hh.HUMAN, hh.ASSISTANT))


def ends_with(value: Any, role: str) -> bool:
    """Whether a value is a list of messages whose last one is of a role."""
    last = value[-1] if isinstance(value, list) and value else None
    return isinstance(last, dict) and last.get("role") == role


def is_asked(value: Any) -> bool:
    """Whether a value is a dialogue that waits for an answer."""
    return isinstance(value, list) and not ends_with(value, "assistant")


def is_answered(value: Any) -> bool:
    """Whether a value is a dialogue that ends with an answer."""
    return ends_with(value, "assistant")


def is_texts(value: Any) -> bool:
    """Whether a value is a list of texts."""
    return isinstance(value, list) and bool(value) and all(isinstance(one, str) for one in value)


def is_object(value: Any) -> bool:
    """Whether a value is an object."""
    return isinstance(value, dict)


def is_flag(value: Any) -> bool:
    """Whether a value is true or false."""
    return isinstance(value, bool)


def is_objects(value: Any) -> bool:
    """Whether a value is a list of objects."""
    return isinstance(value, list) and bool(value) and all(isinstance(one, dict) for one in value)


def each_has(*keys: str) -> Test:
    """A test for lists of objects that all have some keys."""
    return lambda value: is_objects(value) and all(one.keys() >= set(keys) for one in value)


def has(*keys: str) -> Test:
    """A test for objects that have some keys."""
    return lambda value: isinstance(value, dict) and value.keys() >= set(keys)
