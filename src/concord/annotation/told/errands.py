"""What an admin is told."""

from typing import Literal

from concord.annotation.values import Closed, Role, When
from concord.formats import Container


class Person(Closed):
    """Somebody with a way in."""

    id: int
    """A number that stays."""
    name: str
    """As it was given."""
    role: Role
    """What they may do."""
    projects: list[str]
    """Where they may do it."""
    disabled: bool
    """Whether their way in is closed."""
    seen: When | None
    """When they last asked for anything."""
    judgements: int
    """Revisions that they stored."""


class People(Closed):
    """Everybody."""

    people: list[Person]
    """By name."""


class Link(Closed):
    """A way in, once."""

    person: int
    """Whose."""
    link: str
    """The address to open; it is told only now."""
    expires: When
    """Until when it serves."""


class TokenLine(Closed):
    """A key for scripts, without its secret."""

    id: int
    """Its number."""
    name: str
    """What it is for."""
    person: int
    """Who the script acts as."""
    role: Role
    """The most that it may do."""
    at: When
    """When it was made."""
    used: When | None
    """When it last served."""


class Tokens(Closed):
    """All keys for scripts that still serve."""

    tokens: list[TokenLine]
    """The newest first."""


class Token(Closed):
    """A new key for scripts."""

    id: int
    """Its number."""
    token: str
    """The secret; it is told only now."""


class Imported(Closed):
    """What became of the rows."""

    rows: int
    """Read."""
    tasks: int
    """New tasks."""
    left_out: list[str]
    """What was not taken, and why: rows in = stored and left out."""
    warnings: list[str]
    """What was odd."""


class Written(Closed):
    """A format that an export may have."""

    name: str
    """As the documentation calls it."""
    kind: Literal["rankings", "demonstrations", "ratings"]
    """What of the things that people said is written in it."""
    keys: list[str]
    """What its rows hold."""


class Exports(Closed):
    """What an export may be written in."""

    formats: list[Written]
    """By what is written in them."""
    containers: list[Container]
    """What such rows may be packed in."""


class Weighed(Closed):
    """What a file would hold, and what it would not."""

    records: int
    """What people said."""
    rows: int
    """What it becomes."""
    losses: list[str]
    """What the format cannot carry, and how much of it there is: a sentence each."""


class Erased(Closed):
    """A prompt is forgotten; a tombstone stays."""

    tasks: int
    """Tasks that were emptied."""
    judgements: int
    """Judgements whose content was deleted."""
    runs: list[str]
    """Folders of runs that used it: delete or redo them too."""


class Verified(Closed):
    """Whether the history is as it was written."""

    judgements: int
    """Rows that were verified."""
    head: str
    """The hash of the last one: write it down elsewhere to notice a history that was written anew."""
    flaw: str | None
    """The first row that was changed, and what about it; none if none was."""
