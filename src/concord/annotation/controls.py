"""Tasks that tell how somebody works: with known answers, with one candidate spoiled, or their own once more."""

import random
import secrets
from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from concord.annotation import views, words
from concord.annotation.people import Visit
from concord.annotation.tables import Candidate, Judgement, Place, Project, Showing, Task

DISTANCE = 8
"""Answers between a task and its repeat: nearer, people remember the keys that they pressed."""


def showing(
    session: Session, project: Project, visit: Visit, task: int, kind: str, occasion: int = 0
) -> Showing:
    """A new meeting of a person with a task."""
    made = Showing(
        handle=secrets.token_hex(views.HANDLE),
        project_id=project.id,
        task_id=task,
        person_id=visit.person,
        kind=kind,
        occasion=occasion,
    )
    session.add(made)
    session.flush()
    return made


def now_and_then(session: Session, project: Project, visit: Visit) -> Showing | None:
    """A task of control, if it is time for one and there is one for this person."""
    mine = Showing.project_id == project.id, Showing.person_id == visit.person
    count = session.scalar(select(func.count()).select_from(Showing).where(*mine))
    draw = int(views.keyed(project.salt, "control", visit.person, count), 16) / 2**64
    for kind, share in (
        ("gold", project.gold_share),
        ("attention", project.attention_share),
        ("repeat", project.repeat_share),
    ):
        if draw < share:
            return MAKERS[kind](session, project, visit)
        draw -= share
    return None


def gold(session: Session, project: Project, visit: Visit) -> Showing | None:
    """A task whose answer is known and that this person has not met."""
    met = select(Showing.task_id).where(Showing.person_id == visit.person)
    tasks = select(Task.id).where(Task.project_id == project.id, Task.kind == "gold", Task.id.not_in(met))
    chance = by_lot(session.scalars(tasks).all(), project, visit)
    return None if chance is None else showing(session, project, visit, chance, "gold")


def repeat(session: Session, project: Project, visit: Visit) -> Showing | None:
    """A task that this person answered a while ago, in another order and under other ids."""
    mine = Showing.project_id == project.id, Showing.person_id == visit.person
    again = select(Showing.task_id).where(*mine, Showing.occasion == 1)
    said = Judgement.person_id == visit.person, Judgement.project_id == project.id
    last = select(Judgement.showing, func.max(Judgement.number).label("number")).where(*said)
    latest = last.group_by(Judgement.showing).subquery()
    answered = (
        select(Showing.task_id)
        .join(latest, latest.c.showing == Showing.handle)
        .join(Place, Place.showing == Showing.handle)
        .where(*mine, Showing.kind == "work", Showing.judged, Place.filled)
        .order_by(latest.c.number.desc())
        .offset(DISTANCE)
    )
    known = set(session.scalars(again).all())
    old = [task for task in session.scalars(answered).all() if task not in known]
    chance = by_lot(old, project, visit)
    return None if chance is None else showing(session, project, visit, chance, "repeat", occasion=1)


def attention(session: Session, project: Project, visit: Visit) -> Showing | None:
    """A task of which one candidate's words are shuffled, made from one that this person has not met."""
    met = select(Showing.task_id).where(Showing.person_id == visit.person)
    checks = select(Task.origin_id).where(Task.kind == "attention", Task.id.in_(met))
    work = Task.project_id == project.id, Task.kind == "work"
    given = select(Place.id).where(Place.task_id == Task.id).exists()
    tasks = select(Task.id).where(*work, Task.id.not_in(met), Task.id.not_in(checks), given).order_by(Task.id)
    # From a place by lot on, then from the first: to draw among all would keep everybody waiting where they are many.
    first, last = session.execute(select(func.min(Task.id), func.max(Task.id)).where(*work)).one()
    count = session.scalar(select(func.count()).select_from(met.subquery())) or 0
    start = first + int(views.keyed(project.salt, "lot", visit.person, count), 16) % (last - first + 1)
    chance = session.scalar(tasks.where(Task.id >= start).limit(1)) or session.scalar(tasks.limit(1))
    if chance is None:
        return None
    spoiled = spoil(session, session.get_one(Task, chance))
    return None if spoiled is None else showing(session, project, visit, spoiled.id, "attention")


MAKERS = {"gold": gold, "repeat": repeat, "attention": attention}


def by_lot(tasks: Sequence[int], project: Project, visit: Visit) -> int | None:
    """One of some tasks; which, nobody can foresee."""
    return min(tasks, key=lambda task: views.keyed(project.salt, "lot", visit.person, task), default=None)


def spoil(session: Session, origin: Task) -> Task | None:
    """The check of attention that belongs to a task: its last candidate gives way to a shuffled copy of its first."""
    known = session.scalar(select(Task).where(Task.kind == "attention", Task.origin_id == origin.id))
    if known is not None:
        return known
    found = list(views.candidates(session, origin.id))
    text = shuffled(found[0].text, origin.id)
    if text is None or len(found) < 2:
        return None
    last = len(found) - 1
    certain = [[position, last] for position in range(last)]
    made = Task(
        project_id=origin.project_id,
        prompt_id=origin.prompt_id,
        kind="attention",
        content=words.of_check(origin.content, text),
        certain=certain,
        origin_id=origin.id,
    )
    session.add(made)
    session.flush()
    texts = [*(one.text for one in found[:-1]), text]
    session.add_all(
        Candidate(task_id=made.id, position=position, text=one, completions=[])
        for position, one in enumerate(texts)
    )
    session.flush()
    return made


def shuffled(text: str, seed: int) -> str | None:
    """The same words in another order; None if there are too few of them to notice."""
    words = text.split()
    mixed = list(words)
    random.Random(seed).shuffle(mixed)
    return " ".join(mixed) if len(set(words)) > 3 and mixed != words else None
