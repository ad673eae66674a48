"""What can become a task: a prompt with several different answers; equal answers are one candidate."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from concord.annotation import queue, records, words
from concord.annotation.faults import Refusal
from concord.annotation.portions import portions
from concord.annotation.tables import Candidate, Project, Prompt, Task
from concord.annotation.values import MOST_CANDIDATES
from concord.records import Completion, Ranking
from concord.records import Prompt as PromptRecord


@dataclass(frozen=True)
class Offer:
    """A prompt with the completions that are to be ordered, and the pairs of them that are known to be right."""

    prompt: PromptRecord
    completions: Sequence[Completion]
    certain: frozenset[tuple[int, int]] = frozenset()

    @property
    def texts(self) -> dict[str, list[int]]:
        """The different texts, each with the positions of the completions that say it."""
        found: dict[str, list[int]] = {}
        for position, completion in enumerate(self.completions):
            found.setdefault(completion.text, []).append(position)
        return found

    @property
    def pairs(self) -> list[list[int]]:
        """The certain pairs, by candidate."""
        place = {position: number for number, found in enumerate(self.texts.values()) for position in found}
        pairs = {(place[better], place[worse]) for better, worse in self.certain}
        if any((worse, better) in pairs for better, worse in pairs if better != worse):
            raise Refusal(
                422,
                "gold",
                f"The ranking of prompt {self.prompt.id} puts a text both above and below another, so it is not "
                "certain of them. Correct it.",
                "rows",
            )
        return [list(pair) for pair in sorted(pairs) if pair[0] != pair[1]]

    @property
    def content(self) -> str:
        """A digest by which the same task is known again."""
        return words.of_task(self.prompt.id, list(self.texts), self.pairs)


@dataclass
class Added:
    """What became of offers: tasks that are new, tasks that were there, and what was left out, with the reason."""

    new: list[int] = field(default_factory=list)
    known: list[int] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


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


def unfit(project: Project, offer: Offer, kind: str) -> str | None:
    """Why an offer can be no task of this project, if it cannot."""
    count = len(offer.texts)
    if count < 2:
        return "all answers are the same, so there is nothing to order"
    if count > MOST_CANDIDATES:
        return f"{count} different answers are more than the {MOST_CANDIDATES} that one page can show"
    if project.mode == "compare" and count != 2:
        return f"this project compares two answers, not {count}"
    if kind == "gold" and not offer.pairs:
        return "its ranking prefers nothing, so there is no certain pair"
    return None


def add(session: Session, project: Project, offers: Iterable[Offer], kind: str) -> Added:
    """Make tasks of offers, all in a few large steps: whoever else wants to write waits meanwhile."""
    # Before anything is added: two who have both added could no longer wait for each other's end.
    queue.alone(session, project)
    added = Added()
    fitting = []
    for offer in offers:
        why = unfit(project, offer, kind)
        if why:
            added.left_out.append(f"prompt {offer.prompt.id}: {why}")
        else:
            fitting.append(offer)
    prompts = all_prompts(session, project, fitting)
    living = {}
    for offer in fitting:
        if prompts[offer.prompt.id].erased is not None:
            added.left_out.append(f"prompt {offer.prompt.id}: it was erased from this project")
        else:
            living[offer.content] = offer
    known = tasks_by_content(session, project, kind, list(living))
    added.known = list(known.values())
    new = {content: offer for content, offer in living.items() if content not in known}
    rows = [
        new_task(project, prompts[offer.prompt.id], offer, content, kind) for content, offer in new.items()
    ]
    session.add_all(rows)
    session.flush()
    added.new = [row.id for row in rows]
    candidates = [one for row in rows for one in candidate_rows(row.id, new[row.content])]
    if candidates:
        session.execute(insert(Candidate), candidates)
    if kind == "work":
        queue.open_places(session, project, [*added.known, *added.new])
    return added


def all_prompts(session: Session, project: Project, offers: Sequence[Offer]) -> dict[str, Prompt]:
    """The project's rows for the prompts of offers, by name; two prompts of one name are refused."""
    wanted = {offer.prompt.id: offer.prompt for offer in offers}
    found: dict[str, Prompt] = {}
    for names in portions(wanted):
        rows = select(Prompt).where(Prompt.project_id == project.id, Prompt.name.in_(names))
        found |= {row.name: row for row in session.scalars(rows)}
    for offer in offers:
        other = wanted[offer.prompt.id].messages != offer.prompt.messages
        row = found.get(offer.prompt.id)
        told = row is not None and row.erased is None and row.messages != records.message_rows(offer.prompt)
        if other or told:
            name = offer.prompt.id
            raise Refusal(
                409, "other_prompt", f"Two different prompts are called {name!r}. Rename one.", "text"
            )
    missing = [prompt for name, prompt in wanted.items() if name not in found]
    rows_of = [
        Prompt(project_id=project.id, name=one.id, messages=records.message_rows(one), tags=list(one.tags))
        for one in missing
    ]
    session.add_all(rows_of)
    session.flush()
    return found | {row.name: row for row in rows_of}


def tasks_by_content(
    session: Session, project: Project, kind: str, contents: Sequence[str]
) -> dict[str, int]:
    """The tasks that are there already."""
    found: dict[str, int] = {}
    for some in portions(contents):
        same = Task.project_id == project.id, Task.kind == kind, Task.content.in_(some)
        found |= {
            content: number for content, number in session.execute(select(Task.content, Task.id).where(*same))
        }
    return found


def new_task(project: Project, prompt: Prompt, offer: Offer, content: str, kind: str) -> Task:
    """A task without candidates as yet."""
    return Task(project_id=project.id, prompt_id=prompt.id, kind=kind, content=content, certain=offer.pairs)


def candidate_rows(task: int, offer: Offer) -> Iterator[dict[str, Any]]:
    """The candidates of a task."""
    for number, (text, found) in enumerate(offer.texts.items()):
        said = [records.kept(offer.completions[position]) for position in found]
        yield {"task_id": task, "position": number, "text": text, "completions": said}
