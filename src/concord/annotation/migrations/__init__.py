"""The tables' history: a database is brought up to date step by step, and never back."""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

from concord.annotation.tables import Table
from concord.errors import StoreError
from concord.runs.lock import lock

HERE = Path(__file__).parent
WAIT = 60.0
ONE_AT_A_TIME = 7_266_376
"""The number of PostgreSQL's advisory lock for migrations."""


def bring_up_to_date(engine: Engine, name: str, may_change: bool, steps: Path = HERE) -> None:
    """Make the tables, or carry out the steps that a database lacks; a copy is kept of what was there before."""
    script = ScriptDirectory.from_config(config(steps))
    head = script.get_current_head()
    with alone(engine), engine.connect() as connection:
        found = MigrationContext.configure(connection).get_current_revision()
        connection.rollback()
        if found == head:
            return
        if found is not None:
            refuse_newer(script, found, name)
            keep_copy(engine, found, name, may_change)
        with connection.begin():
            if engine.dialect.name == "postgresql":
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({ONE_AT_A_TIME})")
                if MigrationContext.configure(connection).get_current_revision() == head:
                    return
            carry_out(connection, script, str(head))


def config(steps: Path) -> Config:
    """Where the steps lie."""
    found = Config()
    found.set_main_option("script_location", str(steps).replace("%", "%%"))
    found.set_main_option("path_separator", "os")
    return found


def carry_out(connection: Connection, script: ScriptDirectory, head: str) -> None:
    """All steps up to one, in the transaction that is open: all of them are taken, or none."""

    def steps(revision: Any, _: MigrationContext) -> Any:
        return script._upgrade_revs(head, revision)

    with EnvironmentContext(config(Path(script.dir)), script, fn=steps) as environment:
        environment.configure(
            connection=connection,
            target_metadata=Table.metadata,
            transactional_ddl=True,
            render_as_batch=connection.dialect.name == "sqlite",
        )
        environment.run_migrations()


def refuse_newer(script: ScriptDirectory, found: str, name: str) -> None:
    """A database that a newer Concord made would be damaged by an older one."""
    if found not in {step.revision for step in script.walk_revisions()}:
        raise StoreError(
            f"{name} was made by a newer Concord (its tables are at {found}), and there is no way back. "
            "Install that version, or open a copy that was made before."
        )


def keep_copy(engine: Engine, found: str, name: str, may_change: bool) -> None:
    """Before tables change, everything is copied: a file by SQLite itself, a server's database by its owner."""
    if engine.dialect.name != "sqlite":
        if not may_change:
            raise StoreError(
                f"{name} has tables of an older Concord ({found}). Make a copy with pg_dump first, "
                "then give `concord web --migrate` once."
            )
        return
    file = Path(str(engine.url.database))
    copy = file.with_name(f"{file.stem}-before-{found}{file.suffix}")
    with contextlib.closing(sqlite3.connect(file)) as old, contextlib.closing(sqlite3.connect(copy)) as new:
        old.backup(new)


@contextlib.contextmanager
def alone(engine: Engine) -> Iterator[None]:
    """Nobody else makes or changes the tables of a file meanwhile."""
    if engine.dialect.name != "sqlite":
        yield
        return
    with lock(Path(f"{engine.url.database}.lock"), wait=WAIT):
        yield
