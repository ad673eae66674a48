"""The queue: who is given which task next, and for how long; no task ever has more judgements than it needs."""

import secrets
from collections.abc import Mapping, Sequence

from sqlalchemy import Select, bindparam, delete, func, insert, or_, select, update
from sqlalchemy.orm import Session

from concord.annotation import asked, clock, controls, guidelines, told, views
from concord.annotation.faults import Refusal
from concord.annotation.people import Visit
from concord.annotation.portions import portions
from concord.annotation.tables import Person, Place, Project, Prompt, Showing, Task


def one_at_a_time(session: Session, visit: Visit) -> None:
    """Whatever else the same person asks for meanwhile waits until this is done."""
    session.execute(select(Person.id).where(Person.id == visit.person).with_for_update(key_share=True))


def alone(session: Session, project: Project) -> None:
    """Whoever takes tasks of a project or answers them waits until this is done: it changes many places."""
    session.flush()
    session.refresh(project, with_for_update=True)


def beside_others(session: Session, project: Project) -> None:
    """Whoever must be `alone` waits until this is done; nobody else does."""
    session.refresh(project, with_for_update={"read": True, "key_share": True})


def take(session: Session, project: Project, visit: Visit, asked: asked.Take) -> list[told.Task]:
    """The tasks that somebody holds and whose page has lost them, then new ones, up to the number asked for."""
    one_at_a_time(session, visit)
    beside_others(session, project)
    guidelines.refuse_unread(session, project, visit)
    now = clock.now()
    until = now + project.lease_minutes * clock.MINUTE
    held = holds(session, project, visit, now)
    lost = [showing for showing in held if showing.lease not in asked.holding]
    room = asked.count - (len(held) - len(lost))
    given = lost[: max(room, 0)]
    waits = True
    while len(given) < room:
        showing = next_showing(session, project, visit, now, until, waits)
        if showing is None:
            break
        given.append(showing)
        waits = False  # whoever holds a place and waits for another may be waited for by who holds that
    keep(session, held, until)
    return [views.view(session, views.seen(session, project, one), one.lease, one.expires) for one in given]


def holds(session: Session, project: Project, visit: Visit, now: int) -> Sequence[Showing]:
    """Everything that somebody still holds."""
    mine = Showing.project_id == project.id, Showing.person_id == visit.person, ~Showing.judged
    return session.scalars(
        select(Showing).where(*mine, Showing.expires > now).order_by(Showing.expires)
    ).all()


def keep(session: Session, held: Sequence[Showing], until: int) -> None:
    """Hold for longer what is held."""
    for showing in held:
        showing.expires = until
        session.execute(update(Place).where(Place.showing == showing.handle).values(until=until))
    session.flush()


def next_showing(
    session: Session, project: Project, visit: Visit, now: int, until: int, waits: bool
) -> Showing | None:
    """The next task for somebody: mostly work, now and then one that tells how they work."""
    place = free_place(session, project, visit, now, waits)
    if place is None:
        return None
    known = controls.now_and_then(session, project, visit)
    if known is not None:
        return lend(known, until)
    showing = meeting(session, project, visit, place.task_id)
    # A lease that ran out may have left this showing at another place, and another showing at this one.
    elsewhere = Place.showing == showing.handle, Place.id != place.id
    session.execute(update(Place).where(*elsewhere).values(showing=None))
    place.showing, place.until = showing.handle, until
    session.flush()
    return lend(showing, until)


def lend(showing: Showing, until: int) -> Showing:
    """A showing with a new lease."""
    showing.lease, showing.expires = secrets.token_hex(views.HANDLE), until
    return showing


def meeting(session: Session, project: Project, visit: Visit, task: int) -> Showing:
    """Somebody's first meeting with a task: the one they had before, or a new one."""
    found = session.scalar(
        select(Showing).where(
            Showing.person_id == visit.person, Showing.task_id == task, Showing.occasion == 0
        )
    )
    return found or controls.showing(session, project, visit, task, "work")


def not_mine(visit: Visit, now: int) -> Select[int]:
    """Tasks that somebody has answered, skipped or now holds."""
    done = or_(Showing.judged, Showing.expires > now)
    return select(Showing.task_id).where(Showing.person_id == visit.person, done)


def free_place(session: Session, project: Project, visit: Visit, now: int, waits: bool) -> Place | None:
    """The place that comes next: least judged first, then most contradicted, then highest priority.

    It is locked until the transaction ends. Places that others just take, or whose task others just judge, are
    passed over; where there are none but those, whoever `waits` waits for them.
    """
    free = (
        select(Place)
        .where(
            Place.project_id == project.id,
            Place.filled.is_(False),
            Place.until <= now,
            Place.task_id.not_in(not_mine(visit, now)),
        )
        .order_by(Place.number, Place.conflict, Place.priority, Place.task_id)
        .limit(1)
    )
    found = session.scalar(free.with_for_update(skip_locked=True))
    return session.scalar(free.with_for_update()) if found is None and waits else found


def own(session: Session, visit: Visit, lease: str) -> Showing:
    """The showing that a lease of this person is for."""
    found = session.scalar(
        select(Showing).where(Showing.lease == lease, Showing.person_id == visit.person, ~Showing.judged)
    )
    if found is None:
        raise Refusal(404, "lease_gone", "You do not hold this task any more. Ask for another one.")
    return found


def renew(session: Session, visit: Visit, lease: str) -> told.Renewed:
    """Keep a task for longer, also after the lease ran out, unless somebody else has it by now."""
    one_at_a_time(session, visit)
    showing = own(session, visit, lease)
    project = session.get_one(Project, showing.project_id)
    until = clock.now() + project.lease_minutes * clock.MINUTE
    if showing.kind == "work":
        place = held_place(session, showing)
        if place is None:
            raise Refusal(409, "lease_lost", "The lease ran out and somebody else has the task now.")
        place.until = until
    showing.expires = until
    return told.Renewed(lease=lease, expires=clock.told(until))


def release(session: Session, visit: Visit, lease: str) -> None:
    """Give a task back."""
    one_at_a_time(session, visit)
    showing = own(session, visit, lease)
    place = held_place(session, showing)
    if place is not None:
        place.showing, place.until = None, 0
    showing.lease, showing.expires = None, 0


def held_place(session: Session, showing: Showing) -> Place | None:
    """The place that a showing has, held or filled."""
    return session.scalar(select(Place).where(Place.showing == showing.handle).with_for_update())


def fill(session: Session, showing: Showing) -> None:
    """Put a judgement into a place of its task: the one held for it, or any that is free by now."""
    place = held_place(session, showing) or session.scalar(
        select(Place)
        .where(Place.task_id == showing.task_id, Place.filled.is_(False), Place.until <= clock.now())
        .order_by(Place.number)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    if place is None:
        raise Refusal(
            409,
            "task_full",
            "The lease ran out, and others have given this task all the judgements it needs.",
        )
    place.showing, place.filled, place.until = showing.handle, True, 0
    session.flush()


def vacate(session: Session, showing: Showing) -> None:
    """Free the place of somebody who has nothing to say, for others to have."""
    place = held_place(session, showing)
    if place is not None:
        place.showing, place.filled, place.until = None, False, 0
        session.flush()


def open_places(session: Session, project: Project, tasks: Sequence[int]) -> None:
    """Give tasks of work as many places as their project asks for, also where there were fewer or more before."""
    known: dict[int, list[tuple[int, int, bool]]] = {task: [] for task in tasks}
    for some in portions(tasks):
        rows = select(Place.task_id, Place.id, Place.number, Place.filled).where(Place.task_id.in_(some))
        for task, place, number, filled in session.execute(rows.order_by(Place.number)):
            known[task].append((place, number, filled))
    new: list[tuple[int, int]] = []
    spare: list[int] = []
    for task, places in known.items():
        numbers = {number for _, number, _ in places}
        room = project.overlap - sum(filled for _, _, filled in places)
        spare += [place for place, _, filled in places if not filled][max(room, 0) :]
        fresh = [number for number in range(project.overlap + len(places)) if number not in numbers]
        new += [(task, number) for number in fresh[: max(project.overlap - len(places), 0)]]
    for gone in portions(spare):
        session.execute(delete(Place).where(Place.id.in_(gone)))
    usual = {"project_id": project.id, "until": 0, "filled": False, "conflict": 0.0, "priority": 0.0}
    if new:
        session.execute(insert(Place), [{"task_id": task, "number": number, **usual} for task, number in new])


def prioritise(session: Session, project: Project, values: Mapping[str, float]) -> None:
    """Let tasks come earlier among equally often judged and contradicted ones: a number for each prompt's name.

    The uncertainty of an ensemble of reward models is such a number.
    """
    alone(session, project)
    names = select(Prompt.name, Task.id).join(Task, Task.prompt_id == Prompt.id)
    known: dict[str, list[int]] = {}
    for name, task in session.execute(names.where(Prompt.project_id == project.id, Task.kind == "work")):
        known.setdefault(name, []).append(task)
    missing = [name for name in values if name not in known]
    if missing:
        raise Refusal(
            422,
            "unknown_prompt",
            f"{len(missing)} prompts are not in the project, such as {missing[0]!r}.",
            "values",
        )
    waiting = Place.task_id == bindparam("task"), Place.filled.is_(False)
    rows = [{"task": task, "value": -value} for name, value in values.items() for task in known[name]]
    if rows:
        each = update(Place).where(*waiting).values(priority=bindparam("value"))
        session.connection().execute(each, rows)


def count(session: Session, project: Project) -> tuple[int, int]:
    """How many judgements the project's tasks have, and how many they need."""
    rows = select(func.count().filter(Place.filled), func.count()).where(Place.project_id == project.id)
    done, total = session.execute(rows).one()
    return int(done), int(total)
