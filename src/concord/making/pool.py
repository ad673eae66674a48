"""A pool of demonstrations that a model grows from a few seeds; each attempt is on record, so a kill loses no round.

A round shows the model some of the pool and asks for more of the kind; what is too like what is there, empty or cut off
is refused, with the reason. Wang et al. 2023, "Self-Instruct". Every draw follows from the seed and the round alone.
"""

import json
import os
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from concord.errors import StoreError
from concord.making.likeness import rouge_l, words
from concord.records import Demonstration, Message, Prompt, prompt_key, seed_of
from concord.records.files import dumps, storing
from concord.roles import Sampler
from concord.runs.lock import lock

ADDED = "added"
NEW = "Here are some tasks.\n\n{shown}\n\nWrite one more task, of another kind. Write the task alone."
INVERTED = (
    "Here are some questions whose right answer is: {answer}\n\n{shown}\n\n"
    "Write one more question whose right answer is: {answer}\n\nWrite the question alone."
)
OTHERWISE = "with other seeds or settings. Give the same ones to go on, or another --out to begin anew."
AGAIN = (
    "A model that asks for the same again and again fills no pool: sample at a higher temperature, give more seeds, or "
    "use a larger model."
)
CUT = "Most were cut off: give them more room with a larger --longest, and another --out to begin with it."


@dataclass(frozen=True)
class Growth:
    """How a pool grows."""

    size: int
    """Demonstrations that it is to hold, seeds included."""
    shown: int = 4
    """Items of the pool that the model is shown."""
    round: int = 8
    """Attempts that see the same pool."""
    alike: float = 0.7
    """ROUGE-L with any prompt of the pool above which an item is refused."""
    least: int = 3
    """Words below which a prompt is refused."""
    idle: int = 20
    """Rounds in a row that may add nothing."""
    inverted: bool = False
    """Whether an answer of the pool is chosen first, the rarest, and then a question to it: this balances classes."""
    seed: int = 0


@dataclass
class Pool:
    """What there is so far, seeds first, and why what is not there was refused."""

    seeds: Sequence[Demonstration]
    growth: Growth
    items: list[Demonstration] = field(init=False)
    outcomes: Counter[str] = field(default_factory=Counter, init=False)
    idle: int = field(default=0, init=False)
    """Rounds in a row that have added nothing."""

    def __post_init__(self) -> None:
        self.items = list(self.seeds)
        self.said = [words(question(one)) for one in self.items]

    def judged(self, made: Demonstration, cut: bool) -> str:
        """Whether an item may come in: `added`, or the reason why not."""
        said = words(question(made))
        if cut:
            return "cut off"
        if len(said) < self.growth.least:
            return "too short"
        if not made.text.strip():
            return "no answer"
        likest = max((rouge_l(said, one) for one in self.said), default=0.0)
        return "too alike" if likest > self.growth.alike else ADDED

    def take(self, made: Demonstration, outcome: str) -> None:
        """Remember an attempt, and the item if it came in."""
        self.outcomes[outcome] += 1
        if outcome == ADDED:
            self.items.append(made)
            self.said.append(words(question(made)))

    @property
    def full(self) -> bool:
        """Whether it holds what was asked for."""
        return len(self.items) >= self.growth.size

    @property
    def classes(self) -> Counter[str]:
        """How many items have each answer."""
        return Counter(one.text for one in self.items)


def question(one: Demonstration) -> str:
    """What is asked last."""
    return one.prompt.messages[-1].content


def asked(text: str, tags: tuple[str, ...] = ()) -> Prompt:
    """A prompt of one turn."""
    messages = (Message("user", text),)
    return Prompt(messages, prompt_key(messages), tags)


Speaks = Callable[[int], Sampler]
"""A sampler with seeds of its own for each occasion, named by a number."""


def grow(
    seeds: Sequence[Demonstration],
    growth: Growth,
    speaks: Speaks,
    record: Path,
    say: Callable[[str], None],
    speaker: Mapping[str, Any],
) -> Pool:
    """Grow a pool until it is full; the record of attempts is read first, and what is whole of it counts.

    `speaker` says who speaks and how: the record begins with it, and whoever goes on must be the same. One process at
    a time: the rounds of two would stand among each other, and nobody could go on from there.
    """
    with storing(record):
        record.parent.mkdir(parents=True, exist_ok=True)
    with lock(record.with_name(f".{record.name}.lock"), of=record, instead="file with --out"):
        return grown(Pool(seeds, growth), speaks, record, say, speaker)


def grown(
    pool: Pool, speaks: Speaks, record: Path, say: Callable[[str], None], speaker: Mapping[str, Any]
) -> Pool:
    """The same pool when it is full, and nobody else at work on its record."""
    growth = pool.growth
    origin = {**speaker, "seed": growth.seed, "inverted": growth.inverted}
    rounds = replayed(pool, record, origin)
    if not rounds:
        begin(record, origin)
    if rounds:
        say(f"goes on after {rounds} rounds, with {len(pool.items)} of {growth.size} items.")
    while not pool.full:
        if pool.idle >= growth.idle:
            raise StoreError(
                f"{record}: {pool.idle} rounds in a row have added nothing ({told(pool.outcomes)}), and the pool "
                f"holds {len(pool.items)} of {growth.size} items. {advice(pool.outcomes)}"
            )
        made = list(attempts(pool, speaks, rounds))
        lines, before = [], len(pool.items)
        for one, cut in made:
            outcome = "full" if pool.full else pool.judged(one, cut)
            pool.take(one, outcome)
            lines.append(line(rounds, one, outcome))
        append(record, lines)
        pool.idle = 0 if len(pool.items) > before else pool.idle + 1
        rounds += 1
        say(f"round {rounds}: {len(pool.items)} of {growth.size} items; {told(pool.outcomes)}")
    return pool


def attempts(pool: Pool, speaks: Speaks, number: int) -> Iterator[tuple[Demonstration, bool]]:
    """One round: new questions, then their answers; or, inverted, the rarest answers, then questions to them."""
    growth = pool.growth
    chance = random.Random(seed_of(growth.seed, "round", number))
    if growth.inverted:
        wanted = rarest(pool.classes, growth.round)
        asks = []
        for answer in wanted:
            near = [one for one in pool.items if one.text == answer]
            asks.append(asked(INVERTED.format(answer=answer, shown=numbered(near, growth.shown, chance))))
        said = speaks(2 * number).sample(asks, 1)
        for one, answer in zip(said, wanted, strict=True):
            yield Demonstration(asked(one.text.strip()), answer, by=one.by), one.finish == "length"
        return
    asks = [asked(NEW.format(shown=numbered(pool.items, growth.shown, chance))) for _ in range(growth.round)]
    new = speaks(2 * number).sample(asks, 1)
    answers = speaks(2 * number + 1).sample([asked(one.text.strip()) for one in new], 1)
    for one, reply in zip(new, answers, strict=True):
        cut = "length" in (one.finish, reply.finish)
        yield Demonstration(reply.prompt, reply.text.strip(), by=one.by), cut


def numbered(items: Sequence[Demonstration], count: int, chance: random.Random) -> str:
    """Some of the items' questions, drawn by chance, as a list."""
    drawn = chance.sample(list(items), min(count, len(items)))
    return "\n".join(f"{place}. {question(one)}" for place, one in enumerate(drawn, start=1))


def rarest(classes: Counter[str], count: int) -> list[str]:
    """So many answers, each time the one that is rarest by then, the first by name of those that are."""
    seen, found = Counter(classes), []
    for _ in range(count):
        found.append(min(seen, key=lambda answer: (seen[answer], answer)))
        seen[found[-1]] += 1
    return found


def line(number: int, made: Demonstration, outcome: str) -> dict[str, Any]:
    """An attempt as it is put on record."""
    return {
        "round": number,
        "prompt": question(made),
        "completion": made.text,
        "by": made.by,
        "outcome": outcome,
    }


def begin(record: Path, origin: Mapping[str, Any]) -> None:
    """Begin a record anew: who speaks, and how."""
    with storing(record):
        record.parent.mkdir(parents=True, exist_ok=True)
        record.unlink(missing_ok=True)
    append(record, [dict(origin)])


def replayed(pool: Pool, record: Path, origin: Mapping[str, Any]) -> int:
    """Bring a pool to where its record ends; a round of which a part is missing is taken off the record."""
    if not record.is_file():
        return 0
    with storing(record):
        raw = record.read_bytes().split(b"\n")[:-1]
    rows: list[dict[str, Any]] = []
    for number, text in enumerate(raw, start=1):
        try:
            rows.append(json.loads(text))
        except ValueError as error:
            raise StoreError(
                f"{record}:{number} is damaged: {error}. Remove the line and all after it."
            ) from error
    if not rows:
        return 0
    told, *rows = rows
    if other := [name for name, value in origin.items() if told.get(name) != value]:
        raise StoreError(
            f"{record}:1: the attempts were made with another {other[0]} ({told.get(other[0])!s:.60}). Give the "
            "same one to go on, or another --out to begin anew."
        )
    head, *raw = raw
    size = pool.growth.round
    whole = len(rows) // size
    for number in range(whole):
        before = len(pool.items)
        for row in rows[number * size : (number + 1) * size]:
            made = Demonstration(asked(row["prompt"]), row["completion"], by=row["by"])
            expected = "full" if pool.full else pool.judged(made, row["outcome"] == "cut off")
            if row["round"] != number or row["outcome"] != expected:
                sized = row["round"] == number and "full" in (row["outcome"], expected)
                why = of_size(pool, rows) if sized else f"round {number} was made {OTHERWISE}"
                raise StoreError(f"{record}:{number * size + 2}: {why}")
            pool.take(made, row["outcome"])
        pool.idle = 0 if len(pool.items) > before else pool.idle + 1
    with storing(record), record.open("rb+") as file:
        file.truncate(sum(len(text) + 1 for text in [head, *raw[: whole * size]]))
    return whole


def of_size(pool: Pool, rows: Sequence[Mapping[str, Any]]) -> str:
    """What to say of a record of a pool that was to hold more, or less."""
    held = len(pool.seeds) + sum(row["outcome"] == ADDED for row in rows)
    return (
        f"the pool on record holds {held} items and was not to be one of {pool.growth.size}. Give --size {held} to "
        "have it as it is; for a larger one give what it holds as seeds, and another --out."
    )


def append(record: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Put a round on record, and wait until it is on the disk."""
    with storing(record):
        record.parent.mkdir(parents=True, exist_ok=True)
        with record.open("a", encoding="utf-8", newline="\n") as file:
            file.write("".join(dumps(row) + "\n" for row in rows))
            file.flush()
            os.fsync(file.fileno())


def advice(outcomes: Counter[str]) -> str:
    """What to do about a pool that does not grow."""
    return CUT if 2 * outcomes["cut off"] > outcomes.total() else AGAIN


def told(outcomes: Counter[str]) -> str:
    """Why attempts came in or did not, in words."""
    return ", ".join(f"{count} {reason}" for reason, count in outcomes.most_common())
