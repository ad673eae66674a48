"""Comparisons whose two answers stand in columns of their own, with a third that tells the winner."""

import re
from typing import Any

from concord.formats import fields
from concord.formats.dialogue import (
    answer,
    checked,
    message_rows,
    messages_in,
    plain_prompt,
    prompt_of,
)
from concord.formats.fields import Fault, as_name, as_text, below, need, optional
from concord.formats.lists import entries
from concord.formats.losses import Losses
from concord.formats.orders import compared, one_message, sayable_pairs, two, versus
from concord.formats.rows import Notes
from concord.records import Completion, Message, Ranking, Rating, Role

BENCH = frozenset({"prompt", "chosen", "rejected", "chosen_model", "rejected_model"})
BINARIZED = frozenset({"prompt", "prompt_id", "chosen", "rejected"})
ARENA = frozenset({"model_a", "model_b", "winner", "conversation_a", "conversation_b", "judge"})
WINNERS = {"model_a": 0, "model_b": 1, "tie": None, "tie (bothbad)": None}
SHP = frozenset({"history", "human_ref_A", "human_ref_B", "labels"})
STEER_PAIR = frozenset({"context", "response1", "response2", "overall_preference"})
STEER = frozenset({"prompt", "response"})
ASPECTS = ("helpfulness", "correctness", "coherence", "complexity", "verbosity")
STEER_TURN = re.compile(r"\n<extra_id_1>(User|Assistant)\n")
SUMMARY = frozenset({"info", "summaries", "choice", "worker"})


def read_bench(row: dict[str, Any], notes: Notes) -> Ranking:
    """RewardBench: a right and a wrong answer, and who gave them."""
    notes.unknown(row, BENCH)
    prompt = plain_prompt(need(row, "prompt"), "prompt", notes)
    better, worse = (answer(need(row, key), key) for key in ("chosen", "rejected"))
    by = tuple(optional(row, f"{key}_model", "", as_text, "") for key in ("chosen", "rejected"))
    return two(prompt, better, worse, notes, names=(by[0], by[1]))


def write_bench(ranking: Ranking, losses: Losses) -> list[dict[str, Any]]:
    """Every pair of a ranking, with who gave the answers."""
    prompt = one_message(ranking.prompt, losses)
    pairs = [] if prompt is None else sayable_pairs(ranking, losses, answers="by")
    return [
        {
            "prompt": prompt,
            "chosen": better.text,
            "rejected": worse.text,
            "chosen_model": better.by,
            "rejected_model": worse.by,
        }
        for better, worse in pairs
    ]


def read_binarized(row: dict[str, Any], notes: Notes) -> Ranking:
    """UltraFeedback binarized: two whole dialogues that part at the last turn, judged by a model."""
    notes.unknown(row, BINARIZED)
    better, worse = (messages_in(need(row, key), key, notes) for key in ("chosen", "rejected"))
    if better[:-1] != worse[:-1]:
        raise Fault(
            "chosen, rejected", "differ before their last turn; they must share all turns but the last"
        )
    for key, messages in (("chosen", better), ("rejected", worse)):
        if messages[-1].role != "assistant":
            raise Fault(key, f"must end with the assistant's answer, not the {messages[-1].role}'s turn")
    name = optional(row, "prompt_id", "", as_name, "")
    prompt = notes.prompt(checked(better[:-1], "chosen", notes), name, (), "")
    return two(prompt, better[-1].content, worse[-1].content, notes, source="ai")


def write_binarized(ranking: Ranking, losses: Losses) -> list[dict[str, Any]]:
    """Every pair of a ranking as two whole dialogues."""
    start = message_rows(ranking.prompt.messages)
    rows: list[dict[str, Any]] = []
    for better, worse in sayable_pairs(ranking, losses, usual="ai"):
        row: dict[str, Any] = {"prompt": ranking.prompt.messages[-1].content}
        row["chosen"] = [*start, {"role": "assistant", "content": better.text}]
        rows.append(row | {"rejected": [*start, {"role": "assistant", "content": worse.text}]})
    return rows


def read_arena(row: dict[str, Any], notes: Notes) -> Ranking:
    """Chatbot Arena: two models' conversations and the winner, a tie, or a tie of two bad answers."""
    notes.unknown(row, ARENA)
    one, other = (messages_in(need(row, key), key, notes) for key in ("conversation_a", "conversation_b"))
    if one[:-1] != other[:-1] or {one[-1].role, other[-1].role} != {"assistant"}:
        raise Fault(
            "conversation_a, conversation_b",
            "must share all turns but the last answer; a vote on more has no one prompt",
        )
    prompt = notes.prompt(checked(one[:-1], "conversation_a", notes), "", (), "")
    winner = fields.word_of(need(row, "winner"), "winner", tuple(WINNERS))
    answers = (
        Completion(prompt, one[-1].content, by=as_text(need(row, "model_a"), "model_a")),
        Completion(prompt, other[-1].content, by=as_text(need(row, "model_b"), "model_b")),
    )
    by = optional(row, "judge", "", as_text, "")
    bad = winner == "tie (bothbad)"
    return versus(
        prompt, answers, WINNERS[winner], notes, "conversation_a, conversation_b", by=by, all_bad=bad
    )


def write_arena(ranking: Ranking, losses: Losses) -> list[dict[str, Any]]:
    """Every two ranked answers of a ranking as one battle; "all bad" can be said of ties alone."""
    start = message_rows(ranking.prompt.messages)
    rows = []
    for one, other, winner in compared(ranking, losses, "by", "all_bad", answers="by"):
        tie = "tie (bothbad)" if ranking.all_bad else "tie"
        losses.add(
            "the mark that all answers are bad", "marks dropped", ranking.all_bad and winner is not None
        )
        row: dict[str, Any] = {"model_a": one.by, "model_b": other.by}
        row["winner"] = tie if winner is None else ("model_a", "model_b")[winner]
        row["conversation_a"] = [*start, {"role": "assistant", "content": one.text}]
        row["conversation_b"] = [*start, {"role": "assistant", "content": other.text}]
        rows.append(row | ({"judge": ranking.by} if ranking.by else {}))
    return rows


def read_shp(row: dict[str, Any], notes: Notes) -> Ranking:
    """Stanford Human Preferences: two comments on a post; the label is 1 if A was liked better, else 0."""
    notes.unknown(row, SHP)
    prompt = plain_prompt(need(row, "history"), "history", notes)
    one, other = (Completion(prompt, answer(need(row, key), key)) for key in ("human_ref_A", "human_ref_B"))
    label = fields.as_whole(need(row, "labels"), "labels")
    if label not in (0, 1):
        raise Fault("labels", "it must be 1 for A or 0 for B", label)
    return versus(prompt, (one, other), 1 - label, notes, "human_ref_A, human_ref_B")


def write_shp(ranking: Ranking, losses: Losses) -> list[dict[str, Any]]:
    """Every pair of a ranking; ties have no label."""
    prompt = one_message(ranking.prompt, losses)
    pairs = [] if prompt is None else compared(ranking, losses)
    losses.add("ties", "tied pairs dropped", sum(winner is None for _, _, winner in pairs))
    return [
        {"history": prompt, "human_ref_A": one.text, "human_ref_B": other.text, "labels": 1 - winner}
        for one, other, winner in pairs
        if winner is not None
    ]


def read_steer_pair(row: dict[str, Any], notes: Notes) -> Ranking:
    """HelpSteer3: two answers and by how much the second is better, from -3 to 3; 0 is a tie."""
    notes.unknown(row, STEER_PAIR)
    prompt = prompt_of(need(row, "context"), "context", notes)
    one, other = (Completion(prompt, answer(need(row, key), key)) for key in ("response1", "response2"))
    strength = fields.as_whole(need(row, "overall_preference"), "overall_preference")
    if not -3 <= strength <= 3:
        raise Fault("overall_preference", "it must be between -3 and 3", strength)
    if abs(strength) > 1:
        notes.warn("the strength of preferences is not read, only which answer is better")
    winner = None if strength == 0 else int(strength > 0)
    return versus(prompt, (one, other), winner, notes, "response1, response2")


def write_steer_pair(ranking: Ranking, losses: Losses) -> list[dict[str, Any]]:
    """Every two ranked answers of a ranking; the better one is better by 1."""
    context = message_rows(ranking.prompt.messages)
    return [
        {
            "context": context,
            "response1": one.text,
            "response2": other.text,
            "overall_preference": 0 if winner is None else (-1, 1)[winner],
        }
        for one, other, winner in compared(ranking, losses)
    ]


def read_steer(row: dict[str, Any], notes: Notes) -> list[Rating]:
    """HelpSteer2: one answer with a number from 0 to 4 for each of five aspects."""
    notes.unknown(row, STEER | set(ASPECTS))
    first, *parts = STEER_TURN.split(answer(need(row, "prompt"), "prompt"))
    roles: dict[str, Role] = {"User": "user", "Assistant": "assistant"}
    turns = [Message("user", first)]
    turns += [Message(roles[name], said) for name, said in zip(parts[::2], parts[1::2], strict=True)]
    if not all(turn.content.strip() for turn in turns):
        raise Fault("prompt", "a message may not be empty")
    prompt = notes.prompt(checked(tuple(turns), "prompt", notes), "", (), "")
    completion = Completion(prompt, answer(need(row, "response"), "response"))
    found = []
    for aspect in ASPECTS:
        value = optional(row, aspect, "", as_grade, None)
        if value is not None:
            found.append(Rating(completion, value, aspect))
    if not found:
        raise Fault("helpfulness", "is missing, and so are the other aspects")
    return found


def as_grade(value: Any, at: str) -> float | None:
    """A number from 0 to 4."""
    number = fields.as_number(value, at)
    if not 0 <= number <= 4:
        raise Fault(at, "it must be between 0 and 4", value)
    return number


def read_summary(row: dict[str, Any], notes: Notes) -> Ranking:
    """OpenAI's summaries: a post, two summaries, and the place of the better one."""
    notes.unknown(row, SUMMARY)
    info = fields.as_object(need(row, "info"), "info")
    key = "post" if info.get("post") is not None else "article"
    prompt = plain_prompt(need(info, key, "info"), below("info", key), notes)
    found = entries(need(row, "summaries"), "summaries")
    if len(found) != 2:
        raise Fault("summaries", f"holds {len(found)}; two are compared")
    one, other = (
        Completion(
            prompt,
            answer(need(entry, "text", at), below(at, "text")),
            by=optional(entry, "policy", at, as_text, ""),
        )
        for at, entry in found
    )
    choice = fields.as_whole(need(row, "choice"), "choice")
    if choice not in (0, 1):
        raise Fault("choice", "it must be 0 or 1, the place of the better summary", choice)
    by = optional(row, "worker", "", as_text, "")
    return versus(prompt, (one, other), choice, notes, "summaries", by=by)


def write_summary(ranking: Ranking, losses: Losses) -> list[dict[str, Any]]:
    """Every pair of a ranking with the place of the better one; ties have no choice."""
    prompt = one_message(ranking.prompt, losses)
    pairs = [] if prompt is None else compared(ranking, losses, "by", answers="by")
    losses.add("ties", "tied pairs dropped", sum(winner is None for _, _, winner in pairs))
    return [
        {
            "info": {"post": prompt},
            "summaries": [{"text": text.text, "policy": text.by} for text in (one, other)],
            "choice": winner,
        }
        | ({"worker": ranking.by} if ranking.by else {})
        for one, other, winner in pairs
        if winner is not None
    ]
