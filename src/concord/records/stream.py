"""Records that are read anew whenever they are gone through, so that a million of them never lie in memory."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from concord.records.keys import digest

R = TypeVar("R")


@dataclass(frozen=True)
class Stream(Generic[R]):
    """Records on disk: how to read them, a name for what they are, and where things made of them are kept."""

    read: Callable[[], Iterator[R]]
    """Goes through all of them from the first on."""
    name: str
    """Follows from the records' content: equal name, equal records."""
    cache: Path
    """A folder for what is costly to make of them; it may be deleted at any time."""

    def __iter__(self) -> Iterator[R]:
        return self.read()

    def where(self, fits: Callable[[R], bool], *why: object) -> "Stream[R]":
        """Only the records that fit; `why` names the choice, for the name of what is left must follow from it."""
        return Stream(lambda: filter(fits, self.read()), digest(self.name, *why), self.cache)
