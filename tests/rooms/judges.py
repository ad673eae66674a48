"""Lists of answers of known quality, and judges of them; for tests alone."""

from collections.abc import Sequence
from typing import Any

from concord.endpoints import Chat
from concord.records import Completion, Message, Prompt, Ranking
from concord.scoring import Judge, Rubric
from concord.scoring.voices import Elsewhere
from concord.settings import Endpoint, Judging


def prompt(name: str) -> Prompt:
    """A prompt of a name."""
    return Prompt((Message("user", f"Tell me about {name}."),), name)


def answers(name: str, *texts: str) -> list[Completion]:
    """Answers to it."""
    return [Completion(prompt(name), text) for text in texts]


def graded(name: str, *grades: int) -> list[Completion]:
    """Answers that are so good."""
    return answers(name, *(f"Answer {place} is " + "good " * grade for place, grade in enumerate(grades)))


def judge(there: Any, rubric: Rubric | None = None, examples: Sequence[Ranking] = (), **asked: Any) -> Judge:
    """A judge who speaks through a test's endpoint."""
    chat = Chat(Endpoint(url=there.url, model="m", tries=1))
    settings = Judging.model_validate(asked)
    return Judge(Elsewhere(chat), "judge:m", settings, rubric or Rubric(), examples, seed=3)
