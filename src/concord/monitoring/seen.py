"""What was asked and answered, from a served model's log or from an evaluation, in one shape."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from concord.errors import RecordError
from concord.monitoring.wording import shows
from concord.records import Message, prompt_key

REQUESTS, FEEDBACK = "requests.jsonl", "feedback.jsonl"
THUMBS = {"up": True, "down": False}

Manner = tuple[float, float, int, int]
"""Temperature, top-p, how many the best is taken of, and the most tokens of an answer."""


@dataclass(frozen=True)
class Seen:
    """One question with its first answer, and what was thought of it."""

    id: str
    prompt_id: str
    asked: str | None
    """The last message; None if the log keeps no words."""
    messages: tuple[Message, ...] = ()
    time: str = ""
    asked_words: float | None = None
    text: str | None = None
    words: float | None = None
    logprob: float | None = None
    reward: float | None = None
    refused: bool | None = None
    cut: bool | None = None
    """Whether the answer was cut off."""
    manner: Manner | None = None
    content: str = ""
    scored_by: str | None = None
    thumbs: bool | None = None
    score: float | None = None
    correction: str | None = None


@dataclass(frozen=True)
class Log:
    """A served model's log, in the order of time."""

    rows: Sequence[Seen]
    aside: Mapping[str, int]
    """Rows that say nothing about drift, by the reason."""


def read_log(folder: Path) -> Log:
    """All dialogues of a log with what was thought of them; the last word on an answer counts."""
    opinions: dict[str, dict[str, Any]] = {}
    strays = 0
    found: list[Seen] = []
    aside: Counter[str] = Counter()
    for row in lines(folder / REQUESTS):
        if row.get("kind") != "chat":
            aside["plain texts"] += 1
        elif row.get("failed"):
            aside["requests that failed"] += 1
        elif row.get("gone"):
            aside["clients that left"] += 1
        else:
            found.append(whole(row, folder / REQUESTS))
    known = {one.id for one in found}
    if (folder / FEEDBACK).exists():
        for row in lines(folder / FEEDBACK):
            if row["id"] not in known or row.get("choice", 0) != 0:
                strays += 1
                continue
            if row.get("thumbs") not in (None, *THUMBS):
                raise RecordError(
                    f"{folder / FEEDBACK}: `thumbs` of {row['id']!a} is neither up nor down. Remove it."
                )
            opinions.setdefault(row["id"], {}).update(row)
    if strays:
        aside["feedback on other answers"] = strays
    return Log([with_opinion(one, opinions.get(one.id)) for one in found], dict(aside))


def lines(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a file; a last line that is still being written is left out, any other damage is an error."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise RecordError(
            f"{path}: {error.strerror}. Name the folder that `concord serve --log` wrote."
        ) from error
    for number, line in enumerate(raw[: raw.rfind(b"\n") + 1].split(b"\n")[:-1], start=1):
        try:
            row = json.loads(line)
        except ValueError as error:
            raise RecordError(f"{path}:{number} is not JSON ({error}). Remove the line.") from error
        if not isinstance(row, dict) or not isinstance(row.get("id"), str):
            raise RecordError(f"{path}:{number} is no row of a log: it has no `id`. Remove the line.")
        yield row


def whole(row: Mapping[str, Any], path: Path) -> Seen:
    """A row of the log of requests, if it is one."""
    try:
        return request(row)
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        raise RecordError(
            f"{path}: the row of {row['id']!a} is not as `concord serve` writes it ({error!r}). Remove it."
        ) from error


def request(row: Mapping[str, Any]) -> Seen:
    """A row of the log of requests."""
    first = row["choices"][0]
    messages = tuple(Message(one["role"], one["content"]) for one in row.get("messages", ()))
    return Seen(
        id=row["id"],
        prompt_id=row["prompt_id"],
        asked=messages[-1].content if messages else None,
        messages=messages,
        time=row["time"],
        asked_words=row["words"],
        text=first["text"],
        words=first["words"],
        logprob=first["logprob"],
        reward=first["reward"],
        refused=shows("refusal", first["text"]) if first["text"] is not None else first["refused"],
        cut=first["finish"] == "length",
        manner=(row["temperature"], row["top_p"], row["best_of"], row["limit"]),
        content=row["content"],
        scored_by=row["scored_by"],
    )


def with_opinion(one: Seen, said: Mapping[str, Any] | None) -> Seen:
    """A question with what somebody thought of its answer."""
    if said is None:
        return one
    return replace(
        one,
        thumbs=THUMBS.get(said.get("thumbs") or ""),
        score=said.get("score"),
        correction=said.get("correction"),
    )


def evaluated(row: Mapping[str, Any], limit: int, scored_by: str | None, best_of: int = 1) -> Seen:
    """A row of an evaluation's answers, each the best of so many."""
    text = row["text"]
    return Seen(
        id=row["prompt_id"],
        prompt_id=row["prompt_id"],
        asked=row["prompt"],
        messages=(Message("user", row["prompt"]),),
        asked_words=len(row["prompt"].split()),
        text=text,
        words=row["words"],
        logprob=row.get("logprob"),
        reward=row.get("proxy"),
        refused=shows("refusal", text),
        cut=row["finish"] == "length",
        manner=(row["temperature"], 1.0, best_of, limit),
        scored_by=scored_by,
    )


def usual_manner(rows: Iterable[Seen]) -> Manner | None:
    """How most answers were drawn."""
    counts = Counter(one.manner for one in rows if one.manner is not None)
    return counts.most_common(1)[0][0] if counts else None


def key(text: str) -> str:
    """The id of a prompt that is one message."""
    return prompt_key([Message("user", text)])
