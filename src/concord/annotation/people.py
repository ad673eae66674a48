"""Who may come in and what they may do: people, links that serve once, sessions, and tokens for scripts."""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from concord.annotation import asked, clock, tables, told
from concord.annotation.faults import Refusal
from concord.annotation.tables import Judgement, Link, Member, Person, Project, Token
from concord.annotation.values import ROLES, Role

SERVES = 3 * clock.DAY
"""How long an unused link serves."""
MARK = "cct_"
"""What a token begins with, so that programs that look for leaked secrets know it."""


@dataclass(frozen=True)
class Visit:
    """Whoever asks, and what they may do."""

    person: int
    name: str
    role: Role
    session: str | None = None
    """The digest of the session's secret; none for a script."""


def digest(secret: str) -> str:
    """What is stored of a secret: from 256 random bits, nobody finds them again, so a slow hash gains nothing."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def same(one: str, other: str) -> bool:
    """Whether two digests are equal, in a time that does not tell where they differ."""
    return hmac.compare_digest(one, other)


def lower(one: Role, other: Role) -> Role:
    """The role of the two that may do less."""
    return ROLES[min(ROLES.index(one), ROLES.index(other))]


def belongs(session: Session, visit: Visit, project: Project) -> bool:
    """Whether somebody takes part in a project."""
    member = Member.person_id == visit.person, Member.project_id == project.id
    return everywhere(session, visit) or session.scalar(select(Member.person_id).where(*member)) is not None


def everywhere(session: Session, visit: Visit) -> bool:
    """Whether somebody takes part in every project: an admin does, also where their token may do less."""
    return session.scalar(select(Person.role).where(Person.id == visit.person)) == "admin"


def find(session: Session, number: int) -> Person:
    """A person."""
    found = session.get(Person, number)
    if found is None:
        raise Refusal(404, "not_found", f"There is no person {number}.")
    return found


def add(session: Session, name: str, role: Role, projects: Sequence[str] = ()) -> Person:
    """A new person, without a way in as yet."""
    person = Person(name=name, role=role, made=clock.now())
    session.add(person)
    session.flush()
    take_part(session, person, projects)
    return person


def take_part(session: Session, person: Person, slugs: Sequence[str]) -> None:
    """Set the projects that somebody takes part in."""
    session.execute(delete(Member).where(Member.person_id == person.id))
    for slug in dict.fromkeys(slugs):
        project = session.scalar(select(Project).where(Project.slug == slug))
        if project is None:
            raise Refusal(422, "unknown_project", f"There is no project `{slug}`.", "projects")
        session.add(Member(person_id=person.id, project_id=project.id))
    session.flush()


def set_role(session: Session, person: Person, asked: asked.NewRole) -> None:
    """Change what somebody may do; open sessions follow at once."""
    if asked.role != "admin":
        keep_an_admin(session, person)
    person.role = asked.role
    if asked.projects is not None:
        take_part(session, person, asked.projects)


def disable(session: Session, person: Person) -> None:
    """Close somebody's way in: what they said stays."""
    keep_an_admin(session, person)
    now = clock.now()
    person.disabled = now
    revoke(session, person.id, now)


def revoke(session: Session, person: int, now: int) -> None:
    """End every session, link and token of a person."""
    for table, column in ((tables.Visit, "ended"), (Link, "used"), (Token, "revoked")):
        theirs = table.person_id == person, getattr(table, column).is_(None)
        session.execute(update(table).where(*theirs).values({column: now}))


def keep_an_admin(session: Session, person: Person) -> None:
    """Nobody may lock everybody out."""
    others = Person.role == "admin", Person.disabled.is_(None), Person.id != person.id
    if person.role == "admin" and session.scalar(select(Person.id).where(*others).limit(1)) is None:
        raise Refusal(409, "last_admin", f"{person.name} is the last admin. Make another person admin first.")


def link(session: Session, person: Person, origin: str) -> told.Link:
    """A way in for one time; those that were given out before serve no more."""
    if person.disabled is not None:
        raise Refusal(409, "disabled", f"The way in of {person.name} is closed.")
    now = clock.now()
    old = Link.person_id == person.id, Link.used.is_(None)
    session.execute(update(Link).where(*old).values(used=now))
    secret = secrets.token_urlsafe(32)
    row = Link(digest=digest(secret), person_id=person.id, made=now, expires=now + SERVES)
    session.add(row)
    session.flush()
    return told.Link(person=person.id, link=f"{origin}/#/login/{secret}", expires=clock.told(row.expires))


def everybody(session: Session) -> told.People:
    """All people, by name."""
    slugs: dict[int, list[str]] = {}
    members = select(Member.person_id, Project.slug).join(Project, Project.id == Member.project_id)
    for number, slug in session.execute(members.order_by(Project.slug)):
        slugs.setdefault(number, []).append(slug)
    stored = select(Judgement.person_id, func.count()).group_by(Judgement.person_id)
    counts = {number: count for number, count in session.execute(stored)}
    rows = session.scalars(select(Person).order_by(Person.name, Person.id))
    return told.People(
        people=[
            told.Person(
                id=row.id,
                name=row.name,
                role=row.role,
                projects=slugs.get(row.id, []),
                disabled=row.disabled is not None,
                seen=clock.told_if(row.seen),
                judgements=counts.get(row.id, 0),
            )
            for row in rows
        ]
    )


def make_token(session: Session, visit: Visit, asked: asked.NewToken) -> told.Token:
    """A key for a script, which acts as a person and never may do more than they may."""
    person = find(session, asked.person or visit.person)
    if person.disabled is not None:
        raise Refusal(409, "disabled", f"The way in of {person.name} is closed.")
    if ROLES.index(asked.role) > ROLES.index(person.role):
        raise Refusal(
            422, "role", f"A token of {person.name} may do what an {person.role} may, and no more.", "role"
        )
    secret = MARK + secrets.token_urlsafe(32)
    row = Token(
        digest=digest(secret), person_id=person.id, name=asked.name, role=asked.role, made=clock.now()
    )
    session.add(row)
    session.flush()
    return told.Token(id=row.id, token=secret)


def tokens(session: Session) -> told.Tokens:
    """The keys for scripts that still serve, the newest first."""
    rows = session.scalars(select(Token).where(Token.revoked.is_(None)).order_by(Token.id.desc()))
    return told.Tokens(
        tokens=[
            told.TokenLine(
                id=row.id,
                name=row.name,
                person=row.person_id,
                role=row.role,
                at=clock.told(row.made),
                used=clock.told_if(row.used),
            )
            for row in rows
        ]
    )


def revoke_token(session: Session, number: int) -> None:
    """End a key for scripts."""
    row = session.get(Token, number)
    if row is None or row.revoked is not None:
        raise Refusal(404, "not_found", f"There is no token {number}.")
    row.revoked = clock.now()
