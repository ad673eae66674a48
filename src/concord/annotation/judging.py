"""Judgements: checked against what was shown, stored once, never lost."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from concord.annotation import asked, chain, past, queue, views, words
from concord.annotation.asked import Aspect
from concord.annotation.faults import Refusal
from concord.annotation.people import Visit
from concord.annotation.tables import Judgement, Place, Project, Prompt, Showing, Task

MOST_REVISIONS = 1_000
"""Of one answer: nobody changes their mind so often, but a script may."""


def store(session: Session, project: Project, visit: Visit, asked: asked.Said) -> Judgement:
    """Store a judgement, or find the one that the same request stored before."""
    queue.one_at_a_time(session, visit)
    request = words.sha256(words.canonical(asked.model_dump(mode="json")))
    known = replayed(session, project, visit, str(asked.key), request)
    if known is not None:
        return known
    # Before a place is held: who holds one and waits here is waited for by whoever notes a conflict. And before the
    # prompt is looked at: it may be erased meanwhile.
    chain.wait(session, project)
    showing = meant(session, project, visit, asked.task)
    before = latest(session, showing)
    refuse_untimely(before, asked.revises)
    seen = views.seen(session, project, showing)
    content = translated(seen, asked)
    if showing.kind == "work":
        (queue.vacate if asked.skip is not None else queue.fill)(session, showing)
    showing.judged, showing.expires = True, 0
    row = judgement(project, visit, showing.task_id, str(asked.key), request, showing.kind, showing.handle)
    if before is not None:
        row.revision, row.revises = before.revision + 1, before.id
    chain.append(session, project, row, content)
    if showing.kind == "work":
        note_conflict(session, showing.task_id)
    return row


def judgement(
    project: Project, visit: Visit, task: int, key: str, request: str, kind: str, showing: str | None = None
) -> Judgement:
    """A first answer, not yet in the chain."""
    return Judgement(
        project_id=project.id,
        number=0,
        task_id=task,
        person_id=visit.person,
        showing=showing,
        kind=kind,
        revision=1,
        revises=None,
        key=key,
        asked=request,
        made=0,
        digest="",
        previous="",
        hash="",
    )


def replayed(session: Session, project: Project, visit: Visit, key: str, request: str) -> Judgement | None:
    """What a request stored when it came the first time."""
    known = session.scalar(select(Judgement).where(Judgement.person_id == visit.person, Judgement.key == key))
    if known is not None and (known.asked != request or known.project_id != project.id):
        raise Refusal(
            409, "key_used", "This key belongs to another judgement of yours. Take a new one.", "key"
        )
    return known


def meant(session: Session, project: Project, visit: Visit, handle: str) -> Showing:
    """The meeting that a handle stands for."""
    mine = Showing.handle == handle, Showing.person_id == visit.person, Showing.project_id == project.id
    showing = session.scalar(select(Showing).where(*mine))
    if showing is None:
        raise Refusal(404, "not_found", "You were never given such a task.", "task")
    erased = select(Prompt.erased).join(Task, Task.prompt_id == Prompt.id).where(Task.id == showing.task_id)
    if session.scalar(erased) is not None:
        raise Refusal(410, "erased", "The prompt of this task was erased.", "task")
    return showing


def latest(session: Session, showing: Showing) -> Judgement | None:
    """The newest revision of an answer."""
    rows = select(Judgement).where(Judgement.showing == showing.handle)
    return session.scalar(rows.order_by(Judgement.revision.desc()).limit(1))


def refuse_untimely(before: Judgement | None, revises: int | None) -> None:
    """A first answer revises nothing; a later one revises the newest."""
    if before is None and revises is not None:
        raise Refusal(409, "nothing_to_revise", "You have not answered this task yet.", "revises")
    if before is not None and revises is None:
        raise Refusal(
            409,
            "already_judged",
            f"You have answered this task: judgement {before.id}. Name it to revise it.",
            "task",
        )
    if before is not None and before.revision >= MOST_REVISIONS:
        raise Refusal(409, "revisions", f"An answer can be changed {MOST_REVISIONS:,} times.", "revises")
    if before is not None and revises != before.id:
        raise Refusal(
            409, "not_latest", f"Your newest answer to this task is judgement {before.id}.", "revises"
        )


def translated(seen: views.Seen, asked: asked.Said) -> dict[str, Any]:
    """What was said, with positions in place of ids that only one person knows."""
    known = seen.places
    tiers = ranked(known, asked.tiers, seen.project.partial_allowed, asked.all_bad, asked.skip is not None)
    if asked.skip is not None and (asked.all_bad or asked.aspects or asked.edits):
        raise Refusal(422, "skip", "A task that is skipped is not answered: leave all else out.", "skip")
    shown = [place(known, one, "shown") for one in asked.shown]
    if shown and sorted(shown) != list(range(len(known))):
        raise Refusal(422, "shown", "The order on the screen must name every candidate once.", "shown")
    edits = {str(place(known, one, "edits")): text for one, text in asked.edits.items()}
    for number, text in edits.items():
        if not text.strip() or text == seen.candidates[int(number)].text:
            raise Refusal(422, "edit", "An edited text must say something, and something else.", "edits")
    return {
        "tiers": tiers,
        "all_bad": asked.all_bad,
        "skip": asked.skip,
        "comment": asked.comment,
        "aspects": rated(known, asked.aspects, [Aspect.model_validate(one) for one in seen.project.aspects]),
        "edits": edits,
        "shown": shown or seen.order,
        "active_seconds": asked.active_seconds,
        "idle_seconds": asked.idle_seconds,
        "first_seconds": asked.first_seconds,
        "keystrokes": asked.keystrokes,
        "guideline": asked.guideline,
    }


def place(known: Mapping[str, int], name: str, field: str) -> int:
    """The position of a candidate."""
    if name not in known:
        raise Refusal(422, "unknown_candidate", f"The task has no candidate {name}.", field)
    return known[name]


def ranked(
    known: Mapping[str, int], tiers: list[list[str]], partial: bool, all_bad: bool, skipped: bool
) -> list[list[int]]:
    """The tiers by positions: nobody twice, and an opinion in it."""
    found = [[place(known, name, "tiers") for name in tier] for tier in tiers]
    named = [position for tier in found for position in tier]
    if len(set(named)) < len(named):
        raise Refusal(422, "twice", "A candidate stands in the order twice.", "tiers")
    if skipped and named:
        raise Refusal(422, "skip", "A task that is skipped is not answered: leave the order out.", "tiers")
    if skipped or (all_bad and not named):
        return found
    if len(named) < len(known) and not partial and not all_bad:
        raise Refusal(
            422, "partial", f"{len(named)} of {len(known)} are ordered; this project asks for all.", "tiers"
        )
    if len(found) < 2 and len(named) < len(known) and not all_bad:
        raise Refusal(422, "no_opinion", "The order prefers nothing. Order two at least, or skip.", "tiers")
    return found


def rated(
    known: Mapping[str, int], given: Mapping[str, Mapping[str, float]], aspects: list[Aspect]
) -> dict[str, dict[str, float]]:
    """Numbers by aspect and position: of aspects that the project has, within their bounds."""
    bounds = {aspect.name: aspect for aspect in aspects}
    found: dict[str, dict[str, float]] = {}
    for name, numbers in given.items():
        if name not in bounds:
            raise Refusal(422, "unknown_aspect", f"The project has no aspect `{name}`.", "aspects")
        low, high = bounds[name].low, bounds[name].high
        for one, number in numbers.items():
            if not low <= number <= high:
                raise Refusal(
                    422, "aspect", f"`{name}` runs from {low} to {high}; {number} is beyond.", "aspects"
                )
            found.setdefault(name, {})[str(place(known, one, "aspects"))] = number
    return found


def note_conflict(session: Session, task: int) -> None:
    """Let a task on which people differ come earlier among equally often judged ones."""
    waiting = Place.task_id == task, Place.filled.is_(False)
    if session.scalar(select(Place.id).where(*waiting).limit(1)) is None:
        return
    orders = [said["tiers"] for _, said in past.answers(session, Judgement.task_id == task) if said["tiers"]]
    share = past.conflict(orders)
    session.execute(update(Place).where(*waiting).values(conflict=-share))
