"""The tables of the store. Times are milliseconds since 1970 UTC; nothing is aggregated, nothing overwritten.

A *task* is a prompt and its candidates. It has as many *places* as judgements it needs: one is free, held until
a time, or filled, so that its judgements can never be more. A *showing* is one person's meeting with one task.
A *judgement* is one revision of one answer; what it says lies beside it, for erasure must be able to take that
and leave the row.
"""

from typing import Any

from sqlalchemy import JSON, BigInteger, Boolean, Float, ForeignKey, Index, Integer, MetaData, Text
from sqlalchemy import UniqueConstraint as Unique
from sqlalchemy.orm import DeclarativeBase, Mapped, MappedAsDataclass, mapped_column

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
WHOLE = BigInteger().with_variant(Integer(), "sqlite")
"""SQLite numbers its rows by itself only if their key is an INTEGER, which there has 8 bytes anyway."""


class Table(MappedAsDataclass, DeclarativeBase):
    """What all tables share: the names of their constraints and the kinds of their columns."""

    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map = {int: WHOLE, str: Text(), float: Float(), bool: Boolean(), list[Any]: JSON()}  # noqa: RUF012


def own_id() -> Any:
    """A number that the database gives."""
    return mapped_column(primary_key=True, autoincrement=True, init=False)


def of(table: str, key: str = "id", **how: Any) -> Any:
    """A row of another table."""
    return mapped_column(ForeignKey(f"{table}.{key}"), **how)


class Person(Table, kw_only=True):
    """Somebody with a way in."""

    __tablename__ = "person"

    id: Mapped[int] = own_id()
    name: Mapped[str]
    role: Mapped[str]
    made: Mapped[int]
    disabled: Mapped[int | None] = mapped_column(default=None)
    seen: Mapped[int | None] = mapped_column(default=None)


class Member(Table, kw_only=True):
    """Who takes part in which project."""

    __tablename__ = "member"

    person_id: Mapped[int] = of("person", primary_key=True)
    project_id: Mapped[int] = of("project", primary_key=True)


class Visit(Table, kw_only=True):
    """A session: a browser that came in by a link."""

    __tablename__ = "visit"

    digest: Mapped[str] = mapped_column(primary_key=True)
    person_id: Mapped[int] = of("person", index=True)
    made: Mapped[int]
    seen: Mapped[int]
    ended: Mapped[int | None] = mapped_column(default=None)


class Link(Table, kw_only=True):
    """A way in, once."""

    __tablename__ = "link"

    digest: Mapped[str] = mapped_column(primary_key=True)
    person_id: Mapped[int] = of("person", index=True)
    made: Mapped[int]
    expires: Mapped[int]
    used: Mapped[int | None] = mapped_column(default=None)


class Token(Table, kw_only=True):
    """A key for scripts; only its hash is kept."""

    __tablename__ = "token"

    id: Mapped[int] = own_id()
    digest: Mapped[str] = mapped_column(unique=True)
    person_id: Mapped[int] = of("person", index=True)
    name: Mapped[str]
    role: Mapped[str]
    made: Mapped[int]
    used: Mapped[int | None] = mapped_column(default=None)
    revoked: Mapped[int | None] = mapped_column(default=None)


class Project(Table, kw_only=True):
    """A queue of tasks and how they are handed out."""

    __tablename__ = "project"

    id: Mapped[int] = own_id()
    slug: Mapped[str] = mapped_column(unique=True)
    title: Mapped[str]
    overlap: Mapped[int]
    mode: Mapped[str]
    aspects: Mapped[list[Any]]
    partial_allowed: Mapped[bool]
    difference: Mapped[bool]
    gold_share: Mapped[float]
    repeat_share: Mapped[float]
    attention_share: Mapped[float]
    lease_minutes: Mapped[int]
    salt: Mapped[str]
    """What candidates' ids and orders are derived with, so that nobody outside can guess either."""
    made: Mapped[int]
    run: Mapped[str | None] = mapped_column(default=None)
    """The folder of the run that the tasks came from."""
    length: Mapped[int] = mapped_column(default=0)
    """Judgements in the chain."""
    head: Mapped[str] = mapped_column(default="")
    """The hash of the last of them."""


class Guideline(Table, kw_only=True):
    """One version of what people are told to look for."""

    __tablename__ = "guideline"

    project_id: Mapped[int] = of("project", primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    text: Mapped[str]
    must_acknowledge: Mapped[bool]
    made: Mapped[int]
    person_id: Mapped[int] = of("person")


class Confirmed(Table, kw_only=True):
    """Who has read which version."""

    __tablename__ = "confirmed"

    project_id: Mapped[int] = of("project", primary_key=True)
    person_id: Mapped[int] = of("person", primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    made: Mapped[int]


class Prompt(Table, kw_only=True):
    """What was asked; erased, only its name and a tombstone are left."""

    __tablename__ = "prompt"
    __table_args__ = (Unique("project_id", "name"),)

    id: Mapped[int] = own_id()
    project_id: Mapped[int] = of("project")
    name: Mapped[str]
    messages: Mapped[list[Any]]
    tags: Mapped[list[Any]]
    erased: Mapped[int | None] = mapped_column(default=None)
    reason: Mapped[str | None] = mapped_column(default=None)
    erased_by: Mapped[int | None] = of("person", default=None)


class Used(Table, kw_only=True):
    """A run's folder that took the rankings of a project, and how many judgements there were then."""

    __tablename__ = "used"

    id: Mapped[int] = own_id()
    project_id: Mapped[int] = of("project", index=True)
    folder: Mapped[str]
    length: Mapped[int]
    head: Mapped[str]
    made: Mapped[int]


class Task(Table, kw_only=True):
    """A prompt and its candidates, to be ordered."""

    __tablename__ = "task"
    __table_args__ = (Unique("project_id", "kind", "content"),)

    id: Mapped[int] = own_id()
    project_id: Mapped[int] = of("project")
    prompt_id: Mapped[int] = of("prompt", index=True)
    kind: Mapped[str]
    """"work", "gold" or "attention"."""
    content: Mapped[str]
    """A digest of prompt and candidates: the same task is never stored twice."""
    certain: Mapped[list[Any]] = mapped_column(default_factory=list)
    """Pairs of positions, better before worse, that are known to be right; of gold tasks and checks of attention."""
    origin_id: Mapped[int | None] = of("task", default=None)
    """The task that a check of attention was made from."""


class Candidate(Table, kw_only=True):
    """One text to be ordered, and every completion that has it."""

    __tablename__ = "candidate"

    task_id: Mapped[int] = of("task", primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    text: Mapped[str]
    completions: Mapped[list[Any]]
    """Rows of completions with this very text; mostly one."""


class Showing(Table, kw_only=True):
    """One person's meeting with one task; its handle is all that their page knows of the task."""

    __tablename__ = "showing"
    __table_args__ = (Unique("person_id", "task_id", "occasion"),)

    handle: Mapped[str] = mapped_column(primary_key=True)
    project_id: Mapped[int] = of("project")
    task_id: Mapped[int] = of("task", index=True)
    person_id: Mapped[int] = of("person")
    kind: Mapped[str]
    """"work", "gold", "attention" or "repeat"."""
    occasion: Mapped[int] = mapped_column(default=0)
    """0 for the first time, 1 for the first repeat."""
    lease: Mapped[str | None] = mapped_column(default=None, unique=True)
    expires: Mapped[int] = mapped_column(default=0)
    judged: Mapped[bool] = mapped_column(default=False)


class Place(Table, kw_only=True):
    """Room for one judgement of one task."""

    __tablename__ = "place"
    __table_args__ = (
        Unique("task_id", "number"),
        Index("ix_place_queue", "project_id", "filled", "number", "conflict", "priority", "task_id"),
    )

    id: Mapped[int] = own_id()
    project_id: Mapped[int] = of("project")
    task_id: Mapped[int] = of("task")
    number: Mapped[int]
    """From 0 up: the lower ones are given out first, so that every task has one judgement before any has two."""
    showing: Mapped[str | None] = of("showing", "handle", default=None, unique=True)
    until: Mapped[int] = mapped_column(default=0)
    """When the hold on it ends."""
    filled: Mapped[bool] = mapped_column(default=False)
    conflict: Mapped[float] = mapped_column(default=0.0)
    """Minus the share of contradictions among the task's judgements: a hint for the order alone, never exported."""
    priority: Mapped[float] = mapped_column(default=0.0)
    """Minus the number that somebody gave the task."""


class Judgement(Table, kw_only=True):
    """One revision of one answer: a link of the project's chain, never changed and never deleted."""

    __tablename__ = "judgement"
    __table_args__ = (
        Unique("project_id", "number"),
        Unique("person_id", "key"),
        Unique("showing", "revision"),
        Index(None, "task_id", "person_id"),
        Index(None, "person_id", "project_id", "made"),
    )

    id: Mapped[int] = own_id()
    project_id: Mapped[int] = of("project")
    number: Mapped[int]
    """Its place in the chain, from 1 up."""
    task_id: Mapped[int] = of("task")
    person_id: Mapped[int] = of("person")
    showing: Mapped[str | None] = of("showing", "handle")
    """None for an adjudication."""
    kind: Mapped[str]
    """"work", "gold", "attention", "repeat" or "adjudication"."""
    revision: Mapped[int]
    revises: Mapped[int | None] = of("judgement")
    key: Mapped[str]
    asked: Mapped[str]
    """A digest of the request, by which a replay is told from another request with the same key."""
    made: Mapped[int]
    digest: Mapped[str]
    """Of what it says."""
    previous: Mapped[str]
    hash: Mapped[str]


class Content(Table, kw_only=True):
    """What a judgement says, as canonical JSON with positions of candidates; erasure alone deletes it."""

    __tablename__ = "content"

    judgement_id: Mapped[int] = of("judgement", primary_key=True, autoincrement=False)
    body: Mapped[str]
