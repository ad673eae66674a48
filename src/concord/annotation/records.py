"""Between the store and the records of the rest of the house: prompts, completions, rankings."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from concord.annotation import past, views
from concord.annotation.past import ANSWERS, Said
from concord.annotation.portions import portions
from concord.annotation.tables import Candidate, Judgement, Project, Task
from concord.annotation.tables import Prompt as PromptRow
from concord.records import Completion, Demonstration, Message, Prompt, Ranking, Rating

FIELDS = ("text", "by", "seed", "temperature", "finish", "tokens", "logprobs")


def message_rows(prompt: Prompt) -> list[dict[str, str]]:
    """A prompt's messages as the store keeps them."""
    return [{"role": message.role, "content": message.content} for message in prompt.messages]


def kept(completion: Completion) -> dict[str, Any]:
    """A completion as the store keeps it, without its prompt."""
    found = {name: getattr(completion, name) for name in FIELDS}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in found.items()}


def prompt_of(row: PromptRow) -> Prompt:
    """The prompt that a row holds."""
    messages = tuple(Message(one["role"], one["content"]) for one in row.messages)
    return Prompt(messages, row.name, tuple(row.tags))


def completion_of(prompt: Prompt, row: Mapping[str, Any]) -> Completion:
    """The completion that a row holds."""
    values: dict[str, Any] = {name: row[name] for name in FIELDS}
    for name in ("tokens", "logprobs"):
        values[name] = None if row[name] is None else tuple(row[name])
    return Completion(prompt, **values)


@dataclass(frozen=True)
class Candidates:
    """A task's completions, and which of them each candidate stands for: equal texts are one candidate."""

    prompt: Prompt
    completions: tuple[Completion, ...]
    groups: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, prompt: Prompt, rows: Sequence[Candidate]) -> "Candidates":
        """The completions behind the candidates of a task."""
        completions: list[Completion] = []
        groups = []
        for row in rows:
            said = row.completions or [kept(Completion(prompt, row.text))]
            groups.append(tuple(range(len(completions), len(completions) + len(said))))
            completions += [completion_of(prompt, one) for one in said]
        return cls(prompt, tuple(completions), tuple(groups))

    def wide(self, positions: Iterable[int]) -> tuple[int, ...]:
        """Places of all completions that some candidates stand for."""
        return tuple(place for position in positions for place in self.groups[position])

    def ranking(self, said: Said, by: str) -> Ranking:
        """What was said, as a ranking of the completions."""
        tiers = tuple(self.wide(tier) for tier in said["tiers"])
        shown = self.wide(said.get("shown") or ())
        return Ranking(self.prompt, self.completions, tiers, by=by, shown=shown, all_bad=said["all_bad"])


def pseudonym(project: Project, person: int, kind: str = "annotator") -> str:
    """What exports call somebody: the same throughout a project, and nothing elsewhere."""
    return f"{kind}-{views.keyed(project.salt, 'name', person)[:8]}"


def by_whom(project: Project, row: Judgement) -> str:
    """The pseudonym under which a judgement is exported."""
    return pseudonym(project, row.person_id, "adjudication" if row.kind == "adjudication" else "annotator")


def answered(
    session: Session, project: Project, *where: ColumnElement[bool]
) -> Iterator[tuple[Judgement, Said, Candidates]]:
    """The newest answers of a project, skips left out, each with what was ranked."""
    known: dict[int, Candidates] = {}
    for some in portions(past.answers(session, Judgement.project_id == project.id, *where)):
        given = [(row, said) for row, said in some if said["skip"] is None]
        known |= ranked(session, {row.task_id for row, _ in given} - known.keys())
        for row, said in given:
            yield row, said, known[row.task_id]


def ranked(session: Session, tasks: Collection[int]) -> dict[int, Candidates]:
    """What stands to be ranked in some tasks."""
    found: dict[int, Candidates] = {}
    for some in portions(tasks):
        candidates: dict[int, list[Candidate]] = {task: [] for task in some}
        here = select(Candidate).where(Candidate.task_id.in_(some)).order_by(Candidate.position)
        for one in session.scalars(here):
            candidates[one.task_id].append(one)
        prompts = select(Task.id, PromptRow).join(PromptRow, PromptRow.id == Task.prompt_id)
        for task, prompt in session.execute(prompts.where(Task.id.in_(some))):
            found[task] = Candidates.of(prompt_of(prompt), candidates[task])
    return found


def rankings(session: Session, project: Project, tasks: frozenset[int] | None = None) -> Iterator[Ranking]:
    """Everybody's rankings, and of each edit that it is better than what was edited."""
    for row, said, known in answered(session, project, Judgement.kind.in_(ANSWERS)):
        if tasks is not None and row.task_id not in tasks:
            continue
        by = by_whom(project, row)
        if said["tiers"] or said["all_bad"]:
            yield known.ranking(said, by)
        for position, text in said.get("edits", {}).items():
            better = Completion(known.prompt, text, by=by)
            yield Ranking(
                known.prompt, (better, known.completions[known.groups[int(position)][0]]), ((0,), (1,)), by
            )


def guidelines(session: Session, project: Project, tasks: frozenset[int]) -> Counter[int]:
    """How many answers were given under which version of the guideline; 0 stands for none."""
    given = answered(session, project, Judgement.kind.in_(ANSWERS))
    return Counter(int(said.get("guideline") or 0) for row, said, _ in given if row.task_id in tasks)


def demonstrations(session: Session, project: Project) -> Iterator[Demonstration]:
    """Edits of the best answers: what people would have said."""
    for row, said, known in answered(session, project, Judgement.kind.in_(ANSWERS)):
        best = said["tiers"][0] if said["tiers"] else []
        for position, text in said.get("edits", {}).items():
            if int(position) in best:
                yield Demonstration(known.prompt, text, by=by_whom(project, row))


def ratings(session: Session, project: Project) -> Iterator[Rating]:
    """The numbers that people gave by aspect."""
    for row, said, known in answered(session, project, Judgement.kind.in_(ANSWERS)):
        for aspect, numbers in said.get("aspects", {}).items():
            for position, number in numbers.items():
                for place in known.groups[int(position)]:
                    completion = known.completions[place]
                    yield Rating(completion, number, aspect, by_whom(project, row))
