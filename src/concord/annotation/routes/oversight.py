"""What a reviewer looks at and decides."""

from fastapi import APIRouter

from concord.annotation import asked, comparison, oversight, progress, quality, told
from concord.annotation.desk import At
from concord.annotation.values import Number, Slug

router = APIRouter(tags=["oversight"])


@router.get("/projects/{p}/agreement")
def get_agreement(p: Slug, desk: At) -> told.Agreement:
    """How far people agree, how each of them works, and where they differ most."""
    with desk.reading() as session:
        return quality.agreement(session, desk.project(session, p))


@router.get("/projects/{p}/tasks/{task}")
def get_opinions(p: Slug, task: Number, desk: At) -> told.Opinions:
    """All that was said of one task, by pseudonyms."""
    with desk.reading() as session:
        return oversight.opinions(session, desk.project(session, p), desk.visit, task)


@router.post("/projects/{p}/tasks/{task}/adjudicate")
def adjudicate(p: Slug, task: Number, body: asked.Adjudication, desk: At) -> told.Stored:
    """Decide a task; what others said stays as it is."""
    with desk.writing() as session:
        project = desk.project(session, p)
        row = oversight.adjudicate(session, project, desk.visit, task, body)
    with desk.reading() as session:
        now = progress.progress(session, project, desk.visit)
        return told.Stored(judgement=row.id, revision=row.revision, progress=now)


@router.get("/projects/{p}/comparison")
def get_comparison(p: Slug, desk: At) -> told.Comparison:
    """Which model is preferred to which: the only place where models have names."""
    with desk.reading() as session:
        return comparison.comparison(session, desk.project(session, p))
