"""What an annotator does: take tasks, answer them, look back."""

from typing import Annotated

from fastapi import APIRouter, Query

from concord.annotation import asked, judging, past, progress, projects, queue, told
from concord.annotation.desk import At
from concord.annotation.values import Handle, Slug

router = APIRouter(tags=["work"])


@router.get("/projects")
def list_projects(desk: At) -> list[told.ProjectLine]:
    """Every project in which whoever asks takes part."""
    with desk.reading() as session:
        return projects.lines(session, desk.visit)


@router.get("/projects/{p}")
def get_project(p: Slug, desk: At) -> told.Project:
    """How a project's tasks are shown."""
    with desk.reading() as session:
        return projects.view(session, desk.project(session, p), desk.visit)


@router.post("/projects/{p}/leases")
def take_leases(p: Slug, body: asked.Take, desk: At) -> told.Leases:
    """Tasks to work on, kept for whoever asks until the leases end."""
    with desk.writing() as session:
        project = desk.project(session, p)
        tasks = queue.take(session, project, desk.visit, body)
    with desk.reading() as session:  # nobody else has to wait for this
        some = tasks or body.holding
        left = progress.left(session, project, desk.visit) if some else 0
    return told.Leases(tasks=tasks, left=left)


@router.post("/leases/{lease}/renew")
def renew_lease(lease: Handle, desk: At) -> told.Renewed:
    """Keep a task for longer."""
    with desk.writing() as session:
        return queue.renew(session, desk.visit, lease)


@router.post("/leases/{lease}/release")
def release_lease(lease: Handle, desk: At) -> told.Done:
    """Give a task back, for others to have."""
    with desk.writing() as session:
        queue.release(session, desk.visit, lease)
    return told.Done()


@router.post("/projects/{p}/judgements")
def store_judgement(p: Slug, body: asked.Said, desk: At) -> told.Stored:
    """Store a judgement: once the reply is there, nothing can lose it."""
    with desk.writing() as session:
        project = desk.project(session, p)
        row = judging.store(session, project, desk.visit, body)
    with desk.reading() as session:  # nobody else has to wait for this
        now = progress.progress(session, project, desk.visit)
        return told.Stored(judgement=row.id, revision=row.revision, progress=now)


@router.get("/projects/{p}/mine")
def list_mine(p: Slug, desk: At, limit: Annotated[int, Query(ge=1, le=100)] = 20) -> told.Mine:
    """One's own latest answers, to undo or change them by a new revision."""
    with desk.reading() as session:
        return past.mine(session, desk.project(session, p), desk.visit, limit)


@router.get("/projects/{p}/progress")
def get_progress(p: Slug, desk: At) -> told.Progress:
    """How far things are."""
    with desk.reading() as session:
        return progress.progress(session, desk.project(session, p), desk.visit)


@router.get("/projects/{p}/overview")
def get_overview(p: Slug, desk: At) -> told.Overview:
    """The loop, and what to do next."""
    with desk.reading() as session:
        return progress.overview(session, desk.project(session, p), desk.visit)
