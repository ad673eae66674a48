"""HH-RLHF: two whole transcripts as plain text, alike up to the last answer.

The published data has a trap: cut at its own last "Assistant:", a transcript whose answer holds that
word once more gets another prompt than its partner. So both are cut at one place: the last
"Assistant:" in the part that they share.
"""

import re
from typing import Any

from concord.formats.dialogue import beginning, checked, different
from concord.formats.fields import Fault, as_text, need
from concord.formats.losses import Losses
from concord.formats.rows import Notes
from concord.records import Completion, Message, Prompt, Ranking

HH = frozenset({"chosen", "rejected"})
HUMAN = "\n\nHuman:"
ASSISTANT = "\n\nAssistant:"
TURN = re.compile(r"\n\n(Human|Assistant):")


def read_hh(row: dict[str, Any], notes: Notes) -> Ranking:
    """A pair of transcripts as the ranking of their last answers."""
    notes.unknown(row, HH)
    better, worse = (as_text(need(row, key), key) for key in ("chosen", "rejected"))
    shared = beginning(better, worse)
    cut = shared.rfind(ASSISTANT)
    if cut < 0:
        raise Fault("chosen, rejected", "share no part that ends with an Assistant's turn to compare")
    prompt = notes.prompt(turns(better[:cut], notes), "", (), "")
    completions = tuple(
        last_answer(prompt, key, text[cut + len(ASSISTANT) :], notes)
        for key, text in (("chosen", better), ("rejected", worse))
    )
    different(completions, "chosen, rejected", notes)
    return Ranking(prompt, completions, ((0,), (1,)))


def turns(text: str, notes: Notes, at: str = "chosen") -> tuple[Message, ...]:
    """The messages of a transcript that ends before an answer."""
    first, *parts = TURN.split(text)
    if first.strip():
        raise Fault(at, "must begin with an empty line and Human:", first)
    messages: list[Message] = []
    for name, said in zip(parts[::2], parts[1::2], strict=True):
        if not said.strip():
            raise Fault(at, f"turn {len(messages) + 1} of the transcript is empty")
        messages.append(Message("user" if name == "Human" else "assistant", said.removeprefix(" ")))
    return checked(tuple(messages), at, notes)


def last_answer(prompt: Prompt, key: str, rest: str, notes: Notes) -> Completion:
    """What follows the shared part: one answer, to the end."""
    if HUMAN in rest:
        raise Fault(key, "goes on with another Human turn after the place where the transcripts part")
    if ASSISTANT in rest:
        notes.warn("an answer holds a line that begins with Assistant:")
    if not rest.strip():
        # The published data has such rows, with nothing wrong in them: the assistant said nothing.
        notes.warn("an answer is empty; it is read as an assistant that said nothing")
        return Completion(prompt, "", finish="stop")
    return Completion(prompt, rest.removeprefix(" "))


def transcript(prompt: Prompt) -> str:
    """A dialogue as one text that ends where the assistant is to answer; it has no place for a system message."""
    names = {"user": HUMAN, "assistant": ASSISTANT}
    return "".join(f"{names[turn.role]} {turn.content}" for turn in prompt.messages) + ASSISTANT


def write_hh(ranking: Ranking, losses: Losses) -> list[dict[str, Any]]:
    """Every pair of a ranking, if its transcript reads back as it was."""
    if any(message.role == "system" for message in ranking.prompt.messages):
        losses.add("system messages", "rankings dropped")
        return []
    start = transcript(ranking.prompt)
    rows = []
    for one, other in losses.pairs(ranking):
        better, worse = ranking.completions[one], ranking.completions[other]
        row = {"chosen": f"{start} {better.text}", "rejected": f"{start} {worse.text}"}
        if same_again(row, ranking.prompt, better, worse):
            rows.append(row)
        else:
            losses.add("texts that look like its own marks, or equal answers", "pairs dropped")
    return rows


def same_again(row: dict[str, Any], prompt: Prompt, better: Completion, worse: Completion) -> bool:
    """Whether a row reads back as what it was written from."""
    try:
        found = read_hh(row, Notes())
    except Fault:
        return False
    texts = tuple(completion.text for completion in found.completions)
    return found.prompt.messages == prompt.messages and texts == (better.text, worse.text)
