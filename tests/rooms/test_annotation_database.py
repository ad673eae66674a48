"""The database behind the store: its tables, its history, and what happens when it does not answer."""

import contextlib
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine, inspect

from concord.annotation import migrations, store
from concord.annotation.address import parsed, place_of, shown, without_secret
from concord.annotation.faults import Busy
from concord.annotation.store import Store
from concord.annotation.tables import Table
from concord.errors import SettingsError, StoreError


def test_the_tables_are_those_of_the_models_and_a_second_start_changes_nothing(place: str) -> None:
    if "://" not in place:
        shutil.rmtree(place)  # from nothing
    for _ in range(2):
        with contextlib.closing(Store.open(place)) as made, made.engine.connect() as connection:
            assert compare_metadata(MigrationContext.configure(connection), Table.metadata) == []
            names = set(inspect(connection).get_table_names())
            assert names == {*Table.metadata.tables, "alembic_version"}
            if made.sqlite:
                facts = [
                    connection.exec_driver_sql(f"PRAGMA {name}").scalar()
                    for name in ("journal_mode", "synchronous", "foreign_keys")
                ]
                assert facts == ["wal", 2, 1]  # 2 is FULL: the disk has it before anybody is told so


def next_steps(folder: Path, broken: bool = False) -> Path:
    """The steps of a Concord to come, which has one more."""
    (folder / "versions").mkdir(parents=True)
    first = Path(migrations.__file__).with_name("versions") / "first.py"
    (folder / "versions" / "first.py").write_text(first.read_text(encoding="utf-8"), encoding="utf-8")
    (folder / "versions" / "second.py").write_text(
        "import sqlalchemy as sa\nfrom alembic import op\nrevision, down_revision = '0002', '0001'\n"
        "branch_labels = depends_on = None\ndef upgrade():\n    with op.batch_alter_table('person') as table:\n"
        "        table.add_column(sa.Column('note', sa.Text(), nullable=True))\n"
        + ("    1 / 0\n" if broken else ""),
        encoding="utf-8",
    )
    return folder


def test_an_older_store_is_copied_and_brought_up_to_date_and_never_back(place: str, tmp_path: Path) -> None:
    made = Store.open(place)
    writer = made.engine.execution_options(writes=True)
    steps = next_steps(tmp_path / "steps")
    if not made.sqlite:
        with pytest.raises(StoreError, match="pg_dump first"):
            migrations.bring_up_to_date(writer, made.name, False, steps)
    with pytest.raises(ZeroDivisionError):
        migrations.bring_up_to_date(writer, made.name, True, next_steps(tmp_path / "broken", broken=True))
    assert "note" not in {column["name"] for column in inspect(made.engine).get_columns("person")}
    migrations.bring_up_to_date(writer, made.name, True, steps)
    assert "note" in {column["name"] for column in inspect(made.engine).get_columns("person")}
    if made.sqlite:
        copy = create_engine(f"sqlite:///{place}/store-before-0001.sqlite")
        assert "note" not in {column["name"] for column in inspect(copy).get_columns("person")}
        copy.dispose()
    try:
        with pytest.raises(StoreError, match="newer Concord"):
            Store.open(place)
    finally:
        with made.engine.begin() as connection:  # the server's database serves other tests too
            if not made.sqlite:
                connection.exec_driver_sql("ALTER TABLE person DROP COLUMN note")
                connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0001'")
        made.close()


def test_a_database_that_is_locked_for_long_answers_503_and_loses_nothing(
    light: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    light.project(tasks=1)
    ada = light.guest("ada", projects=("one",))
    body = ada.body(ada.take()[0])
    monkeypatch.setattr(store, "PATIENCE", 0.05)
    light.store.engine.dispose()
    with contextlib.closing(sqlite3.connect(light.store.name, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        reply = ada.client.post("/api/v1/projects/one/judgements", headers=ada.credentials, json=body)
        assert (
            reply.status_code == 503
            and reply.headers["retry-after"] == "2"
            and reply.json()["error"]["code"] == "busy"
        )
        other.execute("ROLLBACK")
    assert ada.post("/projects/one/judgements", body)["judgement"] == 1


def test_who_waits_for_another_writer_is_told_to_come_back(
    light: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "PATIENCE", 0.01)
    with light.store.writing(), pytest.raises(Busy), light.store.writing():
        pass


def test_a_password_stands_on_no_command_line_and_in_no_recipe(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match="CONCORD_STORE") as error:
        without_secret("postgresql://me:hush@host/db")
    assert "hush" not in str(error.value)
    for name in ("password", "sslpassword"):
        place = f"postgresql://me@host/db?{name}=hush&sslmode=require"
        with pytest.raises(SettingsError, match="CONCORD_STORE"):
            without_secret(place)
        assert shown(parsed(place)) == "postgresql://me@host/db?sslmode=require"
    monkeypatch.setenv("CONCORD_STORE", "postgresql://me:hush@host/db")
    assert place_of(None, "people") == "postgresql://me:hush@host/db" and place_of("x", "people") == "x"
    with pytest.raises(SettingsError, match="mysql"):
        Store.open("mysql://host/db")


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "store.sqlite").write_bytes(b"no database at all, but long enough to look like one" * 40)
    with pytest.raises(StoreError, match=r"not a database|damaged"):
        Store.open(str(tmp_path))
