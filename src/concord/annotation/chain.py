"""The chain of judgements: each holds the hash of the one before, so that none can be changed unnoticed."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from concord.annotation import clock, told
from concord.annotation.tables import Content, Judgement, Project, Prompt, Task

PORTION = 1_000


def canonical(value: Any) -> str:
    """The one way to write a value as JSON."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))


def sha256(text: str) -> str:
    """The sha256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


def link(row: Judgement) -> str:
    """The hash of a judgement: of all that its row says, with the digest of its content and the hash before."""
    told = [row.previous, row.project_id, row.number, row.task_id, row.person_id, row.showing, row.kind]
    return sha256(canonical([*told, row.revision, row.revises, row.key, row.asked, row.made, row.digest]))


def wait(session: Session, project: Project) -> None:
    """Wait for the end of whoever else appends to a project's chain; they wait for the end of this."""
    session.flush()
    session.refresh(project, with_for_update={"key_share": True})


def append(session: Session, project: Project, row: Judgement, content: Any) -> Judgement:
    """Put a judgement at the end of its project's chain."""
    wait(session, project)
    body = canonical(content)
    row.number, row.previous = project.length + 1, project.head
    row.made, row.digest = clock.now(), sha256(body)
    row.hash = link(row)
    project.length, project.head = row.number, row.hash
    session.add(row)
    session.flush()
    session.add(Content(judgement_id=row.id, body=body))
    session.flush()
    return row


def verify(session: Session, project: Project) -> told.Verified:
    """Go through the chain from its first link and name the first that is not as it was written."""
    number, head = 0, ""
    for row, body, erased in links(session, project):
        flaw = wrong(row, body, erased, number, head)
        if flaw:
            return told.Verified(judgements=number, head=head, flaw=flaw)
        number, head = row.number, row.hash
    if (number, head) != (project.length, project.head):
        flaw = f"judgement {number + 1} is missing: the chain ends at {number} of {project.length}"
        return told.Verified(judgements=number, head=head, flaw=flaw)
    return told.Verified(judgements=number, head=head, flaw=None)


def links(session: Session, project: Project) -> Iterator[tuple[Judgement, str | None, bool]]:
    """Every judgement in the order of the chain, with what it says and whether its prompt was erased."""
    rows = (
        select(Judgement, Content.body, Prompt.erased)
        .join(Content, Content.judgement_id == Judgement.id, isouter=True)
        .join(Task, Task.id == Judgement.task_id)
        .join(Prompt, Prompt.id == Task.prompt_id)
        .where(Judgement.project_id == project.id)
        .order_by(Judgement.number)
        .limit(PORTION)
    )
    last = -1
    while portion := session.execute(rows.where(Judgement.number > last)).all():
        for row, body, erased in portion:
            yield row, body, erased is not None
        last = portion[-1][0].number


def wrong(row: Judgement, body: str | None, erased: bool, number: int, head: str) -> str | None:
    """What about a link is not as it was written, if anything."""
    name = f"judgement {row.number} of the project (row {row.id})"
    if row.number != number + 1:
        return f"judgement {number + 1} of the project is missing: {row.number} follows {number}"
    if row.previous != head:
        return f"{name} does not follow the one before it"
    if link(row) != row.hash:
        return f"{name} was changed: its hash is not that of its row"
    if body is None and not erased:
        return f"{name} has lost what it said, though its prompt was never erased"
    if body is not None and sha256(body) != row.digest:
        return f"{name} was changed: what it says has another digest"
    return None
