"""The server on its port: this machine alone unless clients have to show a token, stopped in good order."""

import errno
import logging
import os
import re
import socket
import sys
from asyncio import TimerHandle, Transport
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from concord.errors import ConcordError, SettingsError, StoreError
from concord.records.files import storing
from concord.serving.app import EVERYBODY, Keys, create_app
from concord.serving.service import Service

PORT = 8643
LOCAL = ("127.0.0.1", "::1", "localhost")
GRACE = 60
"""Seconds that answers have to end when the server stops."""
MOST_AT_ONCE = 1000
"""Connections at once."""
HEAD = 10.0
"""Seconds in which the head of a request must have come."""
TOKEN = re.compile(r"[\x21-\x7e]{24,200}")


@dataclass(frozen=True)
class Front:
    """Where the server listens, by which names, and what clients must show."""

    host: str = "127.0.0.1"
    port: int = PORT
    name: str | None = None
    """Another name by which clients call it: that of a proxy."""
    keys: Keys = EVERYBODY

    def check(self) -> None:
        """Refuse to serve a network without a token."""
        if self.host not in LOCAL and not self.keys.hashes:
            raise SettingsError(
                f"`--host {self.host}` would let everybody on the network ask the model. Give --token-file with tokens "
                "that clients have to send, or leave --host out."
            )


def keys_in(file: Path) -> Keys:
    """The tokens in a file, one a line."""
    with storing(file):
        lines = [line.strip() for line in file.read_text(encoding="utf-8", errors="replace").splitlines()]
    tokens = [line for line in lines if line and not line.startswith("#")]
    for number, token in enumerate(tokens, start=1):
        if not TOKEN.fullmatch(token):
            raise SettingsError(
                f"{file}: token {number} must have 24 to 200 plain signs and no space. Make one with "
                "`python -c 'import secrets; print(secrets.token_urlsafe(32))'`."
            )
    if not tokens:
        raise SettingsError(f"{file} holds no token. Write one into it, a line each.")
    return Keys.of(tokens)


class Patient(H11Protocol):
    """A connection on which nothing may drip in for ever, not even the head of a request."""

    timer: TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Somebody came."""
        super().connection_made(transport)
        self.watch()

    def data_received(self, data: bytes) -> None:
        """Something came."""
        super().data_received(data)
        self.watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Somebody left."""
        self.patience()
        super().connection_lost(exc)

    def patience(self) -> None:
        """Wait no longer: what was waited for has come, or never will."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None

    def watch(self) -> None:
        """Wait for the head of a request, if it has not come yet, and not for ever."""
        if self.conn.their_state is not h11.IDLE:
            self.patience()
        elif self.timer is None:
            self.timer = self.loop.call_later(HEAD, self.transport.close)


class Server:
    """One service on one address, bound when made, so that the address is known before anybody asks."""

    def __init__(self, service: Service, front: Front) -> None:
        front.check()
        self.service, self.front = service, front
        self.socket = listen(front)
        host = f"[{front.host}]" if ":" in front.host else front.host
        self.url = f"http://{host}:{self.socket.getsockname()[1]}/v1"
        gate = create_app(service, frozenset({host, *([front.name] if front.name else [])}), front.keys)
        gate.app.state.broken = self.stop  # type: ignore[attr-defined]
        config: Any = uvicorn.Config(
            gate,
            http=Patient,
            log_config=None,
            access_log=False,
            server_header=False,
            ws="none",
            lifespan="on",
            proxy_headers=False,
            limit_concurrency=MOST_AT_ONCE,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=GRACE,
        )
        self.server = uvicorn.Server(config)

    def stop(self) -> None:
        """Take nothing more on, and end once what is at work has ended."""
        self.server.should_exit = True

    def run(self) -> None:
        """Answer until stopped by a signal; a model that cannot answer any more is an error."""
        quiet_log()
        try:
            self.server.run(sockets=[self.socket])
        finally:
            self.socket.close()
            failure = self.service.desk.failure
            if failure is not None and not isinstance(failure, ConcordError):
                logging.getLogger("uvicorn.error").error("The desk stopped.", exc_info=failure)
        if failure is not None:
            raise failure


def listen(front: Front) -> socket.socket:
    """A socket on the port that was asked for."""
    family = socket.AF_INET6 if ":" in front.host else socket.AF_INET
    try:
        return socket.create_server((front.host, front.port), family=family, backlog=1024)
    except OSError as error:
        raise StoreError(f"{front.host}, port {front.port}: {refusal(error)}") from None


def refusal(error: OSError) -> str:
    """Why there is no listening, and what to do."""
    if error.errno in (errno.EADDRINUSE, errno.EACCES):
        return f"{os.strerror(error.errno)}. Give another --port, or --port 0 for any."
    words = (error.strerror or "").partition(" (")[0]
    return f"{words}. Give --host an address of this machine."


class Spelt(logging.Formatter):
    """Lines in which nothing stands that a terminal would obey."""

    def format(self, record: logging.LogRecord) -> str:
        """One record as text."""
        text = super().format(record)
        return "".join(sign if sign.isprintable() or sign == "\n" else repr(sign)[1:-1] for sign in text)


def quiet_log() -> None:
    """Warnings and errors of the server to standard error; no request is ever written there."""
    logging.getLogger("asyncio").setLevel(logging.ERROR)  # it would warn of every client that left
    logger = logging.getLogger("uvicorn.error")
    logger.setLevel(logging.WARNING)
    logger.propagate = False
    if not logger.handlers:
        sink = logging.StreamHandler(sys.stderr)
        sink.setFormatter(Spelt("%(asctime)s %(levelname)s %(message)s"))
        logger.addHandler(sink)
