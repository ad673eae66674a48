"""A run's own queue: filled with what was sampled, and read again when people have ranked it."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, func, select, union
from sqlalchemy.orm import Session

from concord.annotation import asked, clock, offers, projects, queue, records
from concord.annotation.portions import portions
from concord.annotation.store import Store
from concord.annotation.tables import Member, Person, Place, Project, Showing, Used
from concord.errors import StoreError
from concord.records import Completion, Ranking


@dataclass(frozen=True)
class Queue:
    """The tasks of one run in a store."""

    store: Store
    project: int
    tasks: frozenset[int]

    def count(self) -> tuple[int, int]:
        """How many judgements there are, and how many it takes."""
        with self.store.reading() as session:
            return queue.count(session, session.get_one(Project, self.project))

    def left(self) -> int:
        """How many judgements are missing."""
        done, total = self.count()
        return total - done

    def waiting(self) -> int:
        """How many judgements are missing that somebody who takes part could still give."""
        with self.store.reading() as session:
            project = session.get_one(Project, self.project)
            done, total = queue.count(session, project)
            return total - done if total - done > passed_over(session, project) else 0

    def guidelines(self) -> dict[int, int]:
        """How many answers were given under which version of the guideline; 0 stands for none."""
        with self.store.reading() as session:
            return dict(records.guidelines(session, session.get_one(Project, self.project), self.tasks))

    def rankings(self, folder: str) -> list[Ranking]:
        """What people said; written down too is who takes it, for the day on which a prompt has to be forgotten."""
        with self.store.writing() as session:
            project = session.get_one(Project, self.project)
            found = list(records.rankings(session, project, self.tasks))
            taken = Used(
                project_id=project.id,
                folder=folder,
                length=project.length,
                head=project.head,
                made=clock.now(),
            )
            session.add(taken)
        return found


def fill(
    store: Store, new: asked.NewProject, run: str, completions: Sequence[Completion]
) -> tuple[Queue, list[str]]:
    """The queue of these completions: what is new is added, what is no longer asked for is withdrawn."""
    with store.writing() as session:
        project = session.scalar(select(Project).where(Project.slug == new.slug)) or projects.make(
            session, new
        )
        if project.run not in (None, run):
            raise StoreError(
                f"The project `{new.slug}` in {store.name} belongs to the run {project.run}. "
                "Name another with rank.people.project."
            )
        project.run = run
        set_up(session, project, new)
        added = offers.add(session, project, offers.of_completions(completions), "work")
        tasks = frozenset([*added.known, *added.new])
        withdraw(session, project, tasks)
        return Queue(store, project.id, tasks), added.left_out


def set_up(session: Session, project: Project, new: asked.NewProject) -> None:
    """Follow the settings: they may be other ones than when the queue was made."""
    for name, value in new.model_dump(
        mode="json", exclude={"slug", "title", "aspects", "difference"}
    ).items():
        setattr(project, name, value)
    session.flush()


def passed_over(session: Session, project: Project) -> int:
    """How many judgements nobody who takes part can give: they all have met the task, and somebody skipped it."""
    judged = (Showing.project_id == project.id, Showing.kind == "work", Showing.judged)
    invited = (
        select(Member.person_id)
        .join(Person, Person.id == Member.person_id)
        .where(Member.project_id == project.id, Person.role == "annotator", Person.disabled.is_(None))
    )
    people = union(select(Showing.person_id).where(*judged), invited).subquery()
    met = (
        select(Showing.task_id, func.count(Showing.person_id.distinct()).label("people"))
        .where(*judged)
        .group_by(Showing.task_id)
        .subquery()
    )
    places = (
        select(
            Place.task_id,
            func.count().filter(Place.filled).label("filled"),
            func.count().filter(Place.filled.is_(False)).label("free"),
        )
        .where(Place.project_id == project.id)
        .group_by(Place.task_id)
        .subquery()
    )
    everybody = select(func.count()).select_from(people).scalar_subquery()
    found = select(func.sum(places.c.free)).join(met, met.c.task_id == places.c.task_id)
    return session.scalar(found.where(met.c.people > places.c.filled, met.c.people == everybody)) or 0


def withdraw(session: Session, project: Project, asked_for: frozenset[int]) -> None:
    """Give out no task that is not asked for any more; what was said of it stays."""
    queue.alone(session, project)
    free = select(Place.task_id).where(Place.project_id == project.id, Place.filled.is_(False)).distinct()
    idle = [task for task in session.scalars(free) if task not in asked_for]
    for some in portions(idle):
        session.execute(delete(Place).where(Place.task_id.in_(some), Place.filled.is_(False)))
