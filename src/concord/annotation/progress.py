"""How far things are: of one person, of the project, of the loop that it is part of."""

import json
import math
from collections import Counter
from pathlib import Path
from statistics import median
from typing import Any, Literal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from concord.annotation import clock, past, quality, queue, told
from concord.annotation.people import Visit
from concord.annotation.tables import Content, Judgement, Place, Project, Showing, Task
from concord.errors import StoreError
from concord.runs import Run

LAST = 100
"""Answers that the median time is taken over."""
DAYS = 30
LOOP: tuple[tuple[Any, str], ...] = (
    ("sft", "sft"),
    ("samples", "sample"),
    ("rankings", "rank"),
    ("reward", "reward"),
    ("policy", "align"),
    ("evaluation", "evaluate"),
    ("gate", "gate"),
)
"""The parts of the loop, and the stage that makes each."""
State = Literal["done", "working", "waiting", "damaged", "unknown"]


def progress(session: Session, project: Project, visit: Visit) -> told.Progress:
    """How far one person and the project are."""
    mine = Judgement.person_id == visit.person, Judgement.project_id == project.id
    first = (*mine, Judgement.revision == 1, Judgement.kind != "adjudication")
    today = Judgement.made >= clock.midnight(clock.now())
    done, total = count(session, project, visit)
    return told.Progress(
        today=session.scalar(select(func.count()).where(*first, today)) or 0,
        mine=session.scalar(select(func.count()).where(*first)) or 0,
        done=done,
        total=total,
        median_seconds=usual_seconds(session, *mine),
        agreement=quality.remembered(project),
    )


def count(session: Session, project: Project, visit: Visit) -> tuple[int, int]:
    """How many judgements there are, and how many are needed, as far as somebody may know it."""
    return queue.count(session, project) if visit.role != "annotator" else alike(session, project)


def alike(session: Session, project: Project) -> tuple[int, int]:
    """The same two numbers with tasks of control counted like all others, so that nobody can tell which those are.

    What was answered counts whatever it was, and needed are as many more as the project's shares let expect.
    """
    done, total = queue.count(session, project)
    share = project.gold_share + project.repeat_share + project.attention_share
    expected = round(total / (1 - share))
    if share == 0 or done == total:
        return expected - total + done, expected
    first = Judgement.project_id == project.id, Judgement.revision == 1, Judgement.kind != "adjudication"
    given = select(func.count()).select_from(Judgement).join(Content, Content.judgement_id == Judgement.id)
    return min(session.scalar(given.where(*first)) or 0, expected - 1), expected


def left(session: Session, project: Project, visit: Visit) -> int:
    """About how many more tasks there may be for somebody; each that they meet counts, whatever its kind."""
    done, total = alike(session, project)
    mine = Showing.project_id == project.id, Showing.person_id == visit.person
    met = Showing.judged | (Showing.expires > clock.now())
    count = session.scalar(select(func.count()).select_from(Showing).where(*mine, met)) or 0
    return max(0, min(total - done, math.ceil(total / project.overlap) - count))


def usual_seconds(session: Session, *mine: Any) -> float | None:
    """The median of somebody's active seconds over their last answers."""
    rows = (
        select(Content.body)
        .join(Judgement, Judgement.id == Content.judgement_id)
        .where(*mine, Judgement.kind != "adjudication")
        .order_by(Judgement.id.desc())
        .limit(LAST)
    )
    said = [json.loads(body) for body in session.scalars(rows)]
    seconds = [one["active_seconds"] for one in said if one["skip"] is None]
    return float(median(seconds)) if seconds else None


def overview(session: Session, project: Project, visit: Visit) -> told.Overview:
    """The loop, what was judged on which day, and what to do next."""
    done, total = count(session, project, visit)
    made = select(Judgement.made).where(Judgement.project_id == project.id, Judgement.revision == 1)
    days = Counter(clock.day(moment) for moment in session.scalars(made))
    latest = sorted(days)[-DAYS:]
    return told.Overview(
        loop=loop(session, project, done, total),
        done=done,
        total=total,
        per_day=[told.Day(day=day, count=days[day]) for day in latest],
        advice=advice(session, project, visit, done, total),
    )


def loop(session: Session, project: Project, done: int, total: int) -> list[told.Node]:
    """Each part of the loop: of the run that the tasks came from, as its folder says."""
    tasks = (
        session.scalar(select(func.count()).where(Task.project_id == project.id, Task.kind == "work")) or 0
    )
    nodes = [
        told.Node(name="demonstrations", count=None, state="unknown" if not project.run else "done", note="")
    ]
    for name, stage in LOOP:
        state, note = stage_state(project.run, stage), ""
        count = {"samples": tasks, "rankings": done}.get(name)
        if name == "rankings":
            state = "done" if total and done == total else "working" if total else "waiting"
            note = f"{done} of {total} judgements"
        nodes.append(told.Node(name=name, count=count, state=state, note=note))
    return nodes


def stage_state(run: str | None, stage: str) -> State:
    """How far a stage of a run is, as far as its folder can be seen from here."""
    if run is None or not Path(run).is_dir():
        return "unknown"
    place = Run(run)
    try:
        if place.finished(stage) is not None:
            return "done"
    except StoreError:
        return "damaged"
    return "working" if place.partial(stage).exists() else "waiting"


def advice(session: Session, project: Project, visit: Visit, done: int, total: int) -> list[str]:
    """What to do next, the most useful first."""
    if not total:
        return [
            "Add tasks: give `concord rank` with `rank.by=people`, or a file of prompts with their answers."
        ]
    if done == total:
        then = "Give `concord rank` again to take them into the run." if project.run else "Export them."
        return [f"Every task has its judgements. {then}"]
    told = [f"{total - done} judgements are left."]
    differ = Place.project_id == project.id, Place.filled.is_(False), Place.conflict < 0
    hard = session.scalar(select(func.count(Place.task_id.distinct())).where(*differ)) or 0
    if hard and visit.role != "annotator":  # who contradicts somebody would see whether their answer counts
        told.append(f"{hard} tasks with judgements to come are ones on which people differ.")
    said = select(func.count()).select_from(Judgement).join(Content, Content.judgement_id == Judgement.id)
    mute = past.SKIPPED, Judgement.project_id == project.id, past.NEWEST
    skipped = session.scalar(said.where(*mute))
    if skipped:
        told.append(f"{skipped} tasks were skipped: look at the reasons on the page of agreement.")
    return told
