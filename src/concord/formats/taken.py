"""What is taken out of records of another kind: prompts out of any, the best answers out of rankings."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, get_args

from concord.formats.shape import Kind
from concord.records import (
    Completion,
    Demonstration,
    Judgement,
    Prompt,
    Ranking,
    Rating,
    StepLabels,
    prompt_key,
)

SOURCES: dict[Kind, tuple[Kind, ...]] = {
    "prompts": tuple(kind for kind in get_args(Kind) if kind != "prompts"),
    "demonstrations": ("rankings", "judgements"),
}
"""What each kind can be taken out of."""


@dataclass(slots=True)
class Taken:
    """Takes records of one kind out of another's, and counts what it leaves."""

    read: Kind
    kind: Kind
    known: set[str] = field(default_factory=set)
    """The prompts that were taken; each is taken once."""
    again: int = 0
    """Prompts that were met again."""
    none: int = 0
    """Rankings without a best answer."""
    short: int = 0
    """Best answers that were cut off."""

    def out_of(self, records: Iterable[Any]) -> Iterator[Any]:
        """Everything that is taken."""
        if self.read == self.kind:
            yield from records
            return
        take = self.prompts if self.kind == "prompts" else self.best
        for record in records:
            yield from take(record.ranking if isinstance(record, Judgement) else record)

    def prompts(self, record: Completion | Demonstration | Ranking | Rating | StepLabels) -> Iterator[Prompt]:
        """A record's prompt, if it was not taken before."""
        prompt = record.completion.prompt if isinstance(record, Rating | StepLabels) else record.prompt
        name = prompt_key(prompt.messages)
        self.again += name in self.known
        if name not in self.known:
            self.known.add(name)
            yield prompt

    def best(self, ranking: Ranking) -> Iterator[Demonstration]:
        """The answers of the first tier; where nothing is worse, or all are bad, none is good."""
        if ranking.all_bad or len(ranking.tiers) < 2:
            self.none += 1
            return
        for place in ranking.tiers[0]:
            one = ranking.completions[place]
            self.short += one.finish == "length"
            if one.finish != "length":
                yield Demonstration(ranking.prompt, one.text, one.by)

    def told(self) -> Iterator[str]:
        """What was left, in words."""
        if self.read == self.kind:
            return
        what = "the prompts" if self.kind == "prompts" else "the answers of the first tier"
        yield f"of {self.read} only {what} are taken"
        if self.again:
            yield f"{self.again:,} prompts that stood there before are not written again"
        if self.none:
            yield f"{self.none:,} {self.read} have no best answer: all are bad, or none is worse than another"
        if self.short:
            yield f"{self.short:,} best answers were cut off, and nobody should learn to break off"
