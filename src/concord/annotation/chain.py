"""The chain of judgements: each holds the hash of the one before, so that none can be changed unnoticed."""

import json
import secrets
from collections.abc import Iterator
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from concord.annotation import clock, told
from concord.annotation.portions import PORTION
from concord.annotation.tables import Content, Judgement, Project, Prompt, Task
from concord.annotation.words import Words, canonical, read, sha256

SALT = 16
"""Bytes that make a digest of few words one that nobody can guess the words by, once they are erased."""


def link(row: Judgement) -> str:
    """The hash of a judgement: of all that its row says, with the digest of its content and the hash before."""
    told = [row.previous, row.project_id, row.number, row.task_id, row.person_id, row.showing, row.kind]
    return sha256(canonical([*told, row.revision, row.revises, row.key, row.asked, row.made, row.digest]))


def wait(session: Session, project: Project) -> None:
    """Wait for the end of whoever else appends to a project's chain; they wait for the end of this."""
    session.flush()
    session.refresh(project, with_for_update={"key_share": True})


def append(session: Session, project: Project, row: Judgement, content: dict[str, Any]) -> Judgement:
    """Put a judgement at the end of its project's chain, with a digest of the words that it is about."""
    wait(session, project)
    about = read(session, [row.task_id])[row.task_id].digest
    body = canonical({**content, "words": about, "salt": secrets.token_hex(SALT)})
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
    for row, body, words in links(session, project):
        flaw = wrong(row, body, words, number, head)
        if flaw:
            return told.Verified(judgements=number, head=head, flaw=flaw)
        number, head = row.number, row.hash
    if (number, head) != (project.length, project.head):
        flaw = f"judgement {number + 1} is missing: the chain ends at {number} of {project.length}"
        return told.Verified(judgements=number, head=head, flaw=flaw)
    return told.Verified(judgements=number, head=head, flaw=None)


def links(session: Session, project: Project) -> Iterator[tuple[Judgement, str | None, Words | None]]:
    """Every judgement in the order of the chain, with what it says and the words it is about; neither if erased."""
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
    words: dict[int, Words] = {}
    while portion := session.execute(rows.where(Judgement.number > last)).all():
        living = {row.task_id for row, body, erased in portion if erased is None or body is not None}
        words |= read(session, living - words.keys())
        for row, body, _ in portion:
            yield row, body, words.get(row.task_id)
        last = portion[-1][0].number


def wrong(row: Judgement, body: str | None, words: Words | None, number: int, head: str) -> str | None:
    """What about a link is not as it was written, if anything."""
    name = f"judgement {row.number} of the project (row {row.id})"
    if row.number != number + 1:
        return f"judgement {number + 1} of the project is missing: {row.number} follows {number}"
    if row.previous != head:
        return f"{name} does not follow the one before it"
    if link(row) != row.hash:
        return f"{name} was changed: its hash is not that of its row"
    if body is None and words is not None:
        return f"{name} has lost what it said, though its prompt was never erased"
    if body is not None and sha256(body) != row.digest:
        return f"{name} was changed: what it says has another digest"
    if words is not None and not words.own:
        return f"{name} is about other words than its task was made of: the texts of the answers were changed"
    if body is not None and words is not None and json.loads(body).get("words", words.digest) != words.digest:
        return f"{name} is about other words than were judged: the prompt or the answers were changed"
    return None
