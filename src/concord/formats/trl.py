"""The shapes of TRL's data sets: preference pairs in four shapes, prompts, and prompts with completions."""

from typing import Any

from concord.formats.dialogue import (
    answer,
    answer_turn,
    beginning,
    checked,
    message_rows,
    messages_in,
    plain_prompt,
    prompt_of,
)
from concord.formats.fields import Fault, need
from concord.formats.losses import Losses
from concord.formats.orders import one_message, sayable_pairs, two
from concord.formats.rows import Notes
from concord.records import Demonstration, Prompt, Ranking

PREFERENCE = frozenset({"prompt", "chosen", "rejected"})
IMPLICIT = frozenset({"chosen", "rejected"})
PROMPT = frozenset({"prompt"})
PROMPT_COMPLETION = frozenset({"prompt", "completion"})


def read_preference(row: dict[str, Any], notes: Notes) -> Ranking:
    """A pair of texts with a prompt that is a text."""
    notes.unknown(row, PREFERENCE)
    prompt = plain_prompt(need(row, "prompt"), "prompt", notes)
    better, worse = (answer(need(row, key), key) for key in ("chosen", "rejected"))
    return two(prompt, better, worse, notes)


def read_chat_preference(row: dict[str, Any], notes: Notes) -> Ranking:
    """A pair of assistant turns with a prompt that is a dialogue."""
    notes.unknown(row, PREFERENCE)
    prompt = prompt_of(need(row, "prompt"), "prompt", notes)
    better, worse = (answer_turn(need(row, key), key, notes) for key in ("chosen", "rejected"))
    return two(prompt, better, worse, notes)


def read_implicit(row: dict[str, Any], notes: Notes) -> Ranking:
    """A pair of whole texts: the prompt is what they share at the beginning, up to the last whole word."""
    notes.unknown(row, IMPLICIT)
    better, worse = (answer(need(row, key), key) for key in ("chosen", "rejected"))
    if better == worse:
        raise Fault("chosen, rejected", "are the same text; there is nothing to prefer")
    shared = beginning(better, worse)
    cut = len(shared)
    # "blue" and "black" share "bl": a prompt never ends inside a word.
    while cut and not shared[cut - 1].isspace():
        cut -= 1
    cut = len(shared[:cut].rstrip())
    if not cut:
        raise Fault("chosen, rejected", "have no common beginning that could be the prompt; add `prompt`")
    prompt = plain_prompt(shared[:cut], "chosen, rejected", notes)
    return two(prompt, answer(better[cut:], "chosen"), answer(worse[cut:], "rejected"), notes)


def read_chat_implicit(row: dict[str, Any], notes: Notes) -> Ranking:
    """A pair of whole dialogues: the prompt is the turns that they share."""
    notes.unknown(row, IMPLICIT)
    better, worse = (messages_in(need(row, key), key, notes) for key in ("chosen", "rejected"))
    if better == worse:
        raise Fault("chosen, rejected", "are the same dialogue; there is nothing to prefer")
    # Compared whole: a turn that only begins alike belongs to the answers.
    cut = 0
    while cut < min(len(better), len(worse)) and better[cut] == worse[cut]:
        cut += 1
    for key, messages in (("chosen", better), ("rejected", worse)):
        rest = messages[cut:]
        if len(rest) != 1 or rest[0].role != "assistant":
            raise Fault(key, "must be the shared turns and then one assistant turn, for there is no `prompt`")
    prompt = notes.prompt(checked(better[:cut], "chosen", notes), "", (), "")
    return two(prompt, better[cut].content, worse[cut].content, notes)


def write_preference(ranking: Ranking, losses: Losses) -> list[dict[str, Any]]:
    """Every pair of a ranking whose prompt is one user message."""
    prompt = one_message(ranking.prompt, losses)
    if prompt is None:
        return []
    return [
        {"prompt": prompt, "chosen": better.text, "rejected": worse.text}
        for better, worse in sayable_pairs(ranking, losses)
    ]


def write_chat_preference(ranking: Ranking, losses: Losses) -> list[dict[str, Any]]:
    """Every pair of a ranking, with the prompt as a dialogue."""
    return [
        {
            "prompt": message_rows(ranking.prompt.messages),
            "chosen": [{"role": "assistant", "content": better.text}],
            "rejected": [{"role": "assistant", "content": worse.text}],
        }
        for better, worse in sayable_pairs(ranking, losses)
    ]


def read_chat_prompt(row: dict[str, Any], notes: Notes) -> Prompt:
    """A prompt that is a dialogue under the key `prompt`."""
    notes.unknown(row, PROMPT)
    return prompt_of(need(row, "prompt"), "prompt", notes)


def write_chat_prompt(prompt: Prompt, losses: Losses) -> list[dict[str, Any]]:
    """A prompt as a dialogue under the key `prompt`."""
    losses.prompt(prompt)
    return [{"prompt": message_rows(prompt.messages)}]


def read_chat_completion(row: dict[str, Any], notes: Notes) -> Demonstration:
    """A prompt that is a dialogue, and the assistant turn that answers it."""
    notes.unknown(row, PROMPT_COMPLETION)
    prompt = prompt_of(need(row, "prompt"), "prompt", notes)
    return Demonstration(prompt, answer_turn(need(row, "completion"), "completion", notes))


def write_chat_completion(shown: Demonstration, losses: Losses) -> list[dict[str, Any]]:
    """A demonstration as a dialogue and the turn that answers it."""
    losses.demonstration(shown)
    turn = [{"role": "assistant", "content": shown.text}]
    return [{"prompt": message_rows(shown.prompt.messages), "completion": turn}]
