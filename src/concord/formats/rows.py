"""What reading a file gives: the records, and everything that was left out or looked odd."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, overload

from concord.formats.fields import Fault, below, nearest, refuse_infinite, visible
from concord.formats.seen import Seen
from concord.records import Message, Prompt, prompt_key

R = TypeVar("R")
ODDITIES = 100
"""Kinds of oddity that are told apart; a file with a new key in every row is not listed key by key."""


@dataclass(frozen=True, slots=True)
class Rows(Sequence[R], Generic[R]):
    """The records of a file, in its order; rows in the file = kept + skipped."""

    records: tuple[R, ...]
    skipped: tuple[str, ...] = ()
    """Why each left-out row was left out, as file:line: field and reason; empty unless that was allowed."""
    warnings: tuple[str, ...] = ()
    """What was read but looks odd, each kind once, with its first line and how often it occurs."""
    format: str = ""
    """The name in FORMATS of the shape that was found."""
    kept: int | None = None
    """The rows that the records were made of, if a row can hold several."""

    @overload
    def __getitem__(self, place: int) -> R: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[R]: ...
    def __getitem__(self, place: int | slice) -> R | Sequence[R]:
        return self.records[place]

    def __len__(self) -> int:
        return len(self.records)

    def __iter__(self) -> Iterator[R]:
        return iter(self.records)

    @property
    def summary(self) -> str:
        """The count that must come out even: rows in = kept + skipped."""
        return counted(len(self.records), self.kept, len(self.skipped), self.format)


def counted(records: int, kept: int | None, skipped: int, format: str) -> str:
    """Rows in = kept + skipped; and how many records came of them, if that is another number."""
    held = records if kept is None else kept
    more = "" if held == records else f", {records:,} records"
    return f"{held + skipped:,} rows = {held:,} kept + {skipped:,} skipped ({format}){more}"


@dataclass(slots=True)
class Notes:
    """What a reader remembers from row to row of one file."""

    format: str = ""
    line: int = 0
    """The line being read."""
    brief: bool = False
    """Whether only the last prompt is remembered as it is, for a file whose records are not kept."""
    prompts: dict[str, Prompt] = field(default_factory=dict)
    """The first prompt of each id."""
    seen: Seen = field(default_factory=Seen)
    """Which messages each id stands for, and since which line."""
    odd: dict[str, list[int]] = field(default_factory=dict)
    """Each kind of oddity: its first line and how many rows have it."""

    def warn(self, text: str) -> None:
        """Remember something odd about the line being read."""
        if len(self.odd) >= ODDITIES and text not in self.odd:
            text = "more kinds of oddities follow; these are only counted"
        entry = self.odd.setdefault(text, [self.line, 0])
        entry[1] += 1

    def unknown(self, row: dict[str, Any], known: frozenset[str], at: str = "") -> None:
        """Warn of keys that nobody reads: one of them may be a slip of the pen."""
        for key, value in row.items():
            if key not in known:
                refuse_infinite(value, below(at, key))
                meant = nearest(key, known)
                hint = f"; did you mean `{meant}`?" if meant else f" (known: {', '.join(sorted(known))})"
                place = f"`{at}.{visible(key[:60])}`" if at else f"`{visible(key[:60])}`"
                self.warn(f"{place} is not a field of {self.format} rows and was not read{hint}")

    def prompt(self, messages: tuple[Message, ...], name: str, tags: tuple[str, ...], at: str) -> Prompt:
        """A prompt by its id; one id stands for one dialogue throughout a file."""
        name = name or prompt_key(messages)
        same, line = self.seen.first(name, messages, self.line)
        if not same:
            raise Fault(f"{at}.id" if at else "id", f"line {line} has the same id, but other messages", name)
        if self.brief and name not in self.prompts:
            self.prompts.clear()
        first = self.prompts.setdefault(name, Prompt(messages, name, tags))
        # One object for all its rows: a prompt with 64 samples is kept once.
        return first if first.tags == tags else Prompt(messages, name, tags)

    def repeated(self, prompt: Prompt) -> bool:
        """Whether a prompt was there before the line being read."""
        return self.seen.first(prompt.id, prompt.messages, self.line)[1] != self.line

    def warnings(self, path: str) -> tuple[str, ...]:
        """Everything odd, each kind once."""
        return tuple(
            f"{path}:{line}: {text}" + (f" ({count:,} times in the file)" if count > 1 else "")
            for text, (line, count) in self.odd.items()
        )
