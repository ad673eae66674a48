"""Long lists in parts that one query can name, so that what is done to many takes few queries."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

PORTION = 500
"""Values that one query names."""
T = TypeVar("T")


def portions(values: Iterable[T]) -> Iterator[list[T]]:
    """All values in their order, so many at a time."""
    rest = iter(values)
    while some := list(islice(rest, PORTION)):
        yield some
