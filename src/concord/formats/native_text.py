"""Concord's own rows for what is said: prompts, completions and demonstrations."""

from typing import Any

from concord.formats import fields
from concord.formats.dialogue import answer, checked, message_rows, messages_in, plain_prompt
from concord.formats.fields import Fault, as_name, as_object, as_text, as_whole, below, need, optional
from concord.formats.losses import Losses
from concord.formats.rows import Notes
from concord.records import FINISHES, Completion, Demonstration, Finish, Prompt

PROMPT = frozenset({"id", "messages", "tags"})
PLAIN_PROMPT = frozenset({"id", "prompt", "tags"})
SAID = frozenset({"text", "by", "seed", "temperature", "finish", "tokens", "logprobs"})
COMPLETION = SAID | {"prompt"}
DEMONSTRATION = frozenset({"prompt", "completion", "by"})


def prompt_object(value: Any, at: str, notes: Notes) -> Prompt:
    """A prompt inside another row: an object, or a plain text."""
    if isinstance(value, str):
        return plain_prompt(value, at, notes)
    row = as_object(value, at)
    notes.unknown(row, PROMPT, at)
    where = below(at, "messages")
    messages = checked(messages_in(need(row, "messages", at), where, notes), where, notes)
    return notes.prompt(messages, *name_and_tags(row, at), at)


def name_and_tags(row: dict[str, Any], at: str) -> tuple[str, tuple[str, ...]]:
    """The id of a prompt, empty if there is none, and its tags."""
    return optional(row, "id", at, as_name, ""), optional(row, "tags", at, fields.names, ())


def read_prompt(row: dict[str, Any], notes: Notes) -> Prompt:
    """A row of a file of prompts."""
    if "prompt" in row and "messages" not in row:
        notes.unknown(row, PLAIN_PROMPT)
        plain = plain_prompt(row["prompt"], "prompt", Notes())
        prompt = notes.prompt(plain.messages, *name_and_tags(row, ""), "")
    else:
        prompt = prompt_object(row, "", notes)
    if notes.repeated(prompt):
        notes.warn("the prompt stands in the file more than once")
    return prompt


def write_prompt(prompt: Prompt, losses: Losses | None = None) -> list[dict[str, Any]]:
    """A prompt as a row."""
    return [prompt_row(prompt)]


def prompt_row(prompt: Prompt) -> dict[str, Any]:
    """A prompt as an object; what is empty is left out."""
    row: dict[str, Any] = {"id": prompt.id} if prompt.id else {}
    row["messages"] = message_rows(prompt.messages)
    if prompt.tags:
        row["tags"] = list(prompt.tags)
    return row


def said(prompt: Prompt, row: dict[str, Any], at: str, notes: Notes) -> Completion:
    """A completion from the fields that say what was said, and how it came about."""
    finish: Finish | None = optional(row, "finish", at, as_finish, None)
    text = as_text(need(row, "text", at), below(at, "text"))
    if not text.strip():
        # A policy may end at once; then the row says so. Anything else is a hole in the data.
        if finish is None:
            answer(text, below(at, "text"))
        notes.warn("an answer is empty, and its `finish` says that this is how it ended")
    tokens = optional(row, "tokens", at, fields.wholes, None)
    logprobs = optional(row, "logprobs", at, fields.numbers, None)
    if tokens is not None and logprobs is not None and len(tokens) != len(logprobs):
        raise Fault(below(at, "logprobs"), f"has {len(logprobs)} numbers for {len(tokens)} tokens")
    return Completion(
        prompt,
        text,
        by=optional(row, "by", at, as_text, ""),
        seed=optional(row, "seed", at, as_whole, None),
        temperature=optional(row, "temperature", at, as_temperature, None),
        finish=finish,
        tokens=tokens,
        logprobs=logprobs,
    )


def as_finish(value: Any, at: str) -> Finish | None:
    """How an answer ended."""
    finish: Finish = fields.word_of(value, at, FINISHES)
    return finish


def as_temperature(value: Any, at: str) -> float | None:
    """A sampling temperature: 0 or more."""
    number = fields.as_number(value, at)
    if number < 0:
        raise Fault(at, "it must be 0 or more", value)
    return number


def said_row(completion: Completion) -> dict[str, Any]:
    """A completion without its prompt; what is not known is left out."""
    row: dict[str, Any] = {"text": completion.text}
    if completion.by:
        row["by"] = completion.by
    for key in ("seed", "temperature", "finish"):
        if (value := getattr(completion, key)) is not None:
            row[key] = value
    for key in ("tokens", "logprobs"):
        if (values := getattr(completion, key)) is not None:
            row[key] = list(values)
    return row


def read_completion(row: dict[str, Any], notes: Notes) -> Completion:
    """A row of a file of completions."""
    notes.unknown(row, COMPLETION)
    return said(prompt_object(need(row, "prompt"), "prompt", notes), row, "", notes)


def write_completion(completion: Completion, losses: Losses | None = None) -> list[dict[str, Any]]:
    """A completion as a row."""
    return [{"prompt": prompt_row(completion.prompt)} | said_row(completion)]


def read_demonstration(row: dict[str, Any], notes: Notes) -> Demonstration:
    """A row of a file of demonstrations."""
    if "label" in row:
        raise Fault("label", "marks good and bad answers, but a demonstration is always good", row["label"])
    notes.unknown(row, DEMONSTRATION)
    prompt = prompt_object(need(row, "prompt"), "prompt", notes)
    text = answer(need(row, "completion"), "completion")
    return Demonstration(prompt, text, by=optional(row, "by", "", as_text, ""))


def write_demonstration(shown: Demonstration, losses: Losses | None = None) -> list[dict[str, Any]]:
    """A demonstration as a row."""
    row: dict[str, Any] = {"prompt": prompt_row(shown.prompt), "completion": shown.text}
    return [row | {"by": shown.by}] if shown.by else [row]
