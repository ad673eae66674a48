"""A reviewer's work: to see what was said of a task, and to decide it."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from concord.annotation import asked, chain, clock, judging, past, queue, records, told, views, words
from concord.annotation.faults import Refusal
from concord.annotation.people import Visit
from concord.annotation.tables import Judgement, Project, Prompt, Task


def found(session: Session, project: Project, number: int) -> Task:
    """A task of a project."""
    task = session.get(Task, number)
    if task is None or task.project_id != project.id:
        raise Refusal(404, "not_found", "There is no such task in the project.")
    if session.get_one(Prompt, task.prompt_id).erased is not None:
        raise Refusal(410, "erased", "The prompt of this task was erased.")
    return task


def opinions(session: Session, project: Project, visit: Visit, number: int) -> told.Opinions:
    """Everybody's newest answer to one task; the reviewer sees the candidates in an order of their own."""
    task = found(session, project, number)
    seen = views.reviewed(session, project, task, visit.person)
    names = seen.names
    told_of = [
        told.Opinion.model_validate(
            {
                "judgement": row.id,
                "by": records.by_whom(project, row),
                "revision": row.revision,
                "at": clock.told(row.made),
                "kind": row.kind,
                "tiers": past.by_name(said["tiers"], names),
                "all_bad": said["all_bad"],
                "skip": said["skip"],
                "comment": said["comment"],
                "reason": said.get("reason"),
                "active_seconds": said.get("active_seconds"),
            }
        )
        for row, said in past.answers(session, Judgement.task_id == task.id)
    ]
    return told.Opinions(task=views.view(session, seen), judgements=told_of)


def adjudicate(
    session: Session, project: Project, visit: Visit, number: int, asked: asked.Adjudication
) -> Judgement:
    """Store a reviewer's decision as a judgement of its own kind."""
    queue.one_at_a_time(session, visit)
    request = words.sha256(words.canonical([number, asked.model_dump(mode="json")]))
    known = judging.replayed(session, project, visit, str(asked.key), request)
    if known is not None:
        return known
    task = found(session, project, number)
    places = views.reviewed(session, project, task, visit.person).places
    tiers = judging.ranked(places, asked.tiers, True, asked.all_bad, False)
    content = {
        "tiers": tiers,
        "all_bad": asked.all_bad,
        "skip": None,
        "comment": asked.comment,
        "reason": asked.reason,
    }
    row = judging.judgement(project, visit, task.id, str(asked.key), request, "adjudication")
    own = Judgement.task_id == task.id, Judgement.person_id == visit.person, Judgement.kind == row.kind
    before = session.scalar(select(Judgement).where(*own).order_by(Judgement.id.desc()).limit(1))
    if before is not None:
        row.revision, row.revises = before.revision + 1, before.id
    return chain.append(session, project, row, content)
