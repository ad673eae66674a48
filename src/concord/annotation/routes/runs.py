"""The runs of a folder: for reviewers to watch, and for nobody to change."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Path, Query, Request
from fastapi.responses import Response
from fastapi.sse import EventSourceResponse, ServerSentEvent

from concord.annotation import told
from concord.annotation.watching import One, Watched

router = APIRouter(tags=["runs"])
RunName = Annotated[str, Path(min_length=1, max_length=255)]
Stage = Annotated[str | None, Query(max_length=255)]
Mark = Annotated[str, Query(max_length=400)]
BOXED = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
"""What a report may do: look like something. It is a file of the run's folder, so it is not believed."""


def watched(request: Request) -> Watched:
    """The folder that this server shows."""
    found: Watched = request.app.state.watched
    return found


def seen(run: RunName, folder: Annotated[Watched, Depends(watched)]) -> One:
    """The run that is asked for, looked up before anything is answered."""
    return folder.find(run)


Seen = Annotated[One, Depends(seen)]


@router.get("/runs")
def list_runs(folder: Annotated[Watched, Depends(watched)]) -> told.Runs:
    """Every run of the folder, the one that was begun last first."""
    return folder.list()


@router.get("/runs/{run}")
def get_run(run: Seen) -> told.RunView:
    """Where a run stands."""
    return run.view()


@router.get("/runs/{run}/curves")
def get_curves(
    run: Seen, stage: Stage = None, width: Annotated[int, Query(ge=10, le=2000)] = 300
) -> told.Curves:
    """A stage's numbers, thinned to the mean, least and most of as many stretches of steps as asked for."""
    return run.curves(stage, width)


@router.get("/runs/{run}/samples")
def get_samples(run: Seen, stage: Stage = None) -> told.Samples:
    """What the policy said at the beginning, and what it says now."""
    return run.samples(stage)


@router.get("/runs/{run}/news")
def get_news(run: Seen, stage: Stage = None, since: Mark = "") -> told.RunNews:
    """What has come since a mark; the same that `live` tells by itself."""
    return run.news(stage, since)


@router.get("/runs/{run}/live", response_class=EventSourceResponse)
async def watch_run(
    run: Seen,
    request: Request,
    stage: Stage = None,
    since: Mark = "",
    last_event_id: Annotated[str | None, Header(max_length=400)] = None,
) -> AsyncIterator[ServerSentEvent]:
    """News as they come, for a minute; a browser asks again by itself, from the last event that it had."""
    async for event in run.live(stage, last_event_id or since, request.app.state.ending):
        yield event


@router.get("/runs/{run}/report", response_class=Response)
def get_report(run: Seen) -> Response:
    """The run's report, in a box: it may load, run and send nothing."""
    headers = {"content-security-policy": BOXED, "content-disposition": "inline"}
    return Response(run.report(), media_type="text/html; charset=utf-8", headers=headers)
