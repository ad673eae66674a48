"""How the server refuses: in the one shape that clients of such endpoints know."""

from dataclasses import dataclass
from typing import Any

from starlette.responses import JSONResponse, Response


@dataclass
class Refusal(Exception):
    """A request that gets no answer, and why."""

    status: int
    message: str
    code: str | None = None
    param: str | None = None
    wait: int = 0
    """Seconds after which the same request may well succeed."""

    @property
    def kind(self) -> str:
        """The kind of error that clients tell apart."""
        kinds = {401: "authentication_error", 404: "not_found_error", 503: "overloaded_error"}
        return kinds.get(self.status, "server_error" if self.status >= 500 else "invalid_request_error")

    def body(self) -> dict[str, Any]:
        """The refusal as JSON."""
        told = {"message": self.message, "type": self.kind, "param": self.param, "code": self.code}
        return {"error": told}


def reply(refusal: Refusal) -> Response:
    """A refusal as a reply."""
    headers = {"retry-after": str(refusal.wait)} if refusal.wait else {}
    if refusal.status == 401:
        headers["www-authenticate"] = "Bearer"
    return JSONResponse(refusal.body(), refusal.status, headers)
