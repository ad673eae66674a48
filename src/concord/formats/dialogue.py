"""Messages, prompts and answers as rows hold them, with the rules that every family shares."""

from itertools import pairwise
from typing import Any

from concord.formats import fields
from concord.formats.fields import Fault, as_list, as_object, as_text, below, need
from concord.formats.rows import Notes
from concord.records import ROLES, Completion, Message, Prompt

MESSAGE = frozenset({"role", "content"})
KIN = {
    "human": "user", "prompter": "user", "gpt": "assistant", "bot": "assistant", "ai": "assistant",
    "model": "assistant", "chatgpt": "assistant", "developer": "system", "instruction": "system",
}  # fmt: skip
"""What other tools call the three roles; they are named in the message, not read silently."""


def messages_in(value: Any, at: str, notes: Notes) -> tuple[Message, ...]:
    """A list of messages, each with a known role and some content."""
    found = []
    for place, entry in enumerate(as_list(value, at)):
        here = f"{at}[{place}]"
        message = as_object(entry, here)
        role = fields.word_of(need(message, "role", here), below(here, "role"), ROLES, KIN)
        content = as_text(need(message, "content", here), below(here, "content"))
        if not content.strip():
            raise Fault(below(here, "content"), "a message may not be empty", content)
        notes.unknown(message, MESSAGE, here if place == 0 else f"{at}[…]")
        found.append(Message(role, content))
    if not found:
        raise Fault(at, "at least one message is needed", value)
    return tuple(found)


def checked(messages: tuple[Message, ...], at: str, notes: Notes) -> tuple[Message, ...]:
    """The same messages, if an assistant could answer them now."""
    roles = [message.role for message in messages]
    if "user" not in roles:
        raise Fault(at, f"no message has the role user (roles: {', '.join(roles) or 'none'})")
    if roles[-1] != "user":
        raise Fault(at, f"a prompt must end with a user's turn, this one ends with the {roles[-1]}'s")
    if "system" in roles[1:]:
        notes.warn(f"`{at}` has a system message that is not the first; few chat templates allow it")
    if any(one == other for one, other in pairwise(roles)):
        notes.warn(f"`{at}` has two turns of one role in a row")
    return messages


def prompt_of(value: Any, at: str, notes: Notes) -> Prompt:
    """A prompt that is a list of messages."""
    return notes.prompt(checked(messages_in(value, at, notes), at, notes), "", (), "")


def plain_prompt(value: Any, at: str, notes: Notes) -> Prompt:
    """A prompt that is a plain text: one message of the user."""
    text = as_text(value, at)
    if not text.strip():
        raise Fault(at, "a prompt may not be empty", value)
    return notes.prompt((Message("user", text),), "", (), "")


def answer(value: Any, at: str) -> str:
    """The text of an answer, which says something."""
    text = as_text(value, at)
    if not text.strip():
        raise Fault(at, "an answer may not be empty", value)
    return text


def answer_turn(value: Any, at: str, notes: Notes) -> str:
    """An answer given as a list with one assistant message."""
    messages = messages_in(value, at, notes)
    if len(messages) > 1:
        raise Fault(at, f"holds {len(messages)} messages; an answer is one assistant message")
    if messages[0].role != "assistant":
        raise Fault(f"{at}[0].role", "an answer is the assistant's", messages[0].role)
    return messages[0].content


def different(completions: tuple[Completion, ...], at: str, notes: Notes) -> None:
    """A ranking of answers that are all the same says nothing, and one of near copies little."""
    texts = [completion.text for completion in completions]
    if len(set(texts)) == 1:
        raise Fault(at, f"all {len(texts)} answers are the same text; there is nothing to prefer")
    if len({text.strip() for text in texts}) == 1:
        notes.warn(f"`{at}` differ only in the spaces around them")
    elif len(set(texts)) < len(texts):
        notes.warn(f"`{at}` hold the same answer more than once")


def beginning(one: str, other: str) -> str:
    """The text that two texts share from their start on."""
    place = 0
    for mine, yours in zip(one, other, strict=False):
        if mine != yours:
            break
        place += 1
    return one[:place]


def message_rows(messages: tuple[Message, ...]) -> list[dict[str, str]]:
    """Messages as rows hold them."""
    return [{"role": message.role, "content": message.content} for message in messages]
