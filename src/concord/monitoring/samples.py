"""What the policy said at the beginning and what it says now, to the same prompts or to ones that are alike."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rapidfuzz import fuzz

from concord.monitoring.shelf import Shelf
from concord.monitoring.tail import Place, look, values

ROLLOUTS = "rollouts"
SHOWN = 8
MOST_ROUNDS = 40
"""Rounds that are looked through for the same prompt, from the first on."""
ALIKE = 60.0
"""Least likeness of two prompts, in per cent, that are set side by side."""
LONGEST_TEXT = 6000
MOST_TURNS = 40


@dataclass(frozen=True)
class Said:
    """One answer, as a file of completions has it."""

    prompt: tuple[tuple[str, str], ...]
    """Role and words of each turn."""
    text: str
    length: int | None
    """Tokens, if they were noted down."""
    score: float | None
    cut: bool
    """Whether it was cut off."""


@dataclass(frozen=True)
class Pair:
    """One prompt, then and now."""

    now: Said
    before: Said | None
    round: int | None
    """The round that the earlier answer is of."""
    same: bool
    """Whether it answers the same prompt, or one that is alike."""


@dataclass(frozen=True)
class Gallery:
    """Pairs of the latest round, and which round that is."""

    round: int | None
    pairs: tuple[Pair, ...]


def gallery(stage: Shelf) -> Gallery:
    """The latest round's first prompts, each with the earliest answer to it."""
    folder = stage / ROLLOUTS
    files = [name for name in folder.files(".jsonl") if name.removesuffix(".jsonl").isdecimal()]
    if not files:
        return Gallery(None, ())
    latest = files[-1]
    wanted: dict[tuple[tuple[str, str], ...], Said] = {}
    for one in rows(folder, latest):
        if one.prompt not in wanted and len(wanted) < SHOWN:
            wanted[one.prompt] = one
    earlier: dict[tuple[tuple[str, str], ...], tuple[int, Said]] = {}
    first: dict[tuple[tuple[str, str], ...], Said] = {}
    for name in files[:-1][:MOST_ROUNDS]:
        for one in rows(folder, name):
            earlier.setdefault(one.prompt, (number(name), one))
            if name == files[0]:
                first.setdefault(one.prompt, one)
        if all(prompt in earlier for prompt in wanted):
            break
    pairs = [pair(one, earlier, first, number(files[0])) for one in wanted.values()]
    return Gallery(number(latest), tuple(pairs))


def pair(
    now: Said,
    earlier: dict[tuple[tuple[str, str], ...], tuple[int, Said]],
    first: dict[tuple[tuple[str, str], ...], Said],
    beginning: int,
) -> Pair:
    """The earliest answer to the same prompt, else to the one of the first round that is most alike."""
    if now.prompt in earlier:
        turn, said = earlier[now.prompt]
        return Pair(now, said, turn, same=True)
    likeness = {prompt: fuzz.token_sort_ratio(words(now.prompt), words(prompt)) for prompt in first}
    nearest = max(likeness, key=lambda prompt: likeness[prompt], default=None)
    if nearest is None or likeness[nearest] < ALIKE:
        return Pair(now, None, None, same=False)
    return Pair(now, first[nearest], beginning, same=False)


def words(prompt: tuple[tuple[str, str], ...]) -> str:
    """A prompt in one piece, to be compared."""
    return " ".join(text for _, text in prompt)[:LONGEST_TEXT]


def number(name: str) -> int:
    """The round that a file is of."""
    return int(name.removesuffix(".jsonl"))


def rows(folder: Shelf, name: str) -> Iterator[Said]:
    """The answers of one round, with their scores if those were written down beside them."""
    told = folder.json(f"{name.removesuffix('.jsonl')}.scores.json").get("scores")
    scores = told if isinstance(told, list) else []
    file = folder.open(name)
    if file is None:
        return
    with file:
        lines = look(file, Place()).lines
    for place, value in enumerate(values(lines)):
        said = None if value is None else answer(value, scores[place] if place < len(scores) else None)
        if said is not None:
            yield said


def answer(row: dict[str, Any], score: object = None) -> Said | None:
    """A row of completions, if it is one."""
    text, tokens = row.get("text"), row.get("tokens")
    prompt = turns(row.get("prompt"))
    if not isinstance(text, str) or not prompt:
        return None
    return Said(
        prompt,
        short(text),
        len(tokens) if isinstance(tokens, list) else None,
        float(score) if isinstance(score, int | float) else None,
        row.get("finish") == "length",
    )


def turns(prompt: object) -> tuple[tuple[str, str], ...]:
    """A prompt's turns: role and words; a plain text is one turn."""
    if isinstance(prompt, str):
        return (("user", short(prompt)),)
    found = prompt.get("messages") if isinstance(prompt, dict) else None
    if not isinstance(found, list):
        return ()
    return tuple(
        (str(one.get("role", ""))[:40], short(str(one.get("content", ""))))
        for one in found[:MOST_TURNS]
        if isinstance(one, dict)
    )


def short(text: str) -> str:
    """A text that a page can hold; what is left out is told in its place."""
    if len(text) <= LONGEST_TEXT:
        return text
    return f"{text[:LONGEST_TEXT]} [... {len(text) - LONGEST_TEXT:,} more characters]"
