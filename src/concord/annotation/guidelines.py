"""Guidelines: what people are told to look for, one version after another; none is ever changed."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from concord.annotation import asked, clock, told
from concord.annotation.faults import Refusal
from concord.annotation.people import Visit
from concord.annotation.tables import Confirmed, Guideline, Person, Project


def latest(session: Session, project: Project) -> Guideline | None:
    """The version in force."""
    rows = select(Guideline).where(Guideline.project_id == project.id)
    return session.scalar(rows.order_by(Guideline.version.desc()).limit(1))


def confirmed(session: Session, project: Project, visit: Visit) -> int:
    """The newest version that somebody has confirmed; 0 for none."""
    mine = Confirmed.project_id == project.id, Confirmed.person_id == visit.person
    return session.scalar(select(func.max(Confirmed.version)).where(*mine)) or 0


def must(session: Session, project: Project, visit: Visit) -> bool:
    """Whether somebody has to confirm a version before they get a task: any newer one that asks for it."""
    newer = Guideline.version > confirmed(session, project, visit)
    asks = select(Guideline.version).where(
        Guideline.project_id == project.id, newer, Guideline.must_acknowledge
    )
    return session.scalar(asks.limit(1)) is not None


def refuse_unread(session: Session, project: Project, visit: Visit) -> None:
    """No task for somebody who has not confirmed what they have to."""
    if must(session, project, visit):
        raise Refusal(409, "guideline", "The guideline has changed. Read it and confirm it first.")


def current(session: Session, project: Project, visit: Visit) -> told.Guideline:
    """The version in force, as one person has to read it."""
    found = latest(session, project)
    if found is None:
        return told.Guideline(version=0, text="", acknowledged=True, must_acknowledge=False)
    return told.Guideline(
        version=found.version,
        text=found.text,
        acknowledged=confirmed(session, project, visit) >= found.version,
        must_acknowledge=must(session, project, visit),
    )


def versions(session: Session, project: Project) -> told.Versions:
    """All versions, the newest first."""
    rows = (
        select(Guideline, Person.name)
        .join(Person, Person.id == Guideline.person_id)
        .where(Guideline.project_id == project.id)
        .order_by(Guideline.version.desc())
    )
    return told.Versions(
        versions=[
            told.GuidelineVersion(
                version=row.version,
                text=row.text,
                must_acknowledge=row.must_acknowledge,
                at=clock.told(row.made),
                by=name,
            )
            for row, name in session.execute(rows)
        ]
    )


def write(session: Session, project: Project, visit: Visit, asked: asked.NewGuideline) -> told.Guideline:
    """Put a new version in force."""
    session.refresh(project, with_for_update={"key_share": True})
    before = latest(session, project)
    session.add(
        Guideline(
            project_id=project.id,
            version=before.version + 1 if before else 1,
            text=asked.text,
            must_acknowledge=asked.must_acknowledge,
            made=clock.now(),
            person_id=visit.person,
        )
    )
    session.flush()
    return current(session, project, visit)


def acknowledge(session: Session, project: Project, visit: Visit, version: int) -> told.Guideline:
    """Write down that somebody has read the version in force."""
    found = latest(session, project)
    if found is None or found.version != version:
        raise Refusal(
            409, "guideline", "There is a newer guideline by now. Read it and confirm that.", "version"
        )
    if session.get(Confirmed, (project.id, visit.person, version)) is None:
        row = Confirmed(project_id=project.id, person_id=visit.person, version=version, made=clock.now())
        session.add(row)
        session.flush()
    return current(session, project, visit)
