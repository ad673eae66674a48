"""What an admin brings in, takes out and takes care of."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from concord import formats
from concord.annotation import asked, chain, erasure, material, projects, queue, told
from concord.annotation import export as outgoing
from concord.annotation.desk import At
from concord.annotation.values import Slug

router = APIRouter(tags=["material"])
Format = Annotated[str, Query(max_length=60)]


class Sent(StreamingResponse):
    """A file on its way, let go of when it has arrived or when nobody waits for it any more."""

    def __init__(self, parcel: outgoing.Parcel, headers: dict[str, str]) -> None:
        super().__init__(parcel.parts(), media_type=parcel.media, headers=headers)
        self.file = parcel.file

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self.file.close()


@router.post("/projects")
def make_project(body: asked.NewProject, desk: At) -> told.Project:
    """Make a project without tasks."""
    with desk.writing() as session:
        return projects.view(session, projects.make(session, body), desk.visit)


@router.post("/projects/{p}/tasks")
def add_tasks(p: Slug, body: asked.NewTasks, desk: At) -> told.Imported:
    """Add prompts with their candidates: all rows are right, or nothing is taken."""
    with desk.writing() as session:
        return material.bring(session, desk.project(session, p), body)


@router.post("/projects/{p}/priorities")
def set_priorities(p: Slug, body: asked.Priorities, desk: At) -> told.Done:
    """Say which tasks should come earlier among equally often judged ones."""
    with desk.writing() as session:
        queue.prioritise(session, desk.project(session, p), body.values)
    return told.Done()


@router.get("/projects/{p}/export", response_class=Response)
def export(
    p: Slug, desk: At, format: Format = "concord-rankings", container: formats.Container = "jsonl"
) -> Response:
    """Everybody's latest rankings as a file, by pseudonyms."""
    with desk.reading() as session:
        parcel = outgoing.parcel(session, desk.project(session, p), format, container)
    headers = {
        "content-disposition": f'attachment; filename="{parcel.name}"',
        "content-length": str(parcel.size),
        "x-concord-records": str(parcel.report.records),
        "x-concord-rows": str(parcel.report.rows),
    }
    if parcel.report.losses:
        headers["x-concord-lost"] = "; ".join(parcel.report.losses)
    return Sent(parcel, headers)


@router.get("/projects/{p}/export/formats")
def list_exports(p: Slug, desk: At) -> told.Exports:
    """What an export may be written in."""
    with desk.reading() as session:
        desk.project(session, p)
    return outgoing.offered()


@router.get("/projects/{p}/export/losses")
def weigh_export(p: Slug, desk: At, format: Format = "concord-rankings") -> told.Weighed:
    """How much an export would hold, and what its format cannot carry."""
    with desk.reading() as session:
        return outgoing.weigh(session, desk.project(session, p), format)


@router.post("/projects/{p}/erase")
def erase(p: Slug, body: asked.Erasure, desk: At) -> told.Erased:
    """Forget a prompt with all that was said of it; a tombstone stays."""
    with desk.writing() as session:
        erased = erasure.erase(session, desk.project(session, p), desk.visit, body)
    desk.store.settle()
    return erased


@router.get("/projects/{p}/history")
def verify_history(p: Slug, desk: At) -> told.Verified:
    """Look whether any judgement was changed behind the server's back."""
    with desk.reading() as session:
        return chain.verify(session, desk.project(session, p))
