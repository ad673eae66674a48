"""How one person sees one task: candidates by ids that mean nothing elsewhere, in an order of their own."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from concord.annotation import clock, told
from concord.annotation.tables import Candidate, Project, Prompt, Showing, Task

ID, HANDLE = 8, 16
"""Bytes of a candidate's id and of a handle."""


def keyed(salt: str, *parts: object, size: int = ID) -> str:
    """A name that follows from the parts and that nobody can work out without the project's salt."""
    text = "\x1f".join(str(part) for part in parts)
    return hashlib.blake2b(text.encode(), key=bytes.fromhex(salt), digest_size=size).hexdigest()


def names(salt: str, handle: str, count: int) -> list[str]:
    """The ids of a task's candidates in one showing, by position."""
    return [keyed(salt, "candidate", handle, position) for position in range(count)]


def order(salt: str, person: int, task: int, occasion: int, count: int) -> list[int]:
    """The order in which a person sees a task's candidates: the same on reload, another for another person."""
    return sorted(range(count), key=lambda position: keyed(salt, "order", person, task, occasion, position))


@dataclass(frozen=True)
class Seen:
    """A task in the eyes of one person."""

    project: Project
    task: Task
    handle: str
    person: int
    occasion: int
    candidates: Sequence[Candidate]

    @property
    def names(self) -> list[str]:
        """The candidates' ids, by position."""
        return names(self.project.salt, self.handle, len(self.candidates))

    @property
    def places(self) -> dict[str, int]:
        """The candidates' positions, by id."""
        return {name: position for position, name in enumerate(self.names)}

    @property
    def order(self) -> list[int]:
        """Positions in the order in which they are shown."""
        return order(self.project.salt, self.person, self.task.id, self.occasion, len(self.candidates))


def seen(session: Session, project: Project, showing: Showing) -> Seen:
    """A task as the person of a showing sees it."""
    task = session.get_one(Task, showing.task_id)
    found = candidates(session, task.id)
    return Seen(project, task, showing.handle, showing.person_id, showing.occasion, found)


def reviewed(session: Session, project: Project, task: Task, person: int) -> Seen:
    """A task as a reviewer sees it, who need not have been asked."""
    handle = keyed(project.salt, "review", person, task.id, size=HANDLE)
    return Seen(project, task, handle, person, 0, candidates(session, task.id))


def candidates(session: Session, task: int) -> Sequence[Candidate]:
    """A task's candidates, by position."""
    return session.scalars(
        select(Candidate).where(Candidate.task_id == task).order_by(Candidate.position)
    ).all()


def view(session: Session, one: Seen, lease: str | None = None, expires: int | None = None) -> told.Task:
    """What is sent of a task: nothing about models, gold or scores."""
    prompt = session.get_one(Prompt, one.task.prompt_id)
    names = one.names
    return told.Task(
        lease=lease,
        expires=clock.told_if(expires),
        task=one.handle,
        prompt=told.PromptView(
            id=keyed(one.project.salt, "prompt", prompt.name),
            messages=[told.Turn.model_validate(message) for message in prompt.messages],
        ),
        candidates=[
            told.CandidateView(id=names[position], text=one.candidates[position].text)
            for position in one.order
        ],
    )
