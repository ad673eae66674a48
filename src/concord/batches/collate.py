"""Records become tensors here, and whatever does not fit is counted and said."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch

from concord.batches.kinds import Lists, Sequences, pack
from concord.batches.packing import cost
from concord.batches.template import Rendered, Template
from concord.errors import RecordError
from concord.records import Completion, Demonstration, Ranking


@dataclass
class Fit:
    """How rendered records fared against the model's context: kept, and dropped with examples."""

    limit: int
    kept: int = 0
    dropped: list[str] = field(default_factory=list)

    def admits(self, rendered: Rendered, name: str) -> bool:
        """Whether a row fits; one that does not is remembered, never cut."""
        if len(rendered) <= self.limit and any(rendered.scored):
            self.kept += 1
            return True
        self.dropped.append(f"{name} ({len(rendered)} tokens)")
        return False

    def say(self, what: str, say: Callable[[str], None]) -> None:
        """Print the count, and refuse if nothing is left."""
        if self.dropped:
            examples = ", ".join(self.dropped[:3])
            say(
                f"{len(self.dropped)} of {self.kept + len(self.dropped)} {what} are longer than the model's context "
                f"of {self.limit} tokens and were left out, such as {examples}."
            )
        if not self.kept and not self.dropped:
            raise RecordError(
                f"There are no {what} to learn from. Bring more of them, or let `reward.hold_out` keep back fewer."
            )
        if not self.kept:
            raise RecordError(
                f"No {what} are left: each is longer than the model's context of {self.limit} tokens. "
                "Use shorter texts or a model with a longer context."
            )


@dataclass(frozen=True)
class Candidate:
    """One list ready to be batched: its rows and their tiers."""

    rows: list[Rendered]
    tiers: list[int]
    reference: list[float]

    def __len__(self) -> int:
        return cost(self.rows)


def demonstrations(
    records: Sequence[Demonstration],
    template: Template,
    limit: int,
    every_turn: bool,
    say: Callable[[str], None],
) -> list[Rendered]:
    """Demonstrations as ids, those that do not fit left out and counted."""
    fit = Fit(limit)
    rows = [template.demonstration(record, every_turn) for record in records]
    kept = [row for row, record in zip(rows, records, strict=True) if fit.admits(row, record.prompt.id)]
    fit.say("demonstrations", say)
    return kept


def rankings(
    records: Sequence[Ranking], template: Template, limit: int, say: Callable[[str], None]
) -> list[Candidate]:
    """Rankings as lists of ids: unranked candidates carry no preference and are not read."""
    fit = Fit(limit)
    lists = []
    for record in records:
        tier_of = {place: tier for tier, places in enumerate(record.tiers) for place in places}
        rows = {place: template.completion(record.completions[place]) for place in sorted(tier_of)}
        longest = max(rows.values(), key=len) if rows else None
        if longest is None or len(record.tiers) < 2:
            continue
        if fit.admits(longest, record.prompt.id):
            lists.append(Candidate(list(rows.values()), [tier_of[place] for place in rows], []))
    silent = len(records) - fit.kept - len(fit.dropped)
    if silent:
        say(
            f"{silent} of {len(records)} rankings put all answers in one tier; they teach nothing and were left out."
        )
    if records and silent == len(records):
        raise RecordError(
            "No rankings are left: each puts all of its answers in one tier. Rank some answers above others."
        )
    fit.say("rankings", say)
    return lists


def completions(records: Sequence[Completion], template: Template) -> Sequences:
    """Completions packed, scored on what was said."""
    return pack([template.completion(record) for record in records])


def lists(candidates: Sequence[Candidate]) -> Lists:
    """Lists side by side, each candidate a row."""
    width = max(len(candidate.rows) for candidate in candidates)
    place = torch.zeros(len(candidates), width, dtype=torch.int64)
    tiers = torch.full((len(candidates), width), -1, dtype=torch.int64)
    rows: list[Rendered] = []
    reference: list[float] = []
    for number, candidate in enumerate(candidates):
        size = len(candidate.rows)
        place[number, :size] = torch.arange(len(rows), len(rows) + size)
        tiers[number, :size] = torch.tensor(candidate.tiers)
        rows += candidate.rows
        reference += candidate.reference or [float("nan")] * size
    return Lists(pack(rows), place, tiers, torch.tensor(reference))
