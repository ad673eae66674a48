"""What was said so far: the newest revision of every answer, and how far answers contradict each other."""

import json
from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Any

from sqlalchemy import ColumnElement, exists, select
from sqlalchemy.orm import Session, aliased

from concord.annotation import clock, told, views
from concord.annotation.people import Visit
from concord.annotation.tables import Content, Judgement, Project, Showing

Said = dict[str, Any]
"""What a judgement says: `tiers`, `all_bad`, `skip` and the rest, with positions of candidates."""
ANSWERS = ("work", "adjudication")
"""The kinds of judgements that guidance is made of; the others tell how people work."""
SKIPPED = Content.body.contains('"skip":"')
"""Only what was passed over: canonical JSON writes a reason so; in a text its quotes have backslashes."""
_later = aliased(Judgement)
_same = (
    _later.task_id == Judgement.task_id,
    _later.person_id == Judgement.person_id,
    _later.kind == Judgement.kind,
)
NEWEST = ~exists(
    select(_later.id).where(_later.showing == Judgement.showing, _later.revision > Judgement.revision)
) & ~exists(select(_later.id).where(Judgement.kind == "adjudication", *_same, _later.id > Judgement.id))
"""Only the newest revision of each answer, and the newest decision of each reviewer on a task."""


def answers(session: Session, *where: ColumnElement[bool]) -> Iterator[tuple[Judgement, Said]]:
    """The newest answers that fit, in the order in which they came; what was erased says nothing any more."""
    rows = (
        select(Judgement, Content.body)
        .join(Content, Content.judgement_id == Judgement.id)
        .where(NEWEST, *where)
        .order_by(Judgement.id)
    )
    for row, body in session.execute(rows):
        yield row, json.loads(body)


def preferred(tiers: Sequence[Sequence[int]]) -> set[tuple[int, int]]:
    """Every pair that an order implies, the better first."""
    return {
        (better, worse)
        for place, tier in enumerate(tiers)
        for lower in tiers[place + 1 :]
        for better in tier
        for worse in lower
    }


def conflict(orders: Sequence[Sequence[Sequence[int]]]) -> float:
    """The share of shared pairs that two answers order in opposite ways, over all two answers to one task.

    0 if nobody contradicts anybody, also while there is only one answer.
    """
    shared = against = 0
    for one, other in combinations([preferred(order) for order in orders], 2):
        turned = {(worse, better) for better, worse in other}
        against += len(one & turned)
        shared += len(one & turned) + len(one & other)
    return against / shared if shared else 0.0


def mine(session: Session, project: Project, visit: Visit, limit: int) -> told.Mine:
    """Somebody's own newest answers, the newest first."""
    rows = (
        select(Judgement, Content.body, Showing)
        .join(Content, Content.judgement_id == Judgement.id)
        .join(Showing, Showing.handle == Judgement.showing)
        .where(NEWEST, Judgement.person_id == visit.person, Judgement.project_id == project.id)
        .order_by(Judgement.id.desc())
        .limit(limit)
    )
    return told.Mine(
        judgements=[
            judged(session, project, row, json.loads(body), one) for row, body, one in session.execute(rows)
        ]
    )


def judged(session: Session, project: Project, row: Judgement, said: Said, showing: Showing) -> told.Judged:
    """An answer as the one who gave it sees it."""
    seen = views.seen(session, project, showing)
    names = seen.names
    return told.Judged(
        judgement=row.id,
        revision=row.revision,
        at=clock.told(row.made),
        task=views.view(session, seen),
        tiers=by_name(said["tiers"], names),
        all_bad=said["all_bad"],
        skip=said["skip"],
        comment=said["comment"],
        aspects={
            aspect: {names[int(position)]: number for position, number in numbers.items()}
            for aspect, numbers in said["aspects"].items()
        },
        edits={names[int(position)]: text for position, text in said["edits"].items()},
    )


def by_name(tiers: Sequence[Sequence[int]], names: Sequence[str]) -> list[list[str]]:
    """Tiers by ids in place of positions."""
    return [[names[position] for position in tier] for tier in tiers]
