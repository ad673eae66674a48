"""Coming in: by a link that serves once, then by a session's cookie; scripts bring a token each time."""

import secrets
from dataclasses import replace

from fastapi import Request, Response
from sqlalchemy.orm import Session
from starlette.datastructures import Headers

from concord.annotation import clock, projects, tables, told
from concord.annotation.desk import Desk
from concord.annotation.faults import Refusal
from concord.annotation.people import Visit, digest, lower, same
from concord.annotation.store import Store
from concord.annotation.tables import Link, Person, Token
from concord.annotation.values import Role

COOKIE = "concord_session"
IDLE, LONGEST = 12 * clock.HOUR, 30 * clock.DAY
"""A session ends after so long without a request, and after so long in any case."""
FRESH = 5 * clock.MINUTE
"""How exactly it is known when somebody was last here: a row is not written for every request."""


def login(request: Request, response: Response, secret: str) -> told.Me:
    """Use up a link and begin a session; the browser's earlier session ends."""
    store: Store = request.app.state.store
    with store.writing() as session:
        link = session.get(Link, digest(secret), with_for_update=True)
        now = clock.now()
        person = session.get(Person, link.person_id) if link else None
        if link is None or person is None or link.used is not None or link.expires < now or person.disabled:
            request.state.tried(True)
            raise Refusal(
                401,
                "link",
                "This link does not serve: it was used, is too old, or never was. Ask for a new one.",
            )
        link.used = now
        end(session, request.cookies.get(COOKIE), now)
        fresh = secrets.token_urlsafe(32)
        session.add(tables.Visit(digest=digest(fresh), person_id=person.id, made=now, seen=now))
        person.seen = now
        me = about(session, Visit(person.id, person.name, role_of(person)))
    request.state.tried(False)
    response.set_cookie(
        COOKIE,
        fresh,
        max_age=LONGEST // clock.SECOND,
        path="/",
        secure=request.app.state.secure,
        httponly=True,
        samesite="strict",
    )
    return me


def end(session: Session, secret: str | None, now: int) -> None:
    """End a session, if there is one."""
    row = session.get(tables.Visit, digest(secret)) if secret else None
    if row is not None and row.ended is None:
        row.ended = now


def logout(desk: Desk, request: Request, response: Response) -> None:
    """End the session that asks."""
    with desk.writing() as session:
        end(session, request.cookies.get(COOKIE), clock.now())
    response.delete_cookie(
        COOKIE, path="/", secure=request.app.state.secure, httponly=True, samesite="strict"
    )


def me(desk: Desk) -> told.Me:
    """Whoever asks."""
    with desk.reading() as session:
        return about(session, desk.visit)


def about(session: Session, visit: Visit) -> told.Me:
    """Somebody, and where they take part."""
    return told.Me(id=visit.person, name=visit.name, role=visit.role, projects=projects.slugs(session, visit))


def role_of(person: Person) -> Role:
    """What a person may do."""
    role: Role = person.role  # type: ignore[assignment]  # only our own three words are ever written there
    return role


def visitor(store: Store, headers: Headers, cookie: str | None) -> Visit | None:
    """Who asks, by token or by cookie; None for nobody that is known."""
    given = headers.get("authorization")
    if given is not None:
        kind, _, secret = given.partition(" ")
        return by_token(store, secret.strip()) if kind.lower() == "bearer" else None
    return by_cookie(store, cookie) if cookie else None


def by_token(store: Store, secret: str) -> Visit | None:
    """The person that a script acts as, with no more rights than the token has."""
    name = digest(secret)
    with store.reading() as session:
        row = session.query(Token).filter(Token.digest == name).one_or_none()
        if row is None or not same(row.digest, name) or row.revoked is not None:
            return None
        person = session.get_one(Person, row.person_id)
        if person.disabled is not None:
            return None
        role: Role = row.role  # type: ignore[assignment]  # as above
        visit = Visit(person.id, person.name, lower(role, role_of(person)))
        late, number = (row.used or 0) + FRESH < clock.now(), row.id
    if late:
        with store.writing() as session:
            session.get_one(Token, number).used = clock.now()
            session.get_one(Person, visit.person).seen = clock.now()
    return visit


def by_cookie(store: Store, secret: str) -> Visit | None:
    """The person whose session it is, if it has not ended."""
    name, now = digest(secret), clock.now()
    with store.reading() as session:
        row = session.get(tables.Visit, name)
        if row is None or not same(row.digest, name) or row.ended is not None:
            return None
        person = session.get_one(Person, row.person_id)
        if person.disabled is not None or row.seen + IDLE < now or row.made + LONGEST < now:
            return None
        visit = replace(Visit(person.id, person.name, role_of(person)), session=name)
        late = row.seen + FRESH < now
    if late:
        with store.writing() as session:
            session.get_one(tables.Visit, name).seen = now
            session.get_one(Person, visit.person).seen = now
    return visit
