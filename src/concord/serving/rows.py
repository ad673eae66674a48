"""A request as the log keeps it: enough to see drift by, and with `--no-text` not a word of anybody's."""

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from concord.monitoring.wording import shows
from concord.records import Message, digest, prompt_key
from concord.serving.speaker import Wish
from concord.serving.told import Choice


def request(
    about: Mapping[str, Any],
    messages: Sequence[Message],
    prompts: Sequence[Sequence[int]],
    wish: Wish | None,
    choices: Sequence[Choice],
    given: Sequence[str | list[int]] | None,
) -> dict[str, Any]:
    """A request with its answers; `about` is what only its errand knows, `given` the texts if they are kept."""
    row: dict[str, Any] = {
        **about,
        "kind": "chat" if messages else "text",
        "prompt_id": prompt_key(messages) if messages else digest([list(one) for one in prompts]),
        "characters": sum(len(one.content) for one in messages),
        "words": len(messages[-1].content.split()) if messages else None,
        "read": sum(map(len, prompts)),
        "temperature": wish.temperature if wish else None,
        "top_p": wish.top_p if wish else None,
        "limit": wish.longest if wish else 0,
        "stops": len(wish.ends) if wish else 0,
        "choices": [choice(one, wish, given is not None) for one in choices],
    }
    if given is not None:
        told = [{"role": one.role, "content": one.content} for one in messages]
        row |= {"messages": told} if messages else {"prompts": list(given)}
    return row


def choice(one: Choice, wish: Wish | None, texts: bool) -> dict[str, Any]:
    """An answer as the log keeps it; its log-probability is the mean under the distribution that was drawn from.

    Where the likeliest token is always taken, nothing is drawn and there is none.
    """
    answer, drawn = one.answer, wish is not None and wish.temperature > 0
    counted = len(answer.logprobs) if drawn else 0
    return {
        "text": answer.text if texts else None,
        "hash": digest(answer.text),
        "words": len(answer.text.split()),
        "tokens": len(answer.tokens),
        "logprob": sum(answer.logprobs) / counted if counted else None,
        "finish": answer.finish,
        "refused": shows("refusal", answer.text),
        "reward": one.reward,
    }


def now() -> str:
    """The time, as logs write it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def since(began: float) -> float:
    """Seconds from a moment of the clock that never jumps."""
    return round(time.monotonic() - began, 4)
