"""Texts that end an answer, found the moment they are complete, wherever the borders of tokens fall."""

from collections.abc import Callable, Sequence

UNDECIDED = "\ufffd"
"""What a decoder writes for a letter whose bytes have not all come."""


class Settling:
    """One answer's text as its tokens come."""

    def __init__(self, decode: Callable[[list[int]], str]) -> None:
        self.decode = decode
        self.tokens: list[int] = []
        self.start = self.read = (
            0  # tokens from `start` on are decoded together; up to `read` they are settled
        )

    def hear(self, token: int) -> tuple[str, bool]:
        """The text after what is settled, and whether it is settled by this token: all its letters are whole."""
        self.tokens.append(token)
        before = self.decode(self.tokens[self.start : self.read])
        new = self.decode(self.tokens[self.start :])[len(before) :]
        if new.endswith(UNDECIDED):
            return new, False
        self.start, self.read = self.read, len(self.tokens)
        return new, True


class Ear:
    """Listens to one answer, token by token, for any of several texts."""

    def __init__(self, texts: Sequence[str], decode: Callable[[list[int]], str]) -> None:
        self.texts, self.text = tuple(texts), Settling(decode)
        self.reach = max(map(len, texts)) - 1
        self.known = ""  # the end of the text that is settled, as long as a text that ends may reach back

    def hear(self, token: int) -> str | None:
        """The text that this token completed, if it did."""
        new, settled = self.text.hear(token)
        heard = self.known + new
        for text in self.texts:
            if text in heard:
                return text
        if settled:
            self.known = heard[len(heard) - self.reach :] if self.reach < len(heard) else heard
        return None


class Mouth:
    """Gives an answer's text out piece by piece, and holds back what may yet turn out to be an ending."""

    def __init__(self, texts: Sequence[str], decode: Callable[[list[int]], str]) -> None:
        self.texts, self.text = tuple(texts), Settling(decode)
        self.held = ""
        self.told = 0  # characters that were given out

    def hear(self, token: int) -> str:
        """What may be said after this token."""
        new, settled = self.text.hear(token)
        if not settled:
            return ""
        said = self.held + new
        place = min((at for at in range(len(said)) if self._may_end(said[at:])), default=len(said))
        self.held = said[place:]
        self.told += place
        return said[:place]

    def last(self, whole: str) -> str:
        """What is left to say of the whole answer, once it has ended."""
        return whole[self.told :]

    def _may_end(self, tail: str) -> bool:
        """Whether a text that ends the answer stands at the beginning of this, or this is the beginning of one."""
        return any(tail.startswith(text) or text.startswith(tail) for text in self.texts)


def cut(text: str, ends: Sequence[str]) -> str:
    """A text up to the first of the endings in it."""
    return text[: min((text.index(end) for end in ends if end in text), default=len(text))]
