"""A chat endpoint in OpenAI's shape: questions in, checked answers out, each asked once whatever happens."""

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from concord.endpoints.memory import Memory
from concord.endpoints.tally import Tally
from concord.endpoints.wire import Passing, Secret, Wire
from concord.errors import EndpointError
from concord.records import FINISHES, Finish, Message
from concord.settings import Endpoint

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 60.0
LONGEST_TEXT = 1_000_000
"""Characters of one answer; no model says so much."""
MOST_TOKENS = 10**9
LARGEST = 1e9
"""How far below 0 a log-probability may lie; nothing that was said is less likely."""
SLACK = 1e-3
"""How far above 0 rounding may bring a log-probability."""


@dataclass(frozen=True, slots=True)
class Question:
    """A dialogue that waits for its next turn, and how that turn is to be drawn."""

    messages: tuple[Message, ...]
    seed: int = 0
    temperature: float = 1.0
    top_p: float = 1.0
    longest: int = 512
    n: int = 1
    """Answers wanted."""
    tops: int = 0
    """Likeliest tokens wanted at each place with their log-probabilities; 0 wants none."""


@dataclass(frozen=True, slots=True)
class Token:
    """One token of an answer, its log-probability, and those of the likeliest at its place."""

    text: str
    logprob: float
    tops: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer."""

    text: str
    finish: Finish | None
    tokens: tuple[Token, ...] | None = None
    """Its tokens, if log-probabilities were wanted and the endpoint gives them."""


class Chat:
    """A client of one endpoint: a few calls at once, repeated while it is worth it, each answer kept on disk."""

    def __init__(
        self, asked: Endpoint, memory: Path | None = None, pause: Callable[[float], None] = time.sleep
    ) -> None:
        self.asked = asked
        self.wire = Wire(asked.url, Secret.from_environment(asked.key), asked.seconds)
        self.tally = Tally(price_read=asked.price_read, price_said=asked.price_said)
        self._memory = Memory(memory) if memory else None
        self._pause = pause

    def ask(self, questions: Sequence[Question]) -> list[list[Reply]]:
        """The answers to each question, n a question, in their order."""
        if len(questions) <= 1:
            return [self._one(question) for question in questions]
        with ThreadPoolExecutor(min(self.asked.at_once, len(questions)), "chat") as pool:
            waiting = [pool.submit(self._one, question) for question in questions]
            try:
                return [one.result() for one in waiting]
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                raise

    def _one(self, question: Question) -> list[Reply]:
        body = self._body(question)
        # Where the seed is not sent, it still tells one time of asking from another.
        asked = [self.wire.url, body] if self.asked.seeded else [self.wire.url, body, question.seed]
        text = json.dumps(asked, ensure_ascii=True, sort_keys=True)
        name = hashlib.blake2b(text.encode(), digest_size=20).hexdigest()
        known = self._memory.recall(name) if self._memory else None
        answer = self._call(body) if known is None else known
        replies, usage = read(answer, question, self.wire.url)  # what is remembered is not trusted more
        if self._memory and known is None:
            self._memory.keep(name, _slim(answer))
        self.tally.answered(usage, known is not None)
        return replies

    def _body(self, question: Question) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self.asked.model,
            "messages": [{"role": one.role, "content": one.content} for one in question.messages],
            "temperature": question.temperature,
            "top_p": question.top_p,
            self.asked.limit: question.longest,
            "n": question.n,
            "stream": False,
        }
        if self.asked.seeded:
            body["seed"] = question.seed % 2**31  # many endpoints hold it in 32 bits
        if question.tops and self.asked.logprobs:
            body |= {"logprobs": True, "top_logprobs": question.tops}
        return body

    def _call(self, body: dict[str, Any]) -> Any:
        """Make the call, and make it again while its failure may pass; nothing else in the house tries again."""
        for number in range(self.asked.tries):
            self.tally.called(again=number > 0)
            try:
                return self.wire.post("/chat/completions", body)
            except Passing as failure:
                reason, wait = str(failure), failure.pause
            if number + 1 < self.asked.tries:
                self._pause(min(LONGEST_PAUSE, max(wait or 0.0, FIRST_PAUSE * 2**number)))
        times = f"{self.asked.tries} times" if self.asked.tries > 1 else "once"
        raise EndpointError(
            f"{self.wire.url} was asked {times} and {reason}. What it answered before is kept: "
            "give the same command again when it is well."
        )


def read(answer: Any, question: Question, url: str) -> tuple[list[Reply], dict[str, int] | None]:
    """An endpoint's answer, checked to its last field: one that cannot be is refused, never mended."""

    def refuse(what: str) -> EndpointError:
        return EndpointError(f"{url} answers {what}. Nothing of this answer is used; check the endpoint.")

    choices = answer.get("choices") if isinstance(answer, dict) else None
    if not isinstance(choices, list):
        raise refuse("without a list of `choices`")
    if len(choices) != question.n:
        raise refuse(f"{len(choices)} times where {question.n} were asked for")
    found: dict[int, Reply] = {}
    for place, choice in enumerate(choices):
        if not isinstance(choice, dict):
            raise refuse("with a choice that is no object")
        index = choice.get("index", place)
        if type(index) is not int or not 0 <= index < question.n or index in found:
            raise refuse(f"with a choice of number {index!s:.20}, which was not asked for")
        message = choice.get("message")
        text = message.get("content", 0) if isinstance(message, dict) else 0
        text = "" if text is None else text  # it thought, or refused, and said nothing
        if not isinstance(text, str):
            raise refuse("without a text")
        if len(text) > LONGEST_TEXT or len(text) > 400 * question.longest + 4000:
            raise refuse(f"with {len(text):,} characters where {question.longest} tokens are the most")
        finish = choice.get("finish_reason")
        tokens = tokens_in(choice.get("logprobs"), refuse) if question.tops else None
        found[index] = Reply(text, finish if finish in FINISHES else None, tokens)
    return [found[index] for index in range(question.n)], usage_in(answer.get("usage"), refuse)


def tokens_in(value: Any, refuse: Callable[[str], EndpointError]) -> tuple[Token, ...] | None:
    """The tokens of an answer with their log-probabilities; None if the endpoint gives none."""
    content = value.get("content") if isinstance(value, dict) else None
    if content is None:
        return None
    if not isinstance(content, list):
        raise refuse("with `logprobs` that are no list")

    def pair(entry: Any) -> tuple[str, float]:
        if not isinstance(entry, dict) or not isinstance(entry.get("token"), str):
            raise refuse("with a token that is no text")
        number: Any = entry.get("logprob")
        if type(number) not in (int, float) or not -LARGEST <= number <= SLACK:
            raise refuse(f"with a log-probability of {number!s:.20}")
        return entry["token"], min(0.0, float(number))

    found = []
    for entry in content:
        text, number = pair(entry)
        tops = entry.get("top_logprobs") or []
        if not isinstance(tops, list):
            raise refuse("with `top_logprobs` that are no list")
        found.append(Token(text, number, tuple(pair(one) for one in tops)))
    return tuple(found)


def usage_in(value: Any, refuse: Callable[[str], EndpointError]) -> dict[str, int] | None:
    """How many tokens were read and said; None if the endpoint does not tell."""
    if not isinstance(value, dict):
        return None
    counts = {"read": value.get("prompt_tokens"), "said": value.get("completion_tokens")}
    if None in counts.values():
        return None
    for count in counts.values():
        if type(count) is not int or not 0 <= count <= MOST_TOKENS:
            raise refuse(f"that it took {count!s:.20} tokens")
    return {name: int(count) for name, count in counts.items() if count is not None}


def _slim(answer: dict[str, Any]) -> dict[str, Any]:
    """What of an answer is worth keeping."""
    keep = ("index", "message", "finish_reason", "logprobs")
    choices = [{key: one[key] for key in keep if key in one} for one in answer["choices"]]
    return {"choices": choices, "usage": answer.get("usage"), "model": answer.get("model")}
