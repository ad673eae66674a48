"""What was seen under each of many names, in a few bytes a name, so that a million rows can be compared."""

from array import array

FULL = 2 / 3
"""Share of the places that may be taken before there are made twice as many."""
MOST = 2**64 - 1


class Seen:
    """An open hash table of plain numbers: 20 bytes a place, where a dict of records takes hundreds."""

    def __init__(self) -> None:
        self.count = 0
        self._clear(16)

    def _clear(self, size: int) -> None:
        self.names, self.marks = array("Q", bytes(8 * size)), array("Q", bytes(8 * size))
        self.lines = array("I", bytes(4 * size))

    def first(self, name: str, content: object, line: int) -> tuple[bool, int]:
        """Whether a name had this content when it was first seen, and in which line that was; now, if never."""
        # Python's own hashes: two of a million names are taken for one once in 30 million files.
        key, mark = (hash(name) & MOST) or 1, hash(content) & MOST
        place = self._place(key)
        if self.names[place]:
            return self.marks[place] == mark, self.lines[place]
        self.names[place], self.marks[place], self.lines[place] = key, mark, line
        self.count += 1
        if self.count > FULL * len(self.names):
            self._grow()
        return True, line

    def _place(self, key: int) -> int:
        names, last = self.names, len(self.names) - 1
        place = key & last
        while names[place] not in (0, key):
            place = (place + 1) & last
        return place

    def _grow(self) -> None:
        names, marks, lines = self.names, self.marks, self.lines
        self._clear(2 * len(names))
        for key, mark, line in zip(names, marks, lines, strict=True):
            if key:
                place = self._place(key)
                self.names[place], self.marks[place], self.lines[place] = key, mark, line
