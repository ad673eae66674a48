"""Who may ask for what, and the gate that every request passes before anything reads it."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from concord.annotation import entry
from concord.annotation.faults import Refusal
from concord.annotation.openapi import PREFIX, ROUTERS
from concord.annotation.people import Visit
from concord.annotation.replies import problem, with_manners
from concord.annotation.store import Store
from concord.annotation.values import LONGEST_FILE, ROLES, Role
from concord.errors import StoreError
from concord.records.text import crowded

PUBLIC = frozenset({"health", "login"})
"""What needs no credentials, beside the pages' own files."""

ACCESS: dict[str, Role] = {
    "logout": "annotator",
    "me": "annotator",
    "list_projects": "annotator",
    "get_project": "annotator",
    "take_leases": "annotator",
    "renew_lease": "annotator",
    "release_lease": "annotator",
    "store_judgement": "annotator",
    "list_mine": "annotator",
    "get_progress": "annotator",
    "get_overview": "annotator",
    "get_guideline": "annotator",
    "list_guidelines": "annotator",
    "acknowledge_guideline": "annotator",
    "get_agreement": "reviewer",
    "get_opinions": "reviewer",
    "adjudicate": "reviewer",
    "get_comparison": "reviewer",
    "list_runs": "reviewer",
    "get_run": "reviewer",
    "get_curves": "reviewer",
    "get_samples": "reviewer",
    "get_news": "reviewer",
    "watch_run": "reviewer",
    "get_report": "reviewer",
    "write_guideline": "admin",
    "list_people": "admin",
    "invite": "admin",
    "set_role": "admin",
    "new_link": "admin",
    "disable": "admin",
    "list_tokens": "admin",
    "make_token": "admin",
    "revoke_token": "admin",
    "make_project": "admin",
    "add_tasks": "admin",
    "set_priorities": "admin",
    "export": "admin",
    "list_exports": "admin",
    "weigh_export": "admin",
    "erase": "admin",
    "verify_history": "admin",
}
"""The least role for each route by its name; a route that is missing here keeps the server from starting."""

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
MOST, MOST_OF_LOGIN = 2 * 2**20, 4 * 2**10
"""Bytes of a body; a file of tasks may be longer."""
MOST_OF = {"login": MOST_OF_LOGIN, "add_tasks": LONGEST_FILE + MOST, "set_priorities": 16 * 2**20}
MOST_PARTS, MOST_PRIORITIES = 10_000, 200_100
"""Signs between the values of a body, and of one with a number for each prompt; rows of tasks have no such limit."""
PATIENCE = 30.0
"""Seconds in which a body must have come."""
TRIES, DOUBLINGS, LONGEST_WAIT = 5, 16, 300.0


@dataclass
class BackOff:
    """Whoever brings wrong secrets again and again from one address has to wait, longer each time."""

    failures: dict[str, tuple[int, float]] = field(default_factory=dict)
    most: int = 10_000

    def wait(self, address: str) -> float:
        """Seconds that an address still has to wait."""
        count, last = self.failures.get(address, (0, 0.0))
        if count < TRIES:
            return 0.0
        longer = min(2.0 ** min(count - TRIES, DOUBLINGS), LONGEST_WAIT)
        return max(0.0, last + longer - time.monotonic())

    def note(self, address: str, wrong: bool) -> None:
        """Remember a try; a right one makes up for all wrong ones."""
        if not wrong:
            self.failures.pop(address, None)
            return
        if len(self.failures) >= self.most:
            self.failures.pop(next(iter(self.failures)))
        count, _ = self.failures.pop(address, (0, 0.0))
        self.failures[address] = (count + 1, time.monotonic())


class Gate:
    """Lets a request through that names this server, comes from its own pages, is small enough and is allowed."""

    def __init__(self, app: ASGIApp, store: Store, hosts: frozenset[str]) -> None:
        self.app, self.store, self.hosts = app, store, hosts
        self.back_off = BackOff()
        self.routes = [
            (str(getattr(route, "name", "")), route) for router in ROUTERS for route in router.routes
        ]
        missing = {name for name, _ in self.routes} - ACCESS.keys() - PUBLIC
        if missing:
            raise RuntimeError(f"routes without a role in the table of access: {sorted(missing)}")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it here."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        api = scope["path"].startswith("/api")
        send = with_manners(send, api)
        try:
            receive = await self.let_through(scope, receive, api)
        except Refusal as refusal:
            await problem(refusal)(scope, receive, send)
        except StoreError as busy:
            await problem(Refusal(503, "busy", str(busy), wait=2))(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def let_through(self, scope: Scope, receive: Receive, api: bool) -> Receive:
        """All that has to hold before a request is looked at; whoever asks is noted in its state."""
        headers = Headers(scope=scope)
        self.check_host(headers)
        if not api:
            if scope["method"] not in ("GET", "HEAD"):
                raise Refusal(405, "method", "Pages are only read.")
            return receive
        name, method_fits = self.route(scope)
        if scope["method"] not in SAFE:
            self.check_origin(headers)
            check_kind(headers)
        most = MOST_OF.get(name, MOST)
        check_length(headers, most)
        if name == "login":
            self.check_patience(address(scope))
        public = name in PUBLIC and method_fits
        visit = None if public else await self.visitor(scope, headers)
        if not name:
            raise Refusal(404, "not_found", "There is no such address.")
        if not method_fits:
            raise Refusal(405, "method", f"{scope['method']} means nothing at this address.")
        if visit is not None and ROLES.index(visit.role) < ROLES.index(ACCESS[name]):
            raise Refusal(403, "role", f"This is for a {ACCESS[name]}; you are {visit.role} here.")
        scope.setdefault("state", {}).update(visit=visit, errand=name)
        scope["state"]["tried"] = lambda wrong: self.back_off.note(address(scope), wrong)
        if scope["method"] in SAFE:
            return receive
        body = await whole(receive, most)
        parts = MOST_PRIORITIES if name == "set_priorities" else MOST_PARTS
        if name != "add_tasks" and crowded(body, b":,", parts):
            raise Refusal(413, "length", "A body may not have so many values here.")
        return replayed(body)

    def check_host(self, headers: Headers) -> None:
        """A page of another site may have had this server's address given to its own name."""
        given = headers.getlist("host")
        if len(given) != 1 or hostname(given[0]) not in self.hosts:
            raise Refusal(
                421,
                "host",
                "This server does not go by that name. Start it with --name and the name that you use.",
            )

    def check_origin(self, headers: Headers) -> None:
        """What changes anything comes from this server's own pages, or from a script with a token."""
        origin = headers.get("origin")
        scripted = headers.get("authorization", "").lower().startswith("bearer ")
        fits = origin in {f"{scheme}://{headers['host']}" for scheme in ("http", "https")}
        if not (fits or (origin is None and scripted)) or headers.get("sec-fetch-site") == "cross-site":
            raise Refusal(
                403, "origin", "Requests that change something must come from this server's own pages."
            )

    def route(self, scope: Scope) -> tuple[str, bool]:
        """The name of the route that will answer, and whether it knows the method; no name if there is none."""
        inner = {**scope, "path": scope["path"].removeprefix(PREFIX)}
        found = ""
        for name, route in self.routes:
            match, _ = route.matches(inner)
            if match is Match.FULL:
                return name, True
            found = name if match is Match.PARTIAL else found
        return found, False

    async def visitor(self, scope: Scope, headers: Headers) -> Visit:
        """Who asks; nobody unknown comes in."""
        where, scripted = address(scope), headers.get("authorization") is not None
        if scripted:  # whoever has a session need not wait because somebody beside them guesses
            self.check_patience(where)
        cookie = cookies(headers).get(entry.COOKIE)
        visit = await run_in_threadpool(entry.visitor, self.store, headers, cookie)
        if scripted:
            self.back_off.note(where, visit is None)
        if visit is None:
            raise Refusal(401, "credentials", "Come in by your link first, or send a token that serves.")
        return visit

    def check_patience(self, where: str) -> None:
        """Whoever guesses has to wait."""
        wait = self.back_off.wait(where)
        if wait > 0:
            raise Refusal(429, "wait", "Too many wrong tries. Wait a little.", wait=int(wait) + 1)


def hostname(given: str) -> str:
    """A host's name without its port."""
    name, colon, port = given.rpartition(":")
    return (name if colon and port.isdigit() else given).lower()


def address(scope: Scope) -> str:
    """Where a request comes from."""
    client = scope.get("client")
    return str(client[0]) if client else ""


def cookies(headers: Headers) -> Mapping[str, str]:
    """The cookies of a request."""
    found: SimpleCookie = SimpleCookie()
    try:
        found.load(headers.get("cookie", ""))
    except CookieError:
        return {}
    return {name: morsel.value for name, morsel in found.items()}


def check_kind(headers: Headers) -> None:
    """A form of a foreign page can send anything but this."""
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    empty = headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers
    if kind != "application/json" and not (empty and not kind):
        raise Refusal(415, "kind", "Send application/json.")


def check_length(headers: Headers, most: int) -> None:
    """A body that says that it is too long is not even read."""
    told = headers.get("content-length", "0")
    if not told.isdecimal() or int(told) > most:
        raise too_long(most)


def too_long(most: int) -> Refusal:
    """What to say of a body that is too long."""
    return Refusal(413, "length", f"A body may have {most:,} bytes here.")


async def whole(receive: Receive, most: int) -> bytes:
    """A request's body, if it comes in time and is not too long."""
    parts, size = [], 0
    try:
        async with asyncio.timeout(PATIENCE):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise Refusal(400, "gone", "The request broke off.")
                part = message.get("body", b"")
                size += len(part)
                if size > most:
                    raise too_long(most)
                parts.append(part)
                if not message.get("more_body", False):
                    return b"".join(parts)
    except TimeoutError:
        raise Refusal(408, "slow", f"The request did not come within {PATIENCE:.0f} seconds.") from None


def replayed(body: bytes) -> Receive:
    """The body once more, for whoever answers."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Any:
        return messages.pop() if messages else {"type": "http.disconnect"}

    return receive
