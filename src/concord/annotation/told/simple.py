"""What the server answers about itself, faults included."""

from typing import Literal

from concord.annotation.values import Closed


class Fault(Closed):
    """What is wrong with a request."""

    code: str
    """A word for programs."""
    message: str
    """What and where, and what to do, for people."""
    field: str | None = None
    """The field at fault, if it is one."""


class Problem(Closed):
    """Every reply that is not a success."""

    error: Fault
    """What is wrong."""


class Done(Closed):
    """It is done."""

    ok: Literal[True] = True
    """Always."""


class Health(Closed):
    """The server is there."""

    status: Literal["ok"] = "ok"
    """Always."""
