"""What clients are told: the shapes that they know from other endpoints, and what is our own under `concord`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from concord.records import Finish
from concord.serving.speaker import Answer, Token


@dataclass(frozen=True)
class Head:
    """What stands at the top of everything that is said to one request."""

    id: str
    created: int
    model: str
    content: str
    """A name for the model's weights."""

    def over(self, kind: str, choices: Sequence[Any], **more: Any) -> dict[str, Any]:
        """A body of a kind with its choices."""
        return {
            "id": self.id,
            "object": kind,
            "created": self.created,
            "model": self.model,
            "system_fingerprint": self.content,
            "choices": list(choices),
            **more,
        }


@dataclass(frozen=True)
class Choice:
    """One of the answers that a client gets."""

    answer: Answer
    tokens: Sequence[Token]
    reward: float | None = None
    rank: int | None = None
    """1 for the best of those that were drawn; if a reward model looked at them."""

    @property
    def concord(self) -> dict[str, Any]:
        """What is our own in a choice; nothing if nobody scored it."""
        return {} if self.reward is None else {"concord": {"reward": self.reward, "rank": self.rank}}


def usage(read: int, said: int) -> dict[str, int]:
    """How many tokens there were."""
    return {"prompt_tokens": read, "completion_tokens": said, "total_tokens": read + said}


def chat(head: Head, choices: Sequence[Choice], logprobs: bool, used: Mapping[str, int]) -> dict[str, Any]:
    """A whole answer to a dialogue."""
    told = [
        {
            "index": index,
            "message": {"role": "assistant", "content": one.answer.text, "refusal": None},
            "logprobs": seen(one.tokens) if logprobs else None,
            "finish_reason": one.answer.finish,
            **one.concord,
        }
        for index, one in enumerate(choices)
    ]
    return head.over("chat.completion", told, usage=dict(used))


def chat_piece(
    head: Head,
    index: int,
    delta: Mapping[str, Any],
    tokens: Sequence[Token] | None = None,
    finish: Finish | None = None,
    more: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """A piece of an answer to a dialogue."""
    logprobs = seen(tokens) if tokens else None
    choice = {"index": index, "delta": dict(delta), "logprobs": logprobs, "finish_reason": finish}
    return head.over("chat.completion.chunk", [{**choice, **(more or {})}])


def seen(tokens: Sequence[Token]) -> dict[str, Any]:
    """Log-probabilities as dialogues tell them."""

    def one(text: str, logprob: float) -> dict[str, Any]:
        whole = "\ufffd" not in text  # else it is part of a letter, and its bytes are not known
        return {"token": text, "logprob": logprob, "bytes": list(text.encode()) if whole else None}

    listed = [
        {**one(token.text, token.logprob), "top_logprobs": [one(*top) for top in token.tops]}
        for token in tokens
    ]
    return {"content": listed, "refusal": None}


def plain(head: Head, choices: Sequence[Mapping[str, Any]], used: Mapping[str, int]) -> dict[str, Any]:
    """Texts that were gone on with."""
    return head.over("text_completion", choices, usage=dict(used))


def plain_choice(
    index: int, text: str, finish: Finish | None, tokens: Sequence[Token | str] | None
) -> dict[str, Any]:
    """One text with, perhaps, its log-probabilities; a token that is text alone has none: nothing comes before it."""
    told = None if tokens is None else columns(tokens)
    return {"index": index, "text": text, "logprobs": told, "finish_reason": finish}


def columns(tokens: Sequence[Token | str]) -> dict[str, list[Any]]:
    """Log-probabilities as plain texts tell them, the token's own among the likeliest."""
    names = [one if isinstance(one, str) else one.text for one in tokens]
    places, start = [], 0
    for name in names:
        places.append(start)
        start += len(name)
    return {
        "tokens": names,
        "token_logprobs": [None if isinstance(one, str) else one.logprob for one in tokens],
        "top_logprobs": [None if isinstance(one, str) else likeliest(one) for one in tokens],
        "text_offset": places,
    }


def likeliest(token: Token) -> dict[str, float]:
    """The likeliest tokens by their texts; of two that are spelt alike the likelier one."""
    found: dict[str, float] = {}
    for text, logprob in (*token.tops, (token.text, token.logprob)):
        found[text] = max(logprob, found.get(text, logprob))
    return found
