"""The first tables, and the guards that keep judgements and guidelines as they were written."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make everything."""
    people()
    projects()
    material()
    showings()
    judgements()
    guards()


def column(name: str, kind: Any = WHOLE, key: bool = False, empty: bool = False) -> sa.Column[Any]:
    """A column."""
    return sa.Column(name, kind, primary_key=key, nullable=empty, autoincrement=False)


def number() -> sa.Column[Any]:
    """A key that the database counts up."""
    return sa.Column("id", WHOLE, primary_key=True, nullable=False, autoincrement=True)


def of(name: str, table: str, key: bool = False, empty: bool = False, to: str = "id") -> sa.Column[Any]:
    """A reference to another table."""
    kind = sa.Text() if to == "handle" else WHOLE
    reference = sa.ForeignKey(f"{table}.{to}", name=f"fk_%s_{name}_{table}")
    return sa.Column(name, kind, reference, primary_key=key, nullable=empty, autoincrement=False)


def make(table: str, *parts: Any) -> None:
    """A table with its constraints named after it."""
    keys = []
    for part in parts:
        if isinstance(part, sa.Column):
            for reference in part.foreign_keys:
                reference.name = str(reference.name) % table
            keys += [part.name] if part.primary_key else []
    op.create_table(table, *parts, sa.PrimaryKeyConstraint(*keys, name=f"pk_{table}"))


def unique(table: str, *columns: str) -> sa.UniqueConstraint:
    """No two rows have the same values there."""
    return sa.UniqueConstraint(*columns, name=f"uq_{table}_{'_'.join(columns)}")


def index(table: str, *columns: str) -> None:
    """Rows are found by these values."""
    op.create_index(f"ix_{table}_{'_'.join(columns)}", table, list(columns))


def people() -> None:
    """Who may come in, and by what."""
    text = sa.Text()
    make("person", number(), column("name", text), column("role", text), column("made"),
         column("disabled", empty=True), column("seen", empty=True))  # fmt: skip
    make("visit", column("digest", text, key=True), of("person_id", "person"), column("made"), column("seen"),
         column("ended", empty=True))  # fmt: skip
    make("link", column("digest", text, key=True), of("person_id", "person"), column("made"),
         column("expires"), column("used", empty=True))  # fmt: skip
    make("token", number(), column("digest", text), of("person_id", "person"), column("name", text),
         column("role", text), column("made"), column("used", empty=True), column("revoked", empty=True),
         unique("token", "digest"))  # fmt: skip
    for table in ("visit", "link", "token"):
        index(table, "person_id")


def projects() -> None:
    """Queues, their guidelines, and who takes part."""
    text, flag, share = sa.Text(), sa.Boolean(), sa.Float()
    make("project", number(), column("slug", text), column("title", text), column("overlap"),
         column("mode", text), column("aspects", sa.JSON()), column("partial_allowed", flag),
         column("difference", flag), column("gold_share", share), column("repeat_share", share),
         column("attention_share", share), column("lease_minutes"), column("salt", text), column("made"),
         column("run", text, empty=True), column("length"), column("head", text),
         unique("project", "slug"))  # fmt: skip
    make("member", of("person_id", "person", key=True), of("project_id", "project", key=True))
    make("guideline", of("project_id", "project", key=True), column("version", key=True), column("text", text),
         column("must_acknowledge", flag), column("made"), of("person_id", "person"))  # fmt: skip
    make("confirmed", of("project_id", "project", key=True), of("person_id", "person", key=True),
         column("version", key=True), column("made"))  # fmt: skip
    make("used", number(), of("project_id", "project"), column("folder", text), column("length"),
         column("head", text), column("made"))  # fmt: skip
    index("used", "project_id")


def material() -> None:
    """Prompts, tasks and candidates."""
    text, values = sa.Text(), sa.JSON()
    make("prompt", number(), of("project_id", "project"), column("name", text), column("messages", values),
         column("tags", values), column("erased", empty=True), column("reason", text, empty=True),
         of("erased_by", "person", empty=True), unique("prompt", "project_id", "name"))  # fmt: skip
    make("task", number(), of("project_id", "project"), of("prompt_id", "prompt"), column("kind", text),
         column("content", text), column("certain", values), of("origin_id", "task", empty=True),
         unique("task", "project_id", "kind", "content"))  # fmt: skip
    index("task", "prompt_id")
    make("candidate", of("task_id", "task", key=True), column("position", key=True), column("text", text),
         column("completions", values))  # fmt: skip


def showings() -> None:
    """Who meets which task, and the room for their judgements."""
    text, flag = sa.Text(), sa.Boolean()
    make("showing", column("handle", text, key=True), of("project_id", "project"), of("task_id", "task"),
         of("person_id", "person"), column("kind", text), column("occasion"), column("lease", text, empty=True),
         column("expires"), column("judged", flag), unique("showing", "person_id", "task_id", "occasion"),
         unique("showing", "lease"))  # fmt: skip
    index("showing", "task_id")
    make("place", number(), of("project_id", "project"), of("task_id", "task"), column("number"),
         of("showing", "showing", empty=True, to="handle"), column("until"), column("filled", flag),
         column("conflict", sa.Float()), column("priority", sa.Float()), unique("place", "task_id", "number"),
         unique("place", "showing"))  # fmt: skip
    order = ["project_id", "filled", "number", "conflict", "priority", "task_id"]
    op.create_index("ix_place_queue", "place", order)


def judgements() -> None:
    """The chain, and what its links say."""
    text = sa.Text()
    make("judgement", number(), of("project_id", "project"), column("number"), of("task_id", "task"),
         of("person_id", "person"), of("showing", "showing", empty=True, to="handle"), column("kind", text),
         column("revision"), of("revises", "judgement", empty=True), column("key", text), column("asked", text),
         column("made"), column("digest", text), column("previous", text), column("hash", text),
         unique("judgement", "project_id", "number"), unique("judgement", "person_id", "key"),
         unique("judgement", "showing", "revision"))  # fmt: skip
    index("judgement", "task_id", "person_id")
    index("judgement", "person_id", "project_id", "made")
    make("content", of("judgement_id", "judgement", key=True), column("body", text))


ERASED = (
    "EXISTS (SELECT 1 FROM judgement JOIN task ON task.id = judgement.task_id "
    "JOIN prompt ON prompt.id = task.prompt_id WHERE judgement.id = OLD.judgement_id AND prompt.erased IS NOT NULL)"
)
"""The one reason for which what a judgement says may be deleted."""


def guards() -> None:
    """The database itself refuses to change or delete what was said."""
    guard("judgement", "UPDATE", "judgements are never changed")
    guard("judgement", "DELETE", "judgements are never deleted")
    guard("content", "UPDATE", "what was said is never changed")
    guard("content", "DELETE", "what was said is deleted only with its prompt", unless=ERASED)
    guard("guideline", "UPDATE", "guidelines are never changed")
    guard("guideline", "DELETE", "guidelines are never deleted")


def guard(table: str, deed: str, words: str, unless: str = "") -> None:
    """One deed on one table is refused."""
    name = f"{table}_{deed.lower()}"
    if op.get_bind().dialect.name == "sqlite":
        when = f"WHEN NOT {unless} " if unless else ""
        op.execute(
            f"CREATE TRIGGER {name} BEFORE {deed} ON {table} {when}BEGIN SELECT RAISE(ABORT, '{words}'); END"
        )
        return
    refusal = f"RAISE EXCEPTION '{words}';"
    check = f"IF NOT {unless} THEN {refusal} END IF; RETURN OLD;" if unless else refusal
    op.execute(f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {check} END $$")
    op.execute(f"CREATE TRIGGER {name} BEFORE {deed} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()")
    if deed == "DELETE" and not unless:
        op.execute(f"CREATE TRIGGER {table}_truncate BEFORE TRUNCATE ON {table} EXECUTE FUNCTION {name}()")
