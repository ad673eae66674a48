"""What is brought in and taken out: tasks from files of completions or rankings, and what people said as files."""

import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from concord import formats
from concord.annotation import asked, queue, records, told
from concord.annotation.chain import canonical, sha256
from concord.annotation.faults import Refusal
from concord.annotation.tables import Candidate, Place, Project, Prompt, Task
from concord.annotation.values import MOST_CANDIDATES
from concord.errors import RecordError
from concord.formats.lines import lines
from concord.records import Completion, Ranking
from concord.records import Prompt as PromptRecord
from concord.records.files import dumps

UPLOAD = "upload.jsonl"
SHOWN = 20
"""Reasons that a reply names; the rest are counted."""
READERS: dict[str, Callable[[Path], formats.Rows[Any]]] = {
    "completions": formats.read_completions,
    "rankings": formats.read_rankings,
}
WRITERS: dict[str, Any] = {
    "rankings": (records.rankings, formats.write_rankings),
    "demonstrations": (records.demonstrations, formats.write_demonstrations),
    "ratings": (records.ratings, formats.write_ratings),
}


@dataclass(frozen=True)
class Offer:
    """A prompt with the completions that are to be ordered, and the pairs of them that are known to be right."""

    prompt: PromptRecord
    completions: Sequence[Completion]
    certain: frozenset[tuple[int, int]] = frozenset()


@dataclass(frozen=True)
class Content:
    """A file, and what it could not carry."""

    text: str
    told: dict[str, str]


def bring(session: Session, project: Project, asked: asked.NewTasks) -> told.Imported:
    """Add the tasks of a file; a row that cannot be read is named, and then nothing is added."""
    text = asked.text if asked.text is not None else "\n".join(dumps(row) for row in asked.rows or [])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / UPLOAD
        path.write_text(text, encoding="utf-8")
        kind = kind_of(path, asked)
        try:
            rows = READERS[kind](path)
        except RecordError as error:
            raise Refusal(422, "records", str(error).replace(str(path), UPLOAD), "text") from None
    warnings = [line.replace(str(path), UPLOAD) for line in rows.warnings]
    offers = of_completions(rows.records) if kind == "completions" else of_rankings(rows.records, asked.gold)
    tasks, left_out = add(session, project, offers, "gold" if asked.gold else "work")
    return told.Imported(
        rows=len(rows.records), tasks=len(tasks), left_out=shortened(left_out), warnings=shortened(warnings)
    )


def shortened(lines: Sequence[str]) -> list[str]:
    """The first lines, and how many more there are."""
    more = len(lines) - SHOWN
    return [*lines[:SHOWN], *([f"... and {more} more"] if more > 0 else [])]


def kind_of(path: Path, asked: asked.NewTasks) -> str:
    """What kind of records the rows are; gold needs rankings, for its answers are known."""
    try:
        name = asked.format or formats.sniff(line.row for line in lines(path))
    except RecordError as error:
        raise Refusal(422, "records", str(error).replace(str(path), UPLOAD), "format") from None
    known = formats.FORMATS.get(name)
    if known is None or known.kind not in READERS or (asked.gold and known.kind != "rankings"):
        wanted = "rankings" if asked.gold else "completions or rankings"
        names = [name for name, one in formats.FORMATS.items() if one.kind in wanted]
        raise Refusal(
            422, "format", f"`{name}` is no format of {wanted}. Give {' or '.join(names)}.", "format"
        )
    return known.kind


def of_completions(rows: Iterable[Completion]) -> list[Offer]:
    """One offer a prompt, of all its completions wherever in the file they stand."""
    by_prompt: dict[str, list[Completion]] = {}
    for one in rows:
        by_prompt.setdefault(one.prompt.id, []).append(one)
    return [Offer(found[0].prompt, found) for found in by_prompt.values()]


def of_rankings(rows: Iterable[Ranking], gold: bool) -> list[Offer]:
    """One offer a ranking; only of gold is the order kept, for else it would be a suggestion."""
    return [
        Offer(row.prompt, row.completions, frozenset(row.pairs()) if gold else frozenset()) for row in rows
    ]


def add(
    session: Session, project: Project, offers: Iterable[Offer], kind: str
) -> tuple[list[int], list[str]]:
    """Add tasks that are new; those that are there already are named too, with what was left out and why."""
    tasks, left_out = [], []
    for offer in offers:
        merged = merge(offer)
        why = unfit(project, merged, kind, offer)
        if why:
            left_out.append(f"prompt {offer.prompt.id}: {why}")
            continue
        task, new = one_task(session, project, offer, merged, kind)
        if task is None:
            left_out.append(f"prompt {offer.prompt.id}: it was erased from this project")
        elif new:
            tasks.append(task)
        else:
            left_out.append(f"prompt {offer.prompt.id}: the project has the task already")
    session.flush()
    return tasks, left_out


def merge(offer: Offer) -> dict[str, list[int]]:
    """The different texts of an offer, each with the completions that say it."""
    merged: dict[str, list[int]] = {}
    for position, completion in enumerate(offer.completions):
        merged.setdefault(completion.text, []).append(position)
    return merged


def unfit(project: Project, merged: dict[str, list[int]], kind: str, offer: Offer) -> str | None:
    """Why an offer can be no task of this project, if it cannot."""
    if len(merged) < 2:
        return "all answers are the same, so there is nothing to order"
    if len(merged) > MOST_CANDIDATES:
        return f"{len(merged)} different answers are more than the {MOST_CANDIDATES} that one page can show"
    if project.mode == "compare" and len(merged) != 2:
        return f"this project compares two answers, not {len(merged)}"
    if kind == "gold" and not offer.certain:
        return "its ranking prefers nothing, so there is no certain pair"
    return None


def one_task(
    session: Session, project: Project, offer: Offer, merged: dict[str, list[int]], kind: str
) -> tuple[int | None, bool]:
    """The task of an offer: the one that is there already, or a new one with its places."""
    prompt = known_prompt(session, project, offer.prompt)
    if prompt.erased is not None:
        return None, False
    places = {position: number for number, found in enumerate(merged.values()) for position in found}
    pairs = {(places[better], places[worse]) for better, worse in offer.certain}
    certain = sorted(pair for pair in pairs if pair[0] != pair[1])
    content = sha256(canonical([prompt.name, list(merged), certain]))
    same = Task.project_id == project.id, Task.kind == kind, Task.content == content
    task = session.scalar(select(Task).where(*same))
    new = task is None
    if task is None:
        task = Task(project_id=project.id, prompt_id=prompt.id, kind=kind, content=content)
        task.certain = [list(pair) for pair in certain]
        session.add(task)
        session.flush()
        for number, (text, found) in enumerate(merged.items()):
            said = [records.kept(offer.completions[position]) for position in found]
            session.add(Candidate(task_id=task.id, position=number, text=text, completions=said))
    if kind == "work" and session.scalar(select(Place.id).where(Place.task_id == task.id).limit(1)) is None:
        queue.open_places(session, project, task.id)
    return task.id, new


def known_prompt(session: Session, project: Project, prompt: PromptRecord) -> Prompt:
    """The project's row for a prompt."""
    named = Prompt.project_id == project.id, Prompt.name == prompt.id
    found = session.scalar(select(Prompt).where(*named))
    messages = records.message_rows(prompt)
    if found is not None and found.erased is None and found.messages != messages:
        raise Refusal(
            409,
            "other_prompt",
            f"The project has another prompt that is called {prompt.id!r}. Rename one.",
            "text",
        )
    if found is None:
        found = Prompt(project_id=project.id, name=prompt.id, messages=messages, tags=list(prompt.tags))
        session.add(found)
        session.flush()
    return found


def export(session: Session, project: Project, format: str) -> Content:
    """What people said, in a format of rankings, demonstrations or ratings."""
    known = formats.FORMATS.get(format)
    if known is None or known.kind not in WRITERS or known.write is None:
        names = [name for name, one in formats.FORMATS.items() if one.kind in WRITERS and one.write]
        raise Refusal(422, "format", f"`{format}` is not written here. Give {', '.join(names)}.", "format")
    rows, write = WRITERS[known.kind]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "export.jsonl"
        report = write(path, rows(session, project), format)
        text = path.read_text(encoding="utf-8") if report.rows else ""
    told = {"x-concord-records": str(report.records), "x-concord-rows": str(report.rows)}
    return Content(text, told | ({"x-concord-lost": "; ".join(report.losses)} if report.losses else {}))
