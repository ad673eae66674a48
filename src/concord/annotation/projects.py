"""Projects: queues of tasks, made once and then as they are."""

import secrets

from sqlalchemy import select
from sqlalchemy.orm import Session

from concord.annotation import asked, clock, guidelines, people, progress, told
from concord.annotation.faults import Refusal
from concord.annotation.people import Visit
from concord.annotation.tables import Member, Project


def make(session: Session, asked: asked.NewProject) -> Project:
    """A project without tasks."""
    if session.scalar(select(Project.id).where(Project.slug == asked.slug)) is not None:
        raise Refusal(
            409, "taken", f"There is a project `{asked.slug}` already. Choose another name.", "slug"
        )
    values = asked.model_dump(mode="json")
    project = Project(**values, salt=secrets.token_hex(32), made=clock.now())
    session.add(project)
    session.flush()
    return project


def lines(session: Session, visit: Visit) -> list[told.ProjectLine]:
    """The projects in which somebody takes part, by title."""
    rows = select(Project).order_by(Project.title, Project.slug)
    if not people.everywhere(session, visit):
        rows = rows.join(Member, Member.project_id == Project.id).where(Member.person_id == visit.person)
    found = []
    for project in session.scalars(rows).all():
        done, total = progress.count(session, project, visit)
        found.append(told.ProjectLine(slug=project.slug, title=project.title, done=done, total=total))
    return found


def slugs(session: Session, visit: Visit) -> list[str]:
    """The names of those projects."""
    rows = select(Project.slug).order_by(Project.slug)
    if not people.everywhere(session, visit):
        rows = rows.join(Member, Member.project_id == Project.id).where(Member.person_id == visit.person)
    return list(session.scalars(rows))


def view(session: Session, project: Project, visit: Visit) -> told.Project:
    """All that a page needs to show the project's tasks."""
    guideline = guidelines.latest(session, project)
    return told.Project.model_validate(
        {
            "slug": project.slug,
            "title": project.title,
            "overlap": project.overlap,
            "aspects": project.aspects,
            "partial_allowed": project.partial_allowed,
            "mode": project.mode,
            "guideline": guideline.version if guideline else 0,
            "must_acknowledge": guidelines.must(session, project, visit),
            "difference": project.difference,
        }
    )
