"""The words that people judge: digests by which a task is known again, and by which a change of its words shows."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from concord.annotation.tables import Candidate, Prompt, Task


def canonical(value: Any) -> str:
    """The one way to write a value as JSON."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))


def sha256(text: str) -> str:
    """The sha256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


def of_task(prompt: str, texts: Sequence[str], certain: Sequence[Any]) -> str:
    """A task's digest: of its prompt's name, its different texts in order, and the pairs known to be right."""
    return sha256(canonical([prompt, list(texts), list(certain)]))


def of_check(origin: str, text: str) -> str:
    """The digest of a check of attention: of the task that it was made from, and of its shuffled text."""
    return sha256(canonical([origin, text]))


@dataclass(frozen=True)
class Words:
    """What stands to be judged in a task."""

    digest: str
    """Of the prompt's messages and the candidates' texts."""
    own: bool
    """Whether these are still the words that the task was made of."""


def read(session: Session, tasks: Collection[int]) -> dict[int, Words]:
    """The words of some tasks as they are now, in three steps however many tasks there are."""
    rows = select(Task, Prompt.name, Prompt.messages).join(Prompt, Prompt.id == Task.prompt_id)
    found: dict[int, tuple[Task, str, list[Any]]] = {}
    wanted = set(tasks)
    for _ in range(2):  # checks of attention are made from tasks that are none
        for task, name, messages in session.execute(rows.where(Task.id.in_(wanted))):
            found[task.id] = task, name, messages
        wanted = {
            task.origin_id for task, _, _ in found.values() if task.origin_id is not None
        } - found.keys()
    texts: defaultdict[int, list[str]] = defaultdict(list)
    foreign = set()
    said = select(Candidate.task_id, Candidate.text, Candidate.completions).order_by(Candidate.position)
    for number, text, completions in session.execute(said.where(Candidate.task_id.in_(list(found)))):
        texts[number].append(text)
        if any(one["text"] != text for one in completions):
            foreign.add(number)

    def made_of(number: int) -> str:
        task, name, _ = found[number]
        if task.origin_id is None:
            return of_task(name, texts[number], task.certain)
        *kept, last = texts[number] or [""]
        whole = task.origin_id in found and kept == texts[task.origin_id][:-1]
        return of_check(made_of(task.origin_id), last) if whole else ""

    return {
        number: Words(
            sha256(canonical([found[number][2], texts[number]])),
            number not in foreign and made_of(number) == found[number][0].content,
        )
        for number in set(tasks)
    }
