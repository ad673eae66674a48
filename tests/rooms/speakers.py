"""A speaker without a model, and a server around it, for tests of what stands before the model."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from concord.records import Completion, Message
from concord.serving.app import EVERYBODY, Keys, create_app
from concord.serving.desk import Desk
from concord.serving.log import Log
from concord.serving.service import Offer, Service
from concord.serving.speaker import Answer, Heard, Token, Wish

ADDRESS = "http://127.0.0.1:8643"


@dataclass
class Echo:
    """Says the letters of the last message one by one; a token is a letter's number."""

    name: str = "echo"
    limit: int = 200
    size: int = 0x110000
    pause: float = 0.0
    growing: dict[int, tuple[Wish, list[int]]] = field(default_factory=dict)
    together: list[int] = field(default_factory=list)
    cancelled: list[int] = field(default_factory=list)
    broken: Exception | None = None
    asked: int = 0

    @property
    def busy(self) -> bool:
        return bool(self.growing)

    def read(self, messages: Sequence[Message]) -> list[int]:
        return [ord(sign) for sign in messages[-1].content]

    def encode(self, text: str) -> list[int]:
        return [ord(sign) for sign in text]

    def spell(self, tokens: Sequence[int]) -> list[str]:
        return [chr(token) for token in tokens]

    def add(self, wish: Wish) -> int:
        self.asked += 1
        self.growing[self.asked] = wish, []
        return self.asked

    def cancel(self, number: int) -> None:
        del self.growing[number]
        self.cancelled.append(number)

    def step(self) -> list[Heard]:
        if self.broken is not None:
            raise self.broken
        if self.pause:
            time.sleep(self.pause)
        self.together.append(len(self.growing))
        found = []
        for number, (wish, said) in list(self.growing.items()):
            said.append(wish.prompt[len(said) % len(wish.prompt)])
            text = "".join(map(chr, said))
            token = Token(text[-1], -1.0, ((text[-1], -1.0),)[: wish.tops]) if wish.tops is not None else None
            end = next((end for end in wish.ends if text.endswith(end)), None)
            over = end is not None or len(said) == wish.longest
            answer = None
            if over:
                finish: Any = "stop" if end is not None else "length"
                whole = text.removesuffix(end or "")
                answer = Answer(whole, finish, tuple(said), (-1.0,) * len(said))
                del self.growing[number]
            piece = text[-1] if wish.pieces and end is None else ""
            found.append(Heard(number, piece, token, answer))
        return found

    def likely(self, tokens: Sequence[int], tops: int) -> list[Token]:
        return [Token(chr(token), -0.5, ((chr(token), -0.5),)[:tops]) for token in tokens[1:]]


class Sevens:
    """Rewards that go up by seven and around: of eight answers 0, 7, 6, 5, 4, 3, 2, 1."""

    def __init__(self) -> None:
        self.heard: list[Completion] = []
        self.count = 0

    def score(self, completions: Sequence[Completion]) -> list[float]:
        self.heard += completions
        self.count += len(completions)
        return [float(place * 7 % len(completions)) for place in range(len(completions))]


@contextmanager
def serving(
    speaker: Any = None,
    scorer: Any = None,
    log: Path | None = None,
    texts: bool = True,
    keys: Keys = EVERYBODY,
    **offer: Any,
) -> Iterator[TestClient]:
    """A client of a server; the parts are in its application's reach."""
    desk = Desk(speaker or Echo(), scorer)
    service = Service(
        desk, Offer(**{"longest": 8, "content": "abc", **offer}), Log(log, texts) if log else None
    )
    gate = create_app(service, frozenset({"served.example"}), keys)
    with TestClient(gate, base_url=ADDRESS, raise_server_exceptions=False) as client:
        yield client


def chat(text: str = "hello", **more: Any) -> dict[str, Any]:
    """A request."""
    return {"model": "echo", "messages": [{"role": "user", "content": text}], **more}


def events(text: str) -> list[str]:
    """What stands in a stream of events."""
    return [part.removeprefix("data: ") for part in text.strip().split("\n\n")]
