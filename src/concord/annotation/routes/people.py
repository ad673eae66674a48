"""Who may come in, and what they may do."""

from fastapi import APIRouter

from concord.annotation import asked, people, told
from concord.annotation.desk import At
from concord.annotation.values import Number

router = APIRouter(tags=["people"])


@router.get("/people")
def list_people(desk: At) -> told.People:
    """Everybody who has a way in, or had one."""
    with desk.reading() as session:
        return people.everybody(session)


@router.post("/people")
def invite(body: asked.NewPerson, desk: At) -> told.Link:
    """Make a person, and a link by which they come in once."""
    with desk.writing() as session:
        person = people.add(session, body.name, body.role, body.projects)
        return people.link(session, person, desk.origin)


@router.post("/people/{person}/role")
def set_role(person: Number, body: asked.NewRole, desk: At) -> told.Done:
    """Change what somebody may do, and where."""
    with desk.writing() as session:
        people.set_role(session, people.find(session, person), body)
    return told.Done()


@router.post("/people/{person}/links")
def new_link(person: Number, desk: At) -> told.Link:
    """Another link by which somebody comes in once; earlier unused ones serve no more."""
    with desk.writing() as session:
        return people.link(session, people.find(session, person), desk.origin)


@router.post("/people/{person}/disable")
def disable(person: Number, desk: At) -> told.Done:
    """Close somebody's way in, at once: sessions, links and tokens end."""
    with desk.writing() as session:
        people.disable(session, people.find(session, person))
    return told.Done()


@router.get("/tokens")
def list_tokens(desk: At) -> told.Tokens:
    """All keys for scripts that still serve, without their secrets."""
    with desk.reading() as session:
        return people.tokens(session)


@router.post("/tokens")
def make_token(body: asked.NewToken, desk: At) -> told.Token:
    """Make a key for a script; its secret is told only now."""
    with desk.writing() as session:
        return people.make_token(session, desk.visit, body)


@router.delete("/tokens/{token}")
def revoke_token(token: Number, desk: At) -> told.Done:
    """End a key for scripts."""
    with desk.writing() as session:
        people.revoke_token(session, token)
    return told.Done()
