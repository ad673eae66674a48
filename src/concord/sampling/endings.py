"""Texts that end an answer, found the moment they are complete, wherever the borders of tokens fall."""

from collections.abc import Callable, Sequence

UNDECIDED = "\ufffd"
"""What a decoder writes for a letter whose bytes have not all come."""


class Ear:
    """Listens to one answer, token by token, for any of several texts."""

    def __init__(self, texts: Sequence[str], decode: Callable[[list[int]], str]) -> None:
        self.texts, self.decode = tuple(texts), decode
        self.reach = max(map(len, texts)) - 1
        self.tokens: list[int] = []
        self.known = ""  # the end of the text that is settled, as long as a text that ends may reach back
        self.start = self.read = (
            0  # tokens from `start` on are decoded together; up to `read` they are settled
        )

    def hear(self, token: int) -> str | None:
        """The text that this token completed, if it did."""
        self.tokens.append(token)
        before = self.decode(self.tokens[self.start : self.read])
        new = self.decode(self.tokens[self.start :])[len(before) :]
        heard = self.known + new
        for text in self.texts:
            if text in heard:
                return text
        if not new.endswith(UNDECIDED):
            self.known = heard[len(heard) - self.reach :] if self.reach < len(heard) else heard
            self.start, self.read = self.read, len(self.tokens)
        return None
