"""Where a request is answered: who asks, and the transaction in which they are served."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy import select
from sqlalchemy.orm import Session

from concord.annotation import people
from concord.annotation.faults import Refusal
from concord.annotation.store import Store
from concord.annotation.tables import Project
from concord.annotation.values import ROLES, Role


@dataclass(frozen=True)
class Desk:
    """One request: its store, and who asks."""

    store: Store
    visit: people.Visit
    origin: str
    """The address that links begin with."""
    errand: str
    """What is asked for: the name of the route."""

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Look, without a word to anybody else."""
        with self.store.reading() as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """Change all of it or nothing; when this ends well, it is on the disk."""
        with self.store.writing(self.errand) as session:
            yield session

    def project(self, session: Session, slug: str) -> Project:
        """The project, if there is one and whoever asks belongs to it: they are not told which of both fails."""
        found = session.scalar(select(Project).where(Project.slug == slug))
        if found is None or not people.belongs(session, self.visit, found):
            raise Refusal(404, "not_found", "There is no such project, or you do not take part in it.")
        return found

    def may(self, role: Role) -> bool:
        """Whether whoever asks may do what this role may."""
        return ROLES.index(self.visit.role) >= ROLES.index(role)


def desk(request: Request) -> Desk:
    """The desk of this request; the gate has already let it pass."""
    held = request.app.state
    return Desk(held.store, request.state.visit, held.origin, request.state.errand)


At = Annotated[Desk, Depends(desk)]
