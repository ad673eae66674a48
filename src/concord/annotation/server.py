"""The web server: bound to this machine alone unless told otherwise, stopped in good order."""

import errno
import logging
import os
import socket
import ssl
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from concord.annotation import people
from concord.annotation.access import hostname
from concord.annotation.app import create_app
from concord.annotation.replies import Discreet
from concord.annotation.store import Store
from concord.annotation.tables import Person
from concord.errors import SettingsError, StoreError
from concord.records.files import storing

PORT, TRIED = 8642, 20
LOCAL = ("127.0.0.1", "::1", "localhost")
GRACE = 10
"""Seconds that requests have to end when the server stops."""
MOST_AT_ONCE = 300
PAUSE, LINGER = 2.0, 3.0
"""Seconds between looks at what is left; and for which pages may still ask and learn that nothing is."""
OWNER = "owner"


@dataclass(frozen=True)
class Front:
    """Where the server listens, and by which name people reach it."""

    host: str = "127.0.0.1"
    port: int | None = None
    """Any free one for 0; the usual one, or one of the next if it is taken, if not given."""
    name: str | None = None
    """The name in people's browsers, if it is another one: that of a proxy which speaks TLS."""
    certificate: Path | None = None
    key: Path | None = None

    @property
    def local(self) -> bool:
        """Whether nobody but this machine can reach it."""
        return self.host in LOCAL

    def check(self) -> None:
        """Refuse to send people's sessions over a network in the open."""
        if (self.certificate is None) != (self.key is None):
            raise SettingsError("`--certificate` and `--key` belong together: give both, or none.")
        for file in (self.certificate, self.key):
            if file is not None and not file.is_file():
                raise SettingsError(
                    f"{file} does not exist. Name the PEM files of your certificate and its key."
                )
        if self.certificate is not None and self.key is not None:
            fits(self.certificate, self.key)
        if self.name is not None and not set(self.name) <= set(NAME_SIGNS):
            raise SettingsError(
                f"`--name` is {self.name!r}; give a host's name alone, such as rank.example.org."
            )
        if not self.local and self.certificate is None and self.name is None:
            raise SettingsError(
                f"`--host {self.host}` would let others on the network read sessions and answers. Give --certificate "
                "and --key, or put a proxy that speaks TLS before it and give its --name, or leave --host out."
            )

    def origin(self, port: int) -> str:
        """The address that people open."""
        if self.certificate is not None:
            named = self.name or self.host
            return f"https://{named}" if port == 443 else f"https://{named}:{port}"
        if self.name is not None:
            return f"https://{self.name}"
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{port}"


def fits(certificate: Path, key: Path) -> None:
    """Refuse a certificate that nobody could be served with, before anybody is told an address."""
    for file in (certificate, key):
        with storing(file):
            file.read_bytes()

    def locked() -> str:
        raise SettingsError(f"{key} is locked by a password. Give a key without one, for nobody is asked.")

    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, locked)
    except ssl.SSLError as error:
        raise SettingsError(
            f"{certificate} and {key} cannot be used: {error.reason or error}. Give PEM files that belong together."
        ) from None


NAME_SIGNS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-"


class Server:
    """One store on one address: bound when made, so that the address is known before anybody is let in."""

    def __init__(self, store: Store, front: Front, runs: Path | None = None) -> None:
        front.check()
        self.store, self.front = store, front
        self.socket = listen(front)
        self.origin = front.origin(self.socket.getsockname()[1])
        names = frozenset({hostname(front.host), *([front.name] if front.name else [])})
        config = uvicorn.Config(
            create_app(store, self.origin, names, runs=runs, ending=lambda: self.server.should_exit),
            log_config=None,
            access_log=False,
            server_header=False,
            lifespan="off",
            ws="none",
            proxy_headers=front.name is not None,
            forwarded_allow_ips="127.0.0.1,::1",
            limit_concurrency=MOST_AT_ONCE,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=GRACE,
            ssl_certfile=front.certificate,
            ssl_keyfile=front.key,
        )
        self.server = uvicorn.Server(config)

    def run(self, done: Callable[[], bool] | None = None) -> None:
        """Answer until stopped by a signal, or until there is nothing left to do."""
        quiet_log()
        finished = threading.Event()
        if done is not None:
            threading.Thread(target=self.watch, args=(done, finished), daemon=True).start()
        try:
            self.server.run(sockets=[self.socket])
        finally:
            finished.set()
            self.socket.close()

    def watch(self, done: Callable[[], bool], finished: threading.Event) -> None:
        """Stop the server as soon as there is nothing left to do."""
        while not finished.wait(PAUSE):
            if done():
                finished.wait(LINGER)
                self.server.should_exit = True
                return

    def way_in(self, always: bool) -> str | None:
        """A link for the owner: at the first start, and later if it is asked for."""
        with self.store.writing() as session:
            owner = session.query(Person).filter(Person.role == "admin", Person.disabled.is_(None))
            person = owner.order_by(Person.id).first()
            if person is not None and not always:
                return None
            person = person or people.add(session, OWNER, "admin")
            return people.link(session, person, self.origin).link


def listen(front: Front) -> socket.socket:
    """A socket on the port that was asked for, or on the first free one of the usual."""
    wanted = [front.port] if front.port is not None else [*range(PORT, PORT + TRIED)]
    family = socket.AF_INET6 if ":" in front.host else socket.AF_INET
    for port in wanted:
        try:
            return socket.create_server((front.host, port), family=family, backlog=256)
        except OSError as error:
            reason = error
    raise StoreError(f"{front.host}, port {wanted[0]}: {refusal(reason)}")


def refusal(error: OSError) -> str:
    """Why there is no listening, and what to do."""
    if error.errno in (errno.EADDRINUSE, errno.EACCES):
        return f"{os.strerror(error.errno)}. Give another --port, or --port 0 for any."
    words = (error.strerror or "").partition(" (")[0]
    return f"{words}. Give --host an address of this machine."


def quiet_log() -> None:
    """Warnings and errors to standard error, without secrets."""
    logging.getLogger("asyncio").setLevel(logging.ERROR)  # it would warn of every browser that left
    for name in ("concord.web", "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.setLevel(logging.WARNING)
        logger.propagate = False
        if not logger.handlers:
            sink = logging.StreamHandler(sys.stderr)
            sink.setFormatter(Discreet("%(asctime)s %(levelname)s %(message)s"))
            logger.addHandler(sink)
