"""The store: one database, read and written in whole transactions; what is acknowledged is on the disk."""

import logging
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Self

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnection
from sqlalchemy.orm import Session

from concord.annotation.address import shown, url_of
from concord.annotation.faults import Busy
from concord.annotation.migrations import bring_up_to_date
from concord.errors import StoreError

PATIENCE = 5.0
"""Seconds that a request waits for its turn; a page that is told to come back loses nothing."""
LONG = 1.0
"""Seconds after which a writer is named in the log: whoever else waits is only its victim."""
log = logging.getLogger("concord.web")


class Store:
    """A database that holds projects, people and judgements."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.name = shown(engine.url)
        self.sqlite = engine.dialect.name == "sqlite"
        self._writer = engine.execution_options(writes=True)
        self._turn = threading.Lock()

    @classmethod
    def open(cls, place: str, migrate: bool = False) -> Self:
        """The store in a folder or behind a URL, made or brought up to date."""
        url = url_of(place)
        lite = url.get_backend_name() == "sqlite"
        engine = create_engine(url, hide_parameters=True, **(for_sqlite() if lite else for_postgresql()))
        if lite:
            event.listen(engine, "connect", settle)
            event.listen(engine, "begin", begin)
        store = cls(engine)
        try:
            with store.watched(opening=True):
                bring_up_to_date(engine.execution_options(writes=True), store.name, migrate)
        except BaseException:
            engine.dispose()
            raise
        return store

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """One unchanging view of all that is stored."""
        with self.watched(), Session(self.engine, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def writing(self, what: str = "") -> Iterator[Session]:
        """All that is done inside is stored, on the disk, when this ends well; otherwise nothing is."""
        with self.watched(), self._my_turn(), Session(self._writer, expire_on_commit=False) as session:
            began = time.monotonic()
            try:
                with session.begin():
                    yield session
            finally:
                took = time.monotonic() - began
                if took > LONG:
                    log.warning("a write took %.1f s: %s", took, what or "by the server itself")

    @contextmanager
    def _my_turn(self) -> Iterator[None]:
        # SQLite has one writer at a time. Who waits here is served in a fair order; who waits inside SQLite polls.
        if not self.sqlite:
            yield
            return
        if not self._turn.acquire(timeout=PATIENCE):
            raise Busy(f"{self.name} has been written to for more than {PATIENCE:.0f} s. Ask again.")
        try:
            yield
        finally:
            self._turn.release()

    @contextmanager
    def watched(self, opening: bool = False) -> Iterator[None]:
        """Whatever the database does not do now is told as something to come back for."""
        try:
            yield
        except NoConnection:
            raise Busy(f"{self.name}: all connections are taken. Ask again.") from None
        except DBAPIError as error:
            if type(error.orig) is sqlite3.DatabaseError:  # and none of its kin, which tell other things
                raise StoreError(
                    f"{self.name} is damaged or no database: {error.orig}. Restore it from a copy."
                ) from error
            reason = told(error)
            if reason is None:
                raise
            if opening:
                look = "Look whether it is there, lets you in, and nobody else holds it."
                raise StoreError(f"{self.name} cannot be opened: {reason}. {look}") from error
            log.error("%s: %s", self.name, reason)
            raise Busy(f"{self.name}: {reason}. Ask again; nothing that was acknowledged is lost.") from error

    def settle(self) -> None:
        """Bring everything into the one file: what was deleted is then in no other any more."""
        if self.sqlite:
            with suppress(DBAPIError), self.engine.connect().execution_options(quiet=True) as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Let go of the database."""
        self.settle()
        self.engine.dispose()


def told(error: DBAPIError) -> str | None:
    """Why the database refuses for now; None if the fault is ours."""
    if isinstance(error, IntegrityError):
        same = "UNIQUE" in str(error.orig) or getattr(error.orig, "sqlstate", "") == "23505"
        return "somebody else wrote the same at the same moment" if same else None
    if not isinstance(error, OperationalError) and not error.connection_invalidated:
        return None
    return str(error.orig).strip().partition("\n")[0]


def for_sqlite() -> dict[str, Any]:
    """How to connect to a file."""
    return {
        "connect_args": {"timeout": PATIENCE, "check_same_thread": False},
        "pool_size": 8,
        "max_overflow": 32,
        "pool_timeout": PATIENCE,
    }


def for_postgresql() -> dict[str, Any]:
    """How to connect to a server."""
    limits = (
        f"-c lock_timeout={PATIENCE:.0f}s -c statement_timeout=60s -c synchronous_commit=on -c timezone=UTC"
    )
    return {
        "connect_args": {"connect_timeout": int(PATIENCE), "options": limits},
        "pool_size": 8,
        "max_overflow": 32,
        "pool_timeout": PATIENCE,
        "pool_pre_ping": True,
    }


def settle(connection: Any, _: Any) -> None:
    """What every connection to a file begins with: durable, patient, and strict about references."""
    connection.isolation_level = None  # transactions begin where `begin` says, not where the driver guesses
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "secure_delete=ON",
        f"busy_timeout={PATIENCE * 1000:.0f}",
    ):
        connection.execute(f"PRAGMA {pragma}").close()


def begin(connection: Connection) -> None:
    """A writer takes its turn at once: one that began by reading could no longer be let in."""
    options = connection.get_execution_options()
    if not options.get("quiet"):
        connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("writes") else "BEGIN")
