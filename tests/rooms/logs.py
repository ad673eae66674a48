"""Logs of a served model that never was: the starter world's questions, and drift where it is planted."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from concord.monitoring.seen import Manner, Seen
from concord.records import Message, prompt_key
from concord.world.requests import KINDS, ask, draw_request

MANNER: Manner = (1.0, 1.0, 1, 64)
TABLES = ("invoice", "ledger", "spreadsheet", "column", "budget", "tax return")


@dataclass(frozen=True)
class Habit:
    """How people ask and a model answers for a while."""

    other_topics: float = 0.0
    """Share of questions that nobody of Milford asks."""
    longer: int = 0
    """Words that every question has more."""
    words: float = 20.0
    logprob: float = -1.0
    reward: float = 0.5
    refused: float = 0.05
    cut: float = 0.03
    liked: float = 0.85
    rated: float = 0.5
    """Share of answers with a thumb."""


def asked(habit: Habit, random: Random) -> str:
    if random.random() < habit.other_topics:
        one, other = random.sample(TABLES, 2)
        text = f"How do I total the {one} of my {other} for quarter {random.randint(1, 4)}?"
    else:
        text = ask(draw_request(random.choice(KINDS), False, random), False, random)
    return text + " Please be quick about it today my friend"[: habit.longer * 7] if habit.longer else text


def seen(count: int, seed: int, habit: Habit = Habit(), start: int = 0) -> list[Seen]:
    """Some requests of one habit."""
    random, rng = Random(seed), np.random.default_rng(seed)
    found = []
    for number in range(start, start + count):
        text = asked(habit, random)
        words = float(rng.poisson(habit.words))
        refused, cut = bool(rng.random() < habit.refused), bool(rng.random() < habit.cut)
        thumbs = bool(rng.random() < habit.liked) if rng.random() < habit.rated else None
        found.append(
            Seen(
                id=f"chatcmpl-{number:06}",
                prompt_id=prompt_key([Message("user", text)]),
                asked=text,
                messages=(Message("user", text),),
                time=f"2026-01-01T{number // 3600 % 24:02}:{number // 60 % 60:02}:{number % 60:02}.000Z",
                asked_words=float(len(text.split())),
                text=("I cannot help with that. " if refused else "") + "word " * int(words),
                words=words,
                logprob=float(rng.normal(habit.logprob, 0.4)),
                reward=float(rng.normal(habit.reward, 1.0)),
                refused=refused,
                cut=cut,
                manner=MANNER,
                content="model-a",
                scored_by="reward-a",
                thumbs=thumbs,
            )
        )
    return found


def served(parts: Iterable[tuple[int, Habit]], seed: int) -> list[Seen]:
    """One habit after another."""
    found: list[Seen] = []
    for number, (count, habit) in enumerate(parts):
        found += seen(count, 1000 * seed + number, habit, start=len(found))
    return found


def write(folder: Path, rows: Iterable[Seen]) -> None:
    """The files that a server would have written."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "requests.jsonl").open("w") as requests, (folder / "feedback.jsonl").open("w") as feedback:
        for one in rows:
            requests.write(json.dumps(row(one)) + "\n")
            if one.thumbs is not None:
                said = {"time": one.time, "id": one.id, "choice": 0, "thumbs": "up" if one.thumbs else "down"}
                feedback.write(json.dumps(said) + "\n")


def row(one: Seen) -> dict[str, Any]:
    """A request as the log has it."""
    assert one.manner is not None
    temperature, top_p, best_of, limit = one.manner
    choice = {
        "text": one.text,
        "hash": "",
        "words": one.words,
        "tokens": 1,
        "logprob": one.logprob,
        "finish": "length" if one.cut else "stop",
        "refused": one.refused,
        "reward": one.reward,
    }
    return {
        "id": one.id,
        "time": one.time,
        "kind": "chat",
        "content": one.content,
        "scored_by": one.scored_by,
        "prompt_id": one.prompt_id,
        "words": one.asked_words,
        "temperature": temperature,
        "top_p": top_p,
        "best_of": best_of,
        "limit": limit,
        "messages": [{"role": "user", "content": one.asked}],
        "choices": [choice],
    }


def without_words(one: Seen) -> Seen:
    """What is left of a request where no words are kept."""
    return replace(one, asked=None, messages=(), text=None)
