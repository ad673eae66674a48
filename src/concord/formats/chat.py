"""Chat files: whole dialogues whose last turn is the answer, and those with a second answer that is worse."""

from typing import Any

from concord.formats.dialogue import answer, answer_turn, checked, message_rows, messages_in, prompt_of
from concord.formats.fields import Fault, as_object, need
from concord.formats.losses import Losses
from concord.formats.orders import sayable_pairs, two
from concord.formats.rows import Notes
from concord.records import Demonstration, Message, Prompt, Ranking

CHAT = frozenset({"messages"})
SWIFT = frozenset({"messages", "rejected_response"})
OPENAI = frozenset({"input", "preferred_output", "non_preferred_output"})
GENERATED = {"preferred_output": "preferred_completion", "non_preferred_output": "non_preferred_completion"}
"""Names that some clients of the same service give to the two answers."""


def read_chat(row: dict[str, Any], notes: Notes) -> Demonstration:
    """The last assistant turn is the demonstration; the turns before it are the prompt."""
    notes.unknown(row, CHAT)
    prompt, last = answered(row, notes)
    return Demonstration(prompt, last.content)


def answered(row: dict[str, Any], notes: Notes) -> tuple[Prompt, Message]:
    """A dialogue under `messages` as a prompt and the assistant's last turn."""
    messages = messages_in(need(row, "messages"), "messages", notes)
    if messages[-1].role != "assistant":
        raise Fault("messages", f"must end with the assistant's answer, not the {messages[-1].role}'s turn")
    return notes.prompt(checked(messages[:-1], "messages", notes), "", (), ""), messages[-1]


def write_chat(shown: Demonstration, losses: Losses) -> list[dict[str, Any]]:
    """A demonstration as one dialogue."""
    losses.demonstration(shown)
    turn = {"role": "assistant", "content": shown.text}
    return [{"messages": [*message_rows(shown.prompt.messages), turn]}]


def read_swift(row: dict[str, Any], notes: Notes) -> Ranking:
    """The better answer is the dialogue's last turn, the worse one stands beside it."""
    notes.unknown(row, SWIFT)
    prompt, last = answered(row, notes)
    worse = answer(need(row, "rejected_response"), "rejected_response")
    return two(prompt, last.content, worse, notes, "messages, rejected_response")


def write_swift(ranking: Ranking, losses: Losses) -> list[dict[str, Any]]:
    """Every pair of a ranking, the better answer inside the dialogue."""
    start = message_rows(ranking.prompt.messages)
    return [
        {
            "messages": [*start, {"role": "assistant", "content": better.text}],
            "rejected_response": worse.text,
        }
        for better, worse in sayable_pairs(ranking, losses)
    ]


def read_openai_pair(row: dict[str, Any], notes: Notes) -> Ranking:
    """A dialogue and two answers to it, as OpenAI's preference tuning takes them."""
    named = {key: name if name in row and key not in row else key for key, name in GENERATED.items()}
    notes.unknown(row, OPENAI | set(named.values()))
    asked = as_object(need(row, "input"), "input")
    notes.unknown(asked, CHAT, "input")
    prompt = prompt_of(need(asked, "messages", "input"), "input.messages", notes)
    better, worse = (
        answer_turn(value if isinstance(value, list) else [value], key, notes)
        for key, value in ((key, need(row, key)) for key in named.values())
    )
    return two(prompt, better, worse, notes, ", ".join(named.values()))


def write_openai_pair(ranking: Ranking, losses: Losses) -> list[dict[str, Any]]:
    """Every pair of a ranking as OpenAI's preference tuning takes it."""
    return [
        {
            "input": {"messages": message_rows(ranking.prompt.messages)},
            "preferred_output": [{"role": "assistant", "content": better.text}],
            "non_preferred_output": [{"role": "assistant", "content": worse.text}],
        }
        for better, worse in sayable_pairs(ranking, losses)
    ]
