"""Answers sent as they come: server-sent events, and an end that is noticed on either side."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from starlette.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from concord.serving import rows, told
from concord.serving.asked import Chat
from concord.serving.desk import Done
from concord.serving.faults import Refusal
from concord.serving.service import Errand, Service, said
from concord.serving.speaker import Heard
from concord.serving.told import Choice

SLOW = 30.0
"""Seconds in which a client must take what it is sent."""


class Events(StreamingResponse):
    """A stream whose end, however it comes, is told."""

    def __init__(self, content: AsyncIterator[str], ended: Callable[[], None]) -> None:
        super().__init__(content, media_type="text/event-stream", headers={"cache-control": "no-store"})
        self.ended = ended

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it, as long as somebody takes it."""

        async def patient(message: Message) -> None:
            async with asyncio.timeout(SLOW):
                await send(message)

        try:
            await super().__call__(scope, receive, patient)
        except TimeoutError:
            return  # a client that does not read is as good as gone
        finally:
            self.ended()


def events(service: Service, errand: Errand) -> Events:
    """A request's answer as events."""

    return Events(spoken(service, errand), lambda: service.leave(errand))


async def spoken(service: Service, errand: Errand) -> AsyncIterator[str]:
    """All events of one answer."""
    usage = errand.asked.stream_options is not None and errand.asked.stream_options.include_usage
    empty = {"usage": None} if usage else {}
    chat = isinstance(errand.asked, Chat)
    if chat:
        for index in range(errand.keep):
            opening = {"role": "assistant", "content": ""}
            yield event({**told.chat_piece(errand.head, index, opening), **empty})
    try:
        while not isinstance(news := await service.result(errand), Done):
            if errand.first is None:
                errand.first = rows.since(errand.began)
            yield event({**piece(errand, news), **empty})
    except Refusal as refusal:
        yield event(refusal.body())
        return
    for index, choice in enumerate(errand.choices(news)):
        yield event({**last(errand, index, choice), **empty})
    if usage:
        used = told.usage(len(errand.prompts[0]), said(news.answers))
        yield event(errand.head.over("chat.completion.chunk" if chat else "text_completion", [], usage=used))
    yield "data: [DONE]\n\n"


def piece(errand: Errand, heard: Heard) -> dict[str, Any]:
    """What one answer said just now."""
    tokens = [heard.token] if heard.token else None
    if isinstance(errand.asked, Chat):
        return told.chat_piece(errand.head, heard.number, {"content": heard.piece}, tokens)
    choice = told.plain_choice(heard.number, heard.piece, None, tokens)
    return errand.head.over("text_completion", [choice])


def last(errand: Errand, index: int, choice: Choice) -> dict[str, Any]:
    """How an answer ended; the whole of it, if it could not be told before it was compared with others."""
    answer, whole = choice.answer, errand.best_of > 1
    if isinstance(errand.asked, Chat):
        delta = {"content": answer.text} if whole else {}
        tokens = choice.tokens if whole else None
        return told.chat_piece(errand.head, index, delta, tokens, answer.finish, choice.concord)
    return errand.head.over("text_completion", [told.plain_choice(index, "", answer.finish, None)])


def event(body: Mapping[str, Any]) -> str:
    """One event."""
    return f"data: {json.dumps(body, ensure_ascii=False, allow_nan=False)}\n\n"
