"""Which format rows have, told by their first fifty."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

from concord.errors import RecordError
from concord.formats.shape import Kind
from concord.formats.table import FORMATS

ROWS_SNIFFED = 50


@dataclass(frozen=True, slots=True)
class Guess:
    """The format that rows seem to have."""

    format: str
    confidence: float
    """The share of the rows in which everything that tells the format looks right."""

    @property
    def kind(self) -> Kind:
        """What its rows are usually read as."""
        return FORMATS[self.format].kind


def scores(rows: Iterable[object], kind: Kind | None) -> dict[str, int]:
    """How much rows look like each format that can be read, or that can be read as one kind."""
    found = list(rows)
    return {
        name: sum(one.likeness(row) for row in found)
        for name, one in FORMATS.items()
        if (one.read if kind is None else one.reader(kind))
    }


def likeliest(rows: Iterable[object], kind: Kind | None = None) -> str | None:
    """The format that the first rows look most like, among all or among those of one kind."""
    found = scores(islice(rows, ROWS_SNIFFED), kind)
    best = max(found, key=lambda name: found[name])
    return best if found[best] else None


def native(kind: Kind) -> str:
    """The name of Concord's own format for a kind of records."""
    return f"concord-{kind}"


def sniff(rows: Iterable[object]) -> Guess:
    """The format that the first 50 rows have, and how sure that is."""
    first = list(islice(rows, ROWS_SNIFFED))
    name = likeliest(first)
    if name is None:
        raise RecordError(
            f"The rows have no format that Concord knows ({', '.join(FORMATS)}). "
            "See docs/formats.md for the shape of each."
        )
    return Guess(name, sum(FORMATS[name].fits(row) for row in first) / len(first))
