"""How the server answers: faults in one shape, and headers that let pages load and run nothing foreign."""

import logging
import re
from collections.abc import Mapping

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.types import Message, Send

from concord.annotation.faults import Refusal
from concord.annotation.told import Fault, Problem
from concord.errors import ConcordError, StoreError

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
    )
)
"""What a page of this server may load and run: its own files alone, and no script that stands in a page."""
MANNERS: Mapping[str, str] = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), interest-cohort=()",
}
SECRETS = re.compile(r"cct_[\w-]+|(login/)[\w-]+|(concord_session=)[\w-]+|(://[^:/@\s]+:)[^@\s]+(?=@)")


def with_manners(send: Send, api: bool) -> Send:
    """The same way to answer, with the headers that every reply has."""

    async def polite(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = message.setdefault("headers", [])
            present = {name.lower() for name, _ in headers}
            wanted = {**MANNERS, **({"cache-control": "no-store"} if api else {"cache-control": "no-cache"})}
            for name, value in wanted.items():
                if name.encode() not in present:
                    headers.append((name.encode(), value.encode()))
        await send(message)

    return polite


def problem(refusal: Refusal) -> Response:
    """A refusal as a reply."""
    fault = Fault(code=refusal.code, message=refusal.message, field=refusal.field)
    headers = {"retry-after": str(refusal.wait)} if refusal.wait else {}
    return JSONResponse(Problem(error=fault).model_dump(), refusal.status, headers)


def faults(app: FastAPI) -> None:
    """Let an application answer every fault in the one shape."""

    @app.exception_handler(Refusal)
    def refused(_: Request, error: Refusal) -> Response:
        return problem(error)

    @app.exception_handler(StoreError)
    def busy(_: Request, error: StoreError) -> Response:
        return problem(Refusal(503, "busy", str(error), wait=2))

    @app.exception_handler(ConcordError)
    def explained(_: Request, error: ConcordError) -> Response:
        return problem(Refusal(422, "refused", str(error)))

    @app.exception_handler(RequestValidationError)
    def invalid(_: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        if first["type"] == "json_invalid":
            said = f"The body is not JSON: {first['ctx']['error']} at sign {first['loc'][-1]}."
            return problem(Refusal(400, "unreadable", said))
        field = ".".join(str(part) for part in first["loc"][1:]) or None
        more = len(error.errors()) - 1
        rest = f" ({more} more)" if more else ""
        message = f"`{field or 'body'}`: {first['msg'].removeprefix('Value error, ')}{rest}."
        return problem(Refusal(422, "invalid", message, field))

    @app.exception_handler(HTTPException)
    def other(_: Request, error: HTTPException) -> Response:
        codes = {404: "not_found", 405: "method", 400: "unreadable"}
        unread = "The body cannot be read: it is no JSON, or nested too deeply."
        told = unread if error.status_code == 400 else str(error.detail)
        return problem(Refusal(error.status_code, codes.get(error.status_code, "refused"), told))

    @app.exception_handler(Exception)
    def bug(_: Request, __: Exception) -> Response:  # uvicorn writes the traceback into the log
        return problem(
            Refusal(500, "bug", "The server made a mistake; its log says which. Nothing was stored.")
        )


class Discreet(logging.Formatter):
    """Lines that hold no secret and nothing that a terminal would obey."""

    def format(self, record: logging.LogRecord) -> str:
        """One record as text; a name that somebody chose cannot begin a line of its own."""
        text = SECRETS.sub(
            lambda found: (found[1] or found[2] or found[3] or "") + "***", super().format(record)
        )
        lines = text.split("\n") if record.exc_info else [text]
        return "\n".join(
            "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in line) for line in lines
        )
