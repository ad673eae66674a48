"""Whom a judge speaks through: an endpoint elsewhere, any Sampler, or a policy here whose probabilities are read."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol

import torch

from concord.batches import pack
from concord.batches.packing import parts
from concord.endpoints import Chat, Question, Reply
from concord.endpoints.chat import Token
from concord.endpoints.memory import Memory
from concord.errors import JudgeError
from concord.models import Policy
from concord.models.folder import context
from concord.records import Completion, Message, Prompt, digest
from concord.roles import Sampler


class Voice(Protocol):
    """Whoever answers a judge's questions."""

    def ask(self, questions: Sequence[Question], labels: Sequence[str]) -> list[Reply]:
        """One answer to each; `labels` are the only ones wanted, or none if the answer is free."""
        ...


@dataclass(frozen=True)
class Elsewhere:
    """A chat endpoint."""

    chat: Chat

    def ask(self, questions: Sequence[Question], labels: Sequence[str]) -> list[Reply]:
        """Ask the endpoint, a few calls at once."""
        return [replies[0] for replies in self.chat.ask(questions)]


@dataclass(frozen=True)
class Spoken:
    """Any Sampler; it speaks at its own temperature and length."""

    sampler: Sampler

    def ask(self, questions: Sequence[Question], labels: Sequence[str]) -> list[Reply]:
        """Sample one answer to each question."""
        prompts = [Prompt(one.messages, digest("judged", one.seed)) for one in questions]
        return [Reply(said.text, said.finish) for said in self.sampler.sample(prompts, 1)]


@dataclass(frozen=True)
class Remembered:
    """Any voice, with every answer kept on disk: a stage that was stopped asks nothing twice."""

    voice: Voice
    memory: Memory
    of: str
    """Whose answers they are: another model's are none of these."""

    def ask(self, questions: Sequence[Question], labels: Sequence[str]) -> list[Reply]:
        """Ask what is not remembered."""
        names = [digest(self.of, asdict(one), list(labels)) for one in questions]
        fresh = {
            name: one for name, one in zip(names, questions, strict=True) if self.memory.recall(name) is None
        }
        said = self.voice.ask(list(fresh.values()), labels) if fresh else []
        for name, reply in zip(fresh, said, strict=True):
            self.memory.keep(name, asdict(reply))
        return [reply_of(self.memory.recall(name)) for name in names]


def reply_of(kept: dict[str, Any]) -> Reply:
    """An answer as it was before it was kept."""
    tokens = kept["tokens"]
    told = [
        Token(one["text"], one["logprob"], tuple((text, value) for text, value in one["tops"]))
        for one in tokens or ()
    ]
    return Reply(kept["text"], kept["finish"], None if tokens is None else tuple(told))


def without_system(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """A dialogue for a model that knows no system turn: what stands there begins the first turn of the user."""
    first, *rest = messages
    if first.role != "system":
        return messages
    return (Message("user", f"{first.content}\n\n{rest[0].content}"), *rest[1:])


@dataclass(frozen=True)
class Here:
    """A policy on this machine: where only labels are wanted, their probabilities are read, and nothing is drawn."""

    policy: Policy
    sampler: Sampler
    micro_tokens: int = 4096

    def ask(self, questions: Sequence[Question], labels: Sequence[str]) -> list[Reply]:
        """Weigh the labels, or sample an answer."""
        if not self.policy.template.takes_system:
            questions = [replace(one, messages=without_system(one.messages)) for one in questions]
        if not labels:
            return Spoken(self.sampler).ask(questions, labels)
        said = [
            Completion(Prompt(one.messages, str(place)), label, finish="length")
            for place, one in enumerate(questions)
            for label in labels
        ]
        found = self._logprobs(said)
        replies = []
        for start in range(0, len(said), len(labels)):
            tops = tuple(zip(labels, found[start : start + len(labels)], strict=True))
            best, logprob = max(tops, key=lambda one: one[1])
            replies.append(Reply(best, "stop", (Token(best, logprob, tops),)))
        return replies

    @torch.no_grad()
    def _logprobs(self, said: Sequence[Completion]) -> list[float]:
        rows = self.policy.template.completions(said)
        limit = context(self.policy.network)
        for row, one in zip(rows, said, strict=True):
            if len(row) > limit:
                raise JudgeError(
                    f"A judge's question has {len(row)} tokens, more than the model's context of {limit}: it begins "
                    f"{one.prompt.messages[-1].content[:80]!r}. Judge shorter answers, or name a larger model."
                )
        found = [math.nan] * len(rows)
        for group in parts(rows, self.micro_tokens):
            values = self.policy.logprobs(pack([rows[place] for place in group])).sum(-1)
            for place, value in zip(group, values.tolist(), strict=True):
                found[place] = value
        return found
