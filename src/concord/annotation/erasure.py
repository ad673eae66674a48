"""Erasure: a prompt and all that was said of it are forgotten; a tombstone says when and why."""

from sqlalchemy import Text, cast, delete, func, literal, select, update
from sqlalchemy.orm import Session

from concord.annotation import asked, clock, queue, told
from concord.annotation.faults import Refusal
from concord.annotation.people import Visit
from concord.annotation.tables import (
    Candidate,
    Content,
    Judgement,
    Place,
    Project,
    Prompt,
    Showing,
    Task,
    Used,
)


def erase(session: Session, project: Project, visit: Visit, asked: asked.Erasure) -> told.Erased:
    """Delete the texts and what was said; rows of judgements stay, so that the chain still verifies."""
    queue.alone(session, project)
    named = Prompt.project_id == project.id, Prompt.name == asked.prompt_id
    prompt = session.scalar(select(Prompt).where(*named).with_for_update())
    if prompt is None:
        raise Refusal(404, "not_found", "There is no such prompt in the project.", "prompt_id")
    if prompt.erased is not None:
        raise Refusal(410, "erased", "The prompt was erased before.", "prompt_id")
    tasks = list(session.scalars(select(Task.id).where(Task.prompt_id == prompt.id)))
    said = select(Judgement.id).where(Judgement.task_id.in_(tasks))
    count = session.scalar(select(func.count()).select_from(said.subquery())) or 0
    first = session.scalar(select(func.min(Judgement.number)).where(Judgement.task_id.in_(tasks)))
    runs = runs_that_used(session, project, first)
    prompt.erased, prompt.reason, prompt.erased_by = clock.now(), asked.reason, visit.person
    prompt.messages, prompt.tags = [], []
    session.flush()  # the database lets go of what was said only where the tombstone stands
    # Nor may a digest of the words be left, from which short ones could be guessed.
    nameless = literal("erased ") + cast(Task.id, Text)
    session.execute(update(Task).where(Task.id.in_(tasks)).values(content=nameless))
    session.execute(delete(Content).where(Content.judgement_id.in_(said)))
    session.execute(update(Candidate).where(Candidate.task_id.in_(tasks)).values(text="", completions=[]))
    session.execute(delete(Place).where(Place.task_id.in_(tasks)))
    held = Showing.task_id.in_(tasks)
    session.execute(update(Showing).where(held).values(lease=None, expires=0, judged=True))
    return told.Erased(tasks=len(tasks), judgements=count, runs=runs)


def runs_that_used(session: Session, project: Project, first: int | None) -> list[str]:
    """The run whose answers were to be ranked, and every folder into which rankings of the prompt were taken."""
    found = [project.run] if project.run else []
    if first is not None:
        taken = Used.project_id == project.id, Used.length >= first
        found += session.scalars(select(Used.folder).where(*taken).order_by(Used.id)).all()
    return list(dict.fromkeys(found))
