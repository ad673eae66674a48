"""The application: its addresses, and the gate that every request passes before anything reads it."""

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import from_json
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from concord.records.text import crowded
from concord.serving import told
from concord.serving.asked import Chat, Feedback, Plain, Score
from concord.serving.desk import Done
from concord.serving.faults import Refusal, reply
from concord.serving.service import PREFIX, Errand, Service, said
from concord.serving.speaker import Heard
from concord.serving.stream import events

M = TypeVar("M", bound=BaseModel)
MOST, PATIENCE = 2 * 2**20, 30.0
"""Bytes of a body, and seconds in which it must have come."""
MOST_PARTS = 20_000
"""Lists, objects and fields of a body."""
LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
GONE = Response(status_code=499)
"""What is sent to a client that left, and never arrives."""


@dataclass(frozen=True, repr=False)
class Keys:
    """What clients must show; only hashes are kept. Without any, everybody may ask."""

    hashes: tuple[bytes, ...] = ()

    @classmethod
    def of(cls, tokens: Sequence[str]) -> "Keys":
        """The keys of some tokens."""
        return cls(tuple(hashlib.sha256(one.encode()).digest() for one in tokens))

    def fits(self, given: str) -> bool:
        """Whether a token is one of them, in the same time for each that is not."""
        hashed = hashlib.sha256(given.encode("utf-8", "surrogateescape")).digest()
        return any([hmac.compare_digest(hashed, one) for one in self.hashes])  # a list: all are compared


EVERYBODY = Keys()


class Gate:
    """Lets a request through that names this server, shows a token if one is wanted, and says what it sends."""

    def __init__(self, app: ASGIApp, names: frozenset[str], keys: Keys) -> None:
        self.app, self.keys = app, keys
        self.names = frozenset(name.lower() for name in names | LOOPBACK)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it here."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] == "http":
            try:
                self.check(Headers(scope=scope), scope)
            except Refusal as refusal:
                await reply(refusal)(scope, receive, send)
                return
        await self.app(scope, receive, send)

    def check(self, headers: Headers, scope: Scope) -> None:
        """All that has to hold before a request is looked at."""
        given = headers.getlist("host")
        name, _, port = given[0].rpartition(":") if given else ("", "", "")
        if len(given) != 1 or (name if name and port.isdigit() else given[0]).lower() not in self.names:
            raise Refusal(
                421, "This server does not go by that name. Start it with --name and the name that you use."
            )
        if "origin" in headers or headers.get("sec-fetch-site") == "cross-site":
            raise Refusal(403, "Pages of other sites may not ask this server.", "origin")
        if self.keys.hashes and scope["path"] != "/healthz":
            scheme, _, token = headers.get("authorization", "").partition(" ")
            if scheme.lower() != "bearer" or not self.keys.fits(token.strip()):
                raise Refusal(
                    401, "Send one of this server's tokens as `Authorization: Bearer`.", "invalid_api_key"
                )
        if scope["method"] == "POST":
            if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
                raise Refusal(415, "Send application/json.")
            told = headers.get("content-length", "0")
            if not told.isdecimal() or int(told) > MOST:
                raise too_long()


def too_long() -> Refusal:
    """What to say of a body that is too long."""
    return Refusal(413, f"A body may have {MOST:,} bytes.", "too_long")


def create_app(service: Service, names: frozenset[str] = frozenset(), keys: Keys = EVERYBODY) -> Gate:
    """The application around a service; `broken` of its state is called if nothing can be answered any more."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        service.desk.begin(getattr(app.state, "broken", lambda: None))
        try:
            yield
        finally:
            await asyncio.to_thread(service.close)

    routes = Routes(service)
    app = Starlette(
        routes=[
            Route("/healthz", routes.health, methods=["GET"]),
            Route("/v1/models", routes.models, methods=["GET"]),
            Route("/v1/models/{name:path}", routes.model, methods=["GET"]),
            Route("/v1/chat/completions", routes.chat, methods=["POST"]),
            Route("/v1/completions", routes.plain, methods=["POST"]),
            Route("/v1/feedback", routes.feedback, methods=["POST"]),
        ],
        exception_handlers={Refusal: refused, HTTPException: other, ClientDisconnect: left, Exception: bug},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    return Gate(app, names, keys)


class Routes:
    """What is answered at each address."""

    def __init__(self, service: Service) -> None:
        self.service = service

    async def health(self, _: Request) -> Response:
        """Whether the server answers; nothing else is told."""
        well = self.service.failure is None
        return JSONResponse({"status": "ok" if well else "broken"}, 200 if well else 503)

    async def models(self, _: Request) -> Response:
        """What is served."""
        return JSONResponse({"object": "list", "data": [self._model()]})

    async def model(self, request: Request) -> Response:
        """The one model by its name."""
        if request.path_params["name"] != self.service.speaker.name:
            raise Refusal(
                404, f"Only {self.service.speaker.name} is served here.", "model_not_found", "model"
            )
        return JSONResponse(self._model())

    def _model(self) -> dict[str, Any]:
        service = self.service
        best = f"{PREFIX}{service.speaker.name}" if service.desk.scorer else None
        about = {"content": service.offer.content, "context": service.speaker.limit, "best_of": best}
        named = {"id": service.speaker.name, "object": "model", "created": service.started}
        return {**named, "owned_by": "concord", "max_model_len": service.speaker.limit, "concord": about}

    async def chat(self, request: Request) -> Response:
        """Answer a dialogue."""
        asked = parsed(Chat, await body(request))
        errand = await self.service.chat(asked)
        if asked.stream:
            return events(self.service, errand)
        done = await self.present(request, errand)
        if done is None:
            return GONE
        used = told.usage(len(errand.prompts[0]), said(done.answers))
        return JSONResponse(told.chat(errand.head, errand.choices(done), bool(asked.logprobs), used))

    async def plain(self, request: Request) -> Response:
        """Go on with texts."""
        asked = parsed(Plain, await body(request))
        errand = await self.service.plain(asked)
        if asked.stream:
            return events(self.service, errand)
        done = await self.present(request, errand)
        if done is None:
            return GONE
        choices = [self._choice(asked, errand, done, n) for n in range(len(errand.prompts) * errand.keep)]
        used = told.usage(sum(map(len, errand.prompts)), said(done.answers))
        return JSONResponse(told.plain(errand.head, choices, used))

    def _choice(self, asked: Plain, errand: Errand, done: Done, number: int) -> dict[str, Any]:
        """One text: perhaps its prompt, then what was said."""
        place = number // errand.keep
        answer = done.answers[number] if done.answers else None
        looked = asked.logprobs is not None
        tokens: list[Any] = list(done.tokens[number]) if looked and done.tokens else []
        text = answer.text if answer else ""
        if asked.echo:
            names = self.service.speaker.spell(errand.prompts[place])
            given = asked.prompts[place]
            text = (given if isinstance(given, str) else "".join(names)) + text
            if looked:
                tokens = [names[0], *done.echoes[place], *tokens]
        finish = answer.finish if answer else "length"
        return told.plain_choice(number, text, finish, tokens if looked else None)

    async def feedback(self, request: Request) -> Response:
        """Take down what somebody thought of an answer, in our own form or as a score of Langfuse."""
        raw = await body(request)
        try:
            given = from_json(raw)
        except ValueError as error:
            raise Refusal(400, f"The body is not JSON: {error}.", "invalid_json") from None
        langfuse = isinstance(given, dict) and "traceId" in given
        try:
            feedback = parsed(Score, raw).feedback() if langfuse else parsed(Feedback, raw)
        except ValueError as error:
            raise Refusal(400, f"{error}.", "invalid", "value") from None
        await self.service.feedback(feedback)
        return JSONResponse(
            {"object": "feedback", "id": feedback.id, "choice": feedback.choice, "stored": True}
        )

    async def present(self, request: Request, errand: Errand) -> Done | None:
        """All that was asked for; None if the client left before."""
        news = asyncio.ensure_future(self.service.result(errand))
        gone = asyncio.ensure_future(left_by(request))
        try:
            await asyncio.wait({news, gone}, return_when=asyncio.FIRST_COMPLETED)
            found = news.result() if news.done() else None
            assert not isinstance(found, Heard), "nobody asked for pieces"
            return found
        finally:
            news.cancel()
            gone.cancel()
            self.service.leave(errand)


async def left_by(request: Request) -> None:
    """Ends when the client leaves."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def body(request: Request) -> bytes:
    """A request's body, if it comes in time and is not too long."""
    found = bytearray()
    try:
        async with asyncio.timeout(PATIENCE):
            async for part in request.stream():
                found += part
                if len(found) > MOST:
                    raise too_long()
    except TimeoutError:
        raise Refusal(408, f"The request did not come within {PATIENCE:.0f} seconds.", "slow") from None
    if crowded(found, b"[{:", MOST_PARTS):
        raise Refusal(400, f"A body may have {MOST_PARTS:,} lists, objects and fields.", "too_many")
    return bytes(found)


def parsed(kind: type[M], raw: bytes) -> M:
    """A body as what it should be; the first thing about it that cannot be is told, and how many more there are."""
    try:
        return kind.model_validate_json(raw)
    except ValidationError as error:
        first, *rest = error.errors(include_url=False, include_input=False, include_context=False)
        # Between the names of fields stand those of the kinds that a value might have been.
        parts = [str(part) for part in first["loc"] if isinstance(part, int) or part.isidentifier()]
        place = ".".join(parts) or None
        if first["type"] == "json_invalid":
            raise Refusal(400, f"The body is not JSON: {first['msg']}.", "invalid_json") from None
        more = f" ({len(rest)} more)" if rest else ""
        said_ = first["msg"].removeprefix("Value error, ")
        raise Refusal(400, f"`{place or 'body'}`: {said_}{more}.", "invalid", place) from None


Answering = Callable[[Request, Any], Response]


def refused(_: Request, error: Any) -> Response:
    """A refusal of ours."""
    return reply(error)


def other(_: Request, error: Any) -> Response:
    """An address or a method that there is not."""
    known = {404: "There is no such address.", 405: "That method means nothing at this address."}
    return reply(Refusal(error.status_code, known.get(error.status_code, str(error.detail))))


def left(_: Request, __: Any) -> Response:
    """A client that left in the middle of its request."""
    return GONE


def bug(_: Request, __: Any) -> Response:
    """A mistake of ours; the traceback is for whoever runs the server."""
    return reply(Refusal(500, "The server made a mistake; its log says which.", "bug"))
