"""How far people agree and how each of them works, by the measures of `annotation.agreement`."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from concord.annotation import measures, past, records, told
from concord.annotation.agreement import Agreement, Annotator
from concord.annotation.agreement import agreement as compare
from concord.annotation.measures import Estimate
from concord.annotation.outcomes import Given, Outcomes
from concord.annotation.tables import Content, Judgement, Project, Prompt, Task

BEGINNING = 120
"""Characters of a prompt that a list shows."""
LATEST = 50
"""Skipped tasks that are named."""
AGAIN = 100
"""Resamples behind the interval of one tag's alpha."""
Moment = tuple[int, int]
"""How many revisions of judgements a project has, and how many erased prompts: neither ever falls."""


@dataclass
class Kept:
    """What was last worked out for one project, and the turn of whoever works it out anew."""

    turn: threading.Lock = field(default_factory=threading.Lock)
    at: Moment = (-1, -1)
    value: told.Agreement | None = None


_kept: dict[str, Kept] = {}


def remembered(project: Project) -> told.Range | None:
    """Alpha as it was when somebody last looked at the page of agreement: it takes too long for every judgement."""
    known = _kept.get(project.salt)
    return known.value.alpha if known and known.value else None


def given(session: Session, project: Project) -> list[Given]:
    """Every answer as the measures take it; repeats follow the answers that they repeat."""
    kinds = Judgement.kind.in_(("work", "gold", "repeat"))
    return [
        Given(
            records.pseudonym(project, row.person_id),
            known.ranking(said, records.pseudonym(project, row.person_id)),
            str(row.task_id),
            said["active_seconds"],
            row.made,
        )
        for row, said, known in records.answered(session, project, kinds)
        if said["tiers"]
    ]


def certain(session: Session, project: Project) -> dict[str, list[tuple[str, str]]]:
    """The pairs of texts that are known to be right, by gold task."""
    found = {}
    pairs = known_pairs(session, project, "gold")
    for task, known in records.ranked(session, pairs).items():
        texts = [known.completions[group[0]].text for group in known.groups]
        found[str(task)] = [(texts[better], texts[worse]) for better, worse in pairs[task]]
    return found


def known_pairs(session: Session, project: Project, kind: str) -> dict[int, list[tuple[int, int]]]:
    """The pairs of candidates that are known to be right, by task."""
    rows = select(Task.id, Task.certain).where(Task.project_id == project.id, Task.kind == kind)
    return {task: [(pair[0], pair[1]) for pair in certain] for task, certain in session.execute(rows)}


def attention(session: Session, project: Project) -> dict[str, told.Tally]:
    """How many checks of attention each person passed: the spoiled candidate stands below all others."""
    counts: dict[str, list[int]] = {}
    checks = Judgement.project_id == project.id, Judgement.kind == "attention"
    pairs = known_pairs(session, project, "attention")
    for row, said in past.answers(session, *checks):
        if said["skip"] is None:
            passed = set(pairs[row.task_id]) <= past.preferred(said["tiers"])
            counts.setdefault(records.pseudonym(project, row.person_id), []).append(passed)
    return {name: told.Tally(right=sum(passed), total=len(passed)) for name, passed in counts.items()}


def agreement(session: Session, project: Project) -> told.Agreement:
    """Everything on the page of agreement; worked out anew when anything was said or erased since.

    Whoever asks meanwhile waits and takes what the first one found, if it is no older than what they see.
    """
    erased = Prompt.project_id == project.id, Prompt.erased.is_not(None)
    now: Moment = (project.length, session.scalar(select(func.count()).where(*erased)) or 0)
    kept = _kept.setdefault(project.salt, Kept())
    with kept.turn:
        if kept.value is None or not all(known >= seen for known, seen in zip(kept.at, now, strict=True)):
            kept.value, kept.at = work_out(session, project), now
        return kept.value


def work_out(session: Session, project: Project) -> told.Agreement:
    """All the measures."""
    everything = given(session, project)
    found = compare(everything, certain(session, project))
    checks = attention(session, project)
    return told.Agreement(
        alpha=ranged(found.alpha),
        annotators=[line(one, checks) for one in found.annotators],
        matrix=[list(row) for row in found.matrix],
        hardest=hardest(session, found),
        skipped=skipped(session, project),
        tags=by_tag(Outcomes.of(everything), [one.tag for one in found.tags]),
    )


def by_tag(outcomes: Outcomes, tags: Sequence[str]) -> list[told.TagAlpha]:
    """Alpha on the prompts of each tag, with an interval that is quicker and coarser than that of them all."""
    rows = []
    for tag in tags:
        mine = {task for task, prompt in outcomes.prompts.items() if tag in prompt.tags}
        here = np.array([task in mine for task in outcomes.tasks])
        value = measures.alpha(outcomes.table[:, here], outcomes.task_numbers[here], resamples=AGAIN)
        rows.append(told.TagAlpha(tag=tag, alpha=ranged(value)))
    return rows


def hardest(session: Session, found: Agreement) -> Sequence[told.Hard]:
    """The tasks on which a decision helps most."""
    hard = [one for one in found.hardest if one.disagreement > 0]
    known = records.ranked(session, [int(one.task) for one in hard])
    return [
        told.Hard(
            task=int(one.task),
            prompt=beginning(one.prompt),
            prompt_id=known[int(one.task)].prompt.id,
            disagreement=one.disagreement,
        )
        for one in hard
    ]


def skipped(session: Session, project: Project) -> list[told.Skipped]:
    """The tasks that somebody passed over last, and why: nobody else may see what is wrong with them."""
    passed = Judgement.project_id == project.id, past.SKIPPED
    latest = (
        select(Judgement.id).join(Content, Content.judgement_id == Judgement.id).where(past.NEWEST, *passed)
    )
    ids = session.scalars(latest.order_by(Judgement.id.desc()).limit(LATEST)).all()
    found = list(past.answers(session, Judgement.id.in_(ids)))
    known = records.ranked(session, {row.task_id for row, _ in found})
    return [
        told.Skipped(
            task=row.task_id,
            prompt=beginning(known[row.task_id].prompt.messages[-1].content),
            by=records.pseudonym(project, row.person_id),
            reason=said["skip"],
        )
        for row, said in reversed(found)
    ]


def beginning(prompt: str) -> str:
    """As much of a prompt as a list shows."""
    return " ".join(prompt.split())[:BEGINNING]


def line(one: Annotator, checks: dict[str, told.Tally]) -> told.AnnotatorLine:
    """One person's row."""
    return told.AnnotatorLine(
        name=one.name,
        judgements=one.judgements,
        agreement=one.agreement.value if one.agreement else None,
        gold=told.Tally(right=one.gold.right, total=one.gold.total),
        attention=checks.get(one.name, told.Tally(right=0, total=0)),
        self=told.Tally(right=one.self.same, total=one.self.total),
        first_share=one.first_share,
        tie_share=one.tie_share,
        median_seconds=one.median_seconds,
        flags=[told.Flag(name=flag.name, why=flag.why) for flag in one.flags],
    )


def ranged(one: Estimate | None) -> told.Range | None:
    """An estimate as it is told."""
    return None if one is None else told.Range(value=one.value, low=one.low, high=one.high, n=one.n)
