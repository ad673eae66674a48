"""Chat files as OpenAI's fine-tuning takes them: a whole dialogue, whose last turn is the answer."""

from typing import Any

from concord.formats.dialogue import checked, message_rows, messages_in
from concord.formats.fields import Fault, need
from concord.formats.losses import Losses
from concord.formats.rows import Notes
from concord.records import Demonstration

CHAT = frozenset({"messages"})


def read_chat(row: dict[str, Any], notes: Notes) -> Demonstration:
    """The last assistant turn is the demonstration; the turns before it are the prompt."""
    notes.unknown(row, CHAT)
    messages = messages_in(need(row, "messages"), "messages", notes)
    if messages[-1].role != "assistant":
        raise Fault("messages", f"must end with the assistant's answer, not the {messages[-1].role}'s turn")
    prompt = notes.prompt(checked(messages[:-1], "messages", notes), "", (), "")
    return Demonstration(prompt, messages[-1].content)


def write_chat(shown: Demonstration, losses: Losses) -> list[dict[str, Any]]:
    """A demonstration as one dialogue."""
    losses.prompt(shown.prompt)
    losses.add("who wrote an answer", "names dropped", bool(shown.by))
    turn = {"role": "assistant", "content": shown.text}
    return [{"messages": [*message_rows(shown.prompt.messages), turn]}]
