"""What the server holds: somebody who answers many at once, and can be told to forget one of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from concord.records import Finish, Message


@dataclass(frozen=True)
class Wish:
    """One answer that is asked for."""

    prompt: tuple[int, ...]
    seed: int
    longest: int
    temperature: float = 1.0
    """0 for the likeliest token at each place."""
    top_p: float = 1.0
    ends: tuple[str, ...] = ()
    """Texts that end the answer and are no part of it."""
    tops: int | None = None
    """How many of the likeliest tokens are told at each place; None if no log-probability is."""
    pieces: bool = False
    """Whether its text is wanted as it comes."""


@dataclass(frozen=True)
class Token:
    """One token, and what the network itself thinks of it at temperature 1."""

    text: str
    logprob: float
    tops: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class Answer:
    """An answer that ended."""

    text: str
    finish: Finish
    tokens: tuple[int, ...]
    """All that were drawn, the one that ended it included."""
    logprobs: tuple[float, ...]
    """Of each token under the distribution that it was drawn from."""


@dataclass(frozen=True)
class Heard:
    """What one step brought to one answer."""

    number: int
    piece: str = ""
    token: Token | None = None
    answer: Answer | None = None
    """The whole of it, once it has ended."""


class Speaker(Protocol):
    """Grows answers side by side. `read` and `encode` may be called while another thread calls the rest."""

    name: str
    """As clients call it."""
    limit: int
    """Most tokens of a prompt and its answer together."""
    size: int
    """Tokens are the numbers below this one."""

    @property
    def busy(self) -> bool:
        """Whether anything grows or waits."""
        ...

    def read(self, messages: Sequence[Message]) -> list[int]:
        """A dialogue as ids, up to the place where the assistant speaks; what people wrote is never a control token."""
        ...

    def encode(self, text: str) -> list[int]:
        """A plain text as ids, behind the token that begins texts, if the model has one."""
        ...

    def spell(self, tokens: Sequence[int]) -> list[str]:
        """Each token's own text."""
        ...

    def add(self, wish: Wish) -> int:
        """Ask for an answer; its number."""
        ...

    def cancel(self, number: int) -> None:
        """Forget an answer that waits or grows."""
        ...

    def step(self) -> list[Heard]:
        """One more token for every answer that grows, and what came of it."""
        ...

    def likely(self, tokens: Sequence[int], tops: int) -> list[Token]:
        """What the network thinks of each token of a text but the first."""
        ...
