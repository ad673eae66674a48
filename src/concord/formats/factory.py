"""LLaMA-Factory's two families: Alpaca's instructions, and ShareGPT's conversations; each with pairs and labels."""

from typing import Any

from concord.formats import fields
from concord.formats.dialogue import answer, checked
from concord.formats.fields import Fault, as_list, as_object, as_text, below, need, optional
from concord.formats.labels import marked, wanted
from concord.formats.losses import Losses
from concord.formats.orders import sayable_pairs, two
from concord.formats.rows import Notes
from concord.records import Completion, Demonstration, Message, Prompt, Ranking, Rating, Role

ALPACA = frozenset({"instruction", "input", "system", "history"})
SHAREGPT = frozenset({"conversations", "system"})
TURN = frozenset({"from", "value"})
SPEAKERS: dict[str, Role] = {"human": "user", "gpt": "assistant", "system": "system"}
NAMES = {role: name for name, role in SPEAKERS.items()}


def system_of(row: dict[str, Any]) -> list[Message]:
    """The system message of a row, if it has one that says something."""
    text = optional(row, "system", "", as_text, "")
    return [Message("system", text)] if text.strip() else []


def alpaca_prompt(row: dict[str, Any], notes: Notes) -> Prompt:
    """Instruction and input on two lines, after the system message and the turns before."""
    messages = system_of(row)
    for place, pair in enumerate(optional(row, "history", "", as_list, list[Any]())):
        at = f"history[{place}]"
        turns = as_list(pair, at)
        if len(turns) != 2:
            raise Fault(at, "a turn is a question and its answer", pair)
        messages += [Message("user", answer(turns[0], at)), Message("assistant", answer(turns[1], at))]
    instruction = answer(need(row, "instruction"), "instruction")
    more = optional(row, "input", "", as_text, "")
    messages.append(Message("user", f"{instruction}\n{more}" if more.strip() else instruction))
    return notes.prompt(checked(tuple(messages), "instruction", notes), "", (), "")


def alpaca_row(prompt: Prompt, losses: Losses, what: str) -> dict[str, Any] | None:
    """The prompt of a row; none, and a loss, for a dialogue that is not question and answer by turns."""
    turns = list(prompt.messages)
    row: dict[str, Any] = {"instruction": turns.pop().content, "input": ""}
    if turns and turns[0].role == "system":
        row["system"] = turns.pop(0).content
    if [turn.role for turn in turns] != ["user", "assistant"] * (len(turns) // 2):
        losses.add("dialogues that are not question and answer by turns", f"{what} dropped")
        return None
    if turns:
        said = [turn.content for turn in turns]
        row["history"] = [list(pair) for pair in zip(said[::2], said[1::2], strict=True)]
    return row


def read_alpaca(row: dict[str, Any], notes: Notes) -> Demonstration:
    """An instruction and its output."""
    notes.unknown(row, ALPACA | {"output"})
    return Demonstration(alpaca_prompt(row, notes), answer(need(row, "output"), "output"))


def write_alpaca(shown: Demonstration, losses: Losses) -> list[dict[str, Any]]:
    """A demonstration as an instruction and its output."""
    row = alpaca_row(shown.prompt, losses, "demonstrations")
    if row is None:
        return []
    losses.demonstration(shown)
    return [row | {"output": shown.text}]


def read_alpaca_pair(row: dict[str, Any], notes: Notes) -> Ranking:
    """An instruction with a better and a worse answer."""
    notes.unknown(row, ALPACA | {"chosen", "rejected"})
    better, worse = (answer(need(row, key), key) for key in ("chosen", "rejected"))
    return two(alpaca_prompt(row, notes), better, worse, notes)


def write_alpaca_pair(ranking: Ranking, losses: Losses) -> list[dict[str, Any]]:
    """Every pair of a ranking under its instruction."""
    row = alpaca_row(ranking.prompt, losses, "rankings")
    if row is None:
        return []
    pairs = sayable_pairs(ranking, losses)
    return [row | {"chosen": better.text, "rejected": worse.text} for better, worse in pairs]


def read_alpaca_label(row: dict[str, Any], notes: Notes) -> Rating:
    """An instruction, an output and whether it was wanted, as the rating 1 or 0."""
    notes.unknown(row, ALPACA | {"output", "kto_tag"})
    completion = Completion(alpaca_prompt(row, notes), answer(need(row, "output"), "output"))
    return Rating(completion, float(fields.as_flag(need(row, "kto_tag"), "kto_tag")))


def alpaca_label(completion: Completion, good: bool, losses: Losses) -> list[dict[str, Any]]:
    """One labelled output."""
    row = alpaca_row(completion.prompt, losses, "answers")
    return [] if row is None else [row | {"output": completion.text, "kto_tag": good}]


def write_alpaca_label(rating: Rating, losses: Losses) -> list[dict[str, Any]]:
    """A rating of 1 or 0 as a label."""
    good = wanted(rating, losses)
    return [] if good is None else alpaca_label(rating.completion, good, losses)


def rank_alpaca_label(ranking: Ranking, losses: Losses) -> list[dict[str, Any]]:
    """The ends of a ranking as labels."""
    return [row for one, good in marked(ranking, losses) for row in alpaca_label(one, good, losses)]


def turn_in(value: Any, at: str, notes: Notes) -> Message:
    """One turn of a conversation: who speaks, and what is said."""
    turn = as_object(value, at)
    notes.unknown(turn, TURN, at if at.endswith(("[0]", "chosen", "rejected")) else "conversations[…]")
    who = fields.word_of(
        need(turn, "from", at),
        below(at, "from"),
        tuple(SPEAKERS),
        {"user": "human", "assistant": "gpt", "chatgpt": "gpt", "bot": "gpt", "prompter": "human"},
    )
    text = as_text(need(turn, "value", at), below(at, "value"))
    if not text.strip():
        raise Fault(below(at, "value"), "a message may not be empty", text)
    return Message(SPEAKERS[who], text)


def conversation(row: dict[str, Any], notes: Notes) -> list[Message]:
    """The system message of a row and its turns."""
    turns = as_list(need(row, "conversations"), "conversations")
    found = [turn_in(value, f"conversations[{place}]", notes) for place, value in enumerate(turns)]
    if not found:
        raise Fault("conversations", "at least one message is needed", turns)
    return [*system_of(row), *found]


def concluded(row: dict[str, Any], notes: Notes) -> Completion:
    """The last turn of a conversation as the answer to the turns before it."""
    *start, last = conversation(row, notes)
    if last.role != "assistant":
        raise Fault("conversations", f"must end with the answer of gpt, not the turn of {NAMES[last.role]}")
    prompt = notes.prompt(checked(tuple(start), "conversations", notes), "", (), "")
    return Completion(prompt, last.content)


def sharegpt_row(prompt: Prompt, last: str | None = None) -> dict[str, Any]:
    """A dialogue as a conversation, with its answer if it is to stand inside."""
    first, *rest = prompt.messages
    row: dict[str, Any] = {"system": first.content} if first.role == "system" else {}
    turns = [{"from": NAMES[turn.role], "value": turn.content} for turn in (rest if row else prompt.messages)]
    return {"conversations": turns + ([{"from": "gpt", "value": last}] if last is not None else [])} | row


def read_sharegpt(row: dict[str, Any], notes: Notes) -> Demonstration:
    """A conversation whose last turn is the demonstration."""
    notes.unknown(row, SHAREGPT)
    last = concluded(row, notes)
    return Demonstration(last.prompt, last.text)


def write_sharegpt(shown: Demonstration, losses: Losses) -> list[dict[str, Any]]:
    """A demonstration as one conversation."""
    losses.demonstration(shown)
    return [sharegpt_row(shown.prompt, shown.text)]


def read_sharegpt_pair(row: dict[str, Any], notes: Notes) -> Ranking:
    """A conversation that waits for an answer, and a better and a worse one."""
    notes.unknown(row, SHAREGPT | {"chosen", "rejected"})
    prompt = notes.prompt(checked(tuple(conversation(row, notes)), "conversations", notes), "", (), "")
    better, worse = (turn_in(need(row, key), key, notes) for key in ("chosen", "rejected"))
    for key, turn in (("chosen", better), ("rejected", worse)):
        if turn.role != "assistant":
            raise Fault(f"{key}.from", "an answer is gpt's", NAMES[turn.role])
    return two(prompt, better.content, worse.content, notes)


def write_sharegpt_pair(ranking: Ranking, losses: Losses) -> list[dict[str, Any]]:
    """Every pair of a ranking under its conversation."""
    row = sharegpt_row(ranking.prompt)
    return [
        row
        | {"chosen": {"from": "gpt", "value": better.text}, "rejected": {"from": "gpt", "value": worse.text}}
        for better, worse in sayable_pairs(ranking, losses)
    ]


def read_sharegpt_label(row: dict[str, Any], notes: Notes) -> Rating:
    """A conversation and whether its last turn was wanted, as the rating 1 or 0."""
    notes.unknown(row, SHAREGPT | {"kto_tag"})
    return Rating(concluded(row, notes), float(fields.as_flag(need(row, "kto_tag"), "kto_tag")))


def write_sharegpt_label(rating: Rating, losses: Losses) -> list[dict[str, Any]]:
    """A rating of 1 or 0 as a label."""
    good = wanted(rating, losses)
    one = rating.completion
    return [] if good is None else [sharegpt_row(one.prompt, one.text) | {"kto_tag": good}]


def rank_sharegpt_label(ranking: Ranking, losses: Losses) -> list[dict[str, Any]]:
    """The ends of a ranking as labels."""
    return [sharegpt_row(one.prompt, one.text) | {"kto_tag": good} for one, good in marked(ranking, losses)]
