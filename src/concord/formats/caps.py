"""How much a data file may hold before it is refused, so that no file can fill the memory or the disk."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Caps:
    """The most of everything; an upload from outside deserves lower ones than a file of one's own."""

    row: int = 64 * 2**20
    """Bytes of one row; a longer one is a file of another shape, and would only fill the memory."""
    rows: int = 100_000_000
    """Rows of one file."""
    size: int = 2**40
    """Bytes of one file, unpacked."""
    ratio: int = 200
    """How many times larger a packed file may become; text becomes three to twenty times larger."""
    members: int = 10_000
    """Files of one folder."""


CAPS = Caps()
MOST_FIELDS = 1_000
"""Keys of one object; a row with more is a table laid on its side."""
UNPACKED_ANYWAY = 64 * 2**20
"""Bytes that are unpacked before the ratio is looked at: a short file of one repeated word is no bomb."""
