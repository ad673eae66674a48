"""The table of formats: every shape of row that is known, and how to tell which one a file has."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from concord.errors import RecordError
from concord.formats import chat, hh, native_guidance, native_text, trl
from concord.formats.losses import Losses
from concord.formats.rows import Notes

Kind = Literal["prompts", "completions", "demonstrations", "rankings", "ratings", "steps"]
Test = Callable[[Any], bool]
ROWS_SNIFFED = 50


@dataclass(frozen=True, slots=True)
class Format:
    """One shape of row: what it holds, how to know it, how to read it and how to write it."""

    kind: Kind
    read: Callable[[dict[str, Any], Notes], Any]
    write: Callable[[Any, Losses], list[dict[str, Any]]] | None
    """None for a shape that is only read."""
    keys: Mapping[str, Test]
    """The keys that tell it, and what their values look like."""
    signs: frozenset[str]
    """At least one of these keys stands in its rows."""
    never: frozenset[str] = frozenset()
    """None of these keys does."""

    def likeness(self, row: object) -> int:
        """How much a row looks like this shape; 0 is not at all."""
        if not isinstance(row, dict) or not self.signs & row.keys() or self.never & row.keys():
            return 0
        return max(0, sum(1 if test(row[key]) else -1 for key, test in self.keys.items() if key in row))


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


GUIDED = frozenset({"chosen", "rejected", "completion", "completions", "text", "value", "steps", "tiers"})
PAIR = frozenset({"chosen", "rejected"})

FORMATS: dict[str, Format] = {
    "concord-prompts": Format(
        "prompts", native_text.read_prompt, native_text.write_prompt,
        {"messages": is_asked, "prompt": is_text}, frozenset({"messages", "prompt"}), GUIDED,
    ),
    "trl-prompts": Format(
        "prompts", trl.read_chat_prompt, trl.write_chat_prompt,
        {"prompt": is_list}, frozenset({"prompt"}), GUIDED,
    ),
    "concord-completions": Format(
        "completions", native_text.read_completion, native_text.write_completion,
        {"prompt": is_prompt, "text": is_text}, frozenset({"text"}),
    ),
    "concord-demonstrations": Format(
        "demonstrations", native_text.read_demonstration, native_text.write_demonstration,
        {"prompt": is_prompt, "completion": is_text}, frozenset({"completion"}),
        frozenset({"value", "steps", "marks"}),
    ),
    "trl-prompt-completion": Format(
        "demonstrations", trl.read_chat_completion, trl.write_chat_completion,
        {"prompt": is_list, "completion": is_list}, frozenset({"completion"}),
    ),
    "openai-chat": Format(
        "demonstrations", chat.read_chat, chat.write_chat,
        {"messages": is_answered}, frozenset({"messages"}), GUIDED,
    ),
    "concord-rankings": Format(
        "rankings", native_guidance.read_ranking, native_guidance.write_ranking,
        {"prompt": is_prompt, "completions": is_list, "tiers": is_list}, frozenset({"completions", "tiers"}),
    ),
    "hh": Format(
        "rankings", hh.read_hh, hh.write_hh,
        {"chosen": is_transcript, "rejected": is_transcript}, PAIR, frozenset({"prompt"}),
    ),
    "trl-preference-implicit": Format(
        "rankings", trl.read_implicit, None,
        {"chosen": is_text, "rejected": is_text}, PAIR, frozenset({"prompt"}),
    ),
    "trl-preference-chat-implicit": Format(
        "rankings", trl.read_chat_implicit, None,
        {"chosen": is_list, "rejected": is_list}, PAIR, frozenset({"prompt"}),
    ),
    "trl-preference": Format(
        "rankings", trl.read_preference, trl.write_preference,
        {"prompt": is_text, "chosen": is_text, "rejected": is_text}, PAIR,
    ),
    "trl-preference-chat": Format(
        "rankings", trl.read_chat_preference, trl.write_chat_preference,
        {"prompt": is_list, "chosen": is_list, "rejected": is_list}, PAIR,
    ),
    "concord-ratings": Format(
        "ratings", native_guidance.read_rating, native_guidance.write_rating,
        {"prompt": is_prompt, "completion": is_said, "value": is_number}, frozenset({"value"}),
    ),
    "concord-steps": Format(
        "steps", native_guidance.read_step_labels, native_guidance.write_step_labels,
        {"prompt": is_prompt, "completion": is_said, "steps": is_list, "marks": is_list},
        frozenset({"steps", "marks"}),
    ),
}  # fmt: skip
"""Every format by its name. Of two that fit equally well, the one that stands first is taken: so the
shapes without a prompt stand before those with one, to which they would look like a slip."""


def likeliest(rows: Iterable[object], kind: Kind | None = None) -> str | None:
    """The format that the first rows look most like, among all or among those of one kind."""
    first = [row for _, row in zip(range(ROWS_SNIFFED), rows, strict=False)]
    scores = {
        name: sum(format.likeness(row) for row in first)
        for name, format in FORMATS.items()
        if kind in (None, format.kind)
    }
    best = max(scores, key=lambda name: scores[name])
    return best if scores[best] else None


def native(kind: Kind) -> str:
    """The name of Concord's own format for a kind of records."""
    return f"concord-{kind}"


def sniff(rows: Iterable[object]) -> str:
    """The name of the format that the first 50 rows have."""
    name = likeliest(rows)
    if name is None:
        raise RecordError(
            f"The rows have no format that Concord knows ({', '.join(FORMATS)}). "
            "See docs/formats.md for the shape of each."
        )
    return name
