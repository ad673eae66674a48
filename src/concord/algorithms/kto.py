"""KTO: learn from good answers and from bad ones, each by itself, against what is usual for the policy."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import overload

import torch
from torch import Tensor

from concord.algorithms.course import Bench, Course
from concord.algorithms.feeds import Ahead, Reading
from concord.algorithms.references import sums, with_reference
from concord.batches import Rendered, Sequences, collate, pack
from concord.batches.collate import Candidate
from concord.errors import RecordError
from concord.maths.preference import kto
from concord.models import Policy
from concord.models.folder import context
from concord.settings import KTO
from concord.training import Loss


@dataclass(frozen=True)
class Marked:
    """Completions marked good or bad, and beside each ranking's an answer that belongs to another prompt."""

    sequences: Sequences
    good: Tensor
    """[N] whether a completion is good; else it is bad."""
    share: Tensor
    """[N] its share in its ranking: of the ranking's weight one half goes to the good answers, one to the bad."""
    reference: Tensor
    """[N] log-probability of each under the reference."""
    strangers: Sequences
    """One a ranking: a prompt with the answer to another."""
    usual: Tensor
    """[L] their log-probabilities under the reference."""
    weights: Tensor
    """[L] how much each ranking counts."""
    baseline: Tensor
    """What the policy drifts by on them, over the whole step; nan until the step was looked at."""

    @property
    def weight(self) -> float:
        """How many rankings there are, each as much as it counts."""
        return float(self.weights.sum())

    def to(self, device: torch.device) -> "Marked":
        """The same on another device."""
        return Marked(
            self.sequences.to(device),
            self.good.to(device),
            self.share.to(device),
            self.reference.to(device),
            self.strangers.to(device),
            self.usual.to(device),
            self.weights.to(device),
            self.baseline.to(device),
        )

    def describe(self) -> dict[str, object]:
        """What the rows are, for a person who looks into a step that went wrong."""
        return {**self.sequences.describe(), "good": self.good.tolist()}


@dataclass(frozen=True)
class Case:
    """A ranking with its references, and its prompt with the answer to another."""

    candidate: Candidate
    stranger: Candidate

    def __len__(self) -> int:
        return len(self.candidate) + len(self.stranger)


def stranger(lists: Sequence[Candidate], place: int, limit: int) -> Candidate:
    """A ranking's prompt with the first answer of the next one that asks something else and fits."""
    own, *_ = lists[place].rows
    asked = own.tokens[: own.opening]
    for number in range(1, len(lists)):
        other = lists[(place + number) % len(lists)].rows[0]
        said = other.tokens[other.opening :]
        if other.tokens[: other.opening] != asked and len(asked) + len(said) <= limit:
            marks = [False] * len(asked) + [True] * len(said)
            return Candidate([Rendered(asked + said, marks)], [0], [])
    raise RecordError(
        "KTO measures what is usual on answers to other prompts, but no other ranking's answer can stand after a "
        f"prompt of {len(asked)} tokens in a context of {limit}. Bring rankings of several prompts, or use dpo."
    )


@dataclass(frozen=True)
class Cases(Sequence[Case]):
    """Rankings with their strangers, each made when it is asked for."""

    lists: Sequence[Candidate]
    usual: Sequence[float]
    limit: int

    def __len__(self) -> int:
        return len(self.lists)

    @overload
    def __getitem__(self, place: int) -> Case: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Case]: ...
    def __getitem__(self, place: int | slice) -> Case | Sequence[Case]:
        if isinstance(place, slice):
            return [self[one] for one in range(*place.indices(len(self)))]
        number = range(len(self))[place]
        other = stranger(self.lists, number, self.limit)
        return Case(self.lists[number], replace(other, reference=[float(self.usual[number])]))


def marked(cases: Sequence[Case]) -> Marked:
    """Cases as one batch: the first tier of each ranking is good, the last bad, what is between is left out."""
    rows, good, share, reference = [], [], [], []
    for case in cases:
        one = case.candidate
        told = [place for place, tier in enumerate(one.tiers) if tier in (0, max(one.tiers))]
        rows += [one.rows[place] for place in told]
        good += [one.tiers[place] == 0 for place in told]
        reference += [one.reference[place] for place in told]
        first = sum(one.tiers[place] == 0 for place in told)
        share += [
            one.weight * 0.5 / (first if one.tiers[place] == 0 else len(told) - first) for place in told
        ]
    return Marked(
        pack(rows),
        torch.tensor(good),
        torch.tensor(share),
        torch.tensor(reference),
        pack([case.stranger.rows[0] for case in cases]),
        torch.tensor([case.stranger.reference[0] for case in cases]),
        torch.tensor([case.candidate.weight for case in cases]),
        torch.tensor(float("nan")),
    )


@dataclass
class KTOObjective:
    """Gains of good answers and losses of bad ones; every ranking counts by its weight."""

    policy: Policy
    settings: KTO

    def __call__(self, batch: Marked) -> Loss:
        batch, settings = batch.to(self.policy.compute.device), self.settings
        drift = self.policy.logprobs(batch.sequences).sum(-1) - batch.reference
        weight = torch.where(batch.good, settings.good, settings.bad)
        losses = weight * kto(drift, batch.good, batch.baseline, settings.beta)
        share, told = batch.share / batch.weight, settings.beta * drift.detach()
        notes = {
            "good_reward": 2 * (torch.where(batch.good, told, 0.0) * share).sum(),
            "bad_reward": 2 * (torch.where(batch.good, 0.0, told) * share).sum(),
            "baseline": batch.baseline,
        }
        return Loss((losses * share).sum(), notes, {"tokens": batch.sequences.size + batch.strangers.size})

    @torch.no_grad()
    def look(self, number: int, step: Sequence[Marked]) -> list[Marked]:
        """The batches of a step with what the policy drifts by on all of its strangers, at least 0."""
        batches = [batch.to(self.policy.compute.device) for batch in step]
        drifts = [self.policy.logprobs(batch.strangers).sum(-1) - batch.usual for batch in batches]
        weights = torch.cat([batch.weights for batch in batches])
        baseline = ((torch.cat(drifts) * weights).sum() / weights.sum()).clamp(min=0)
        return [replace(batch, baseline=baseline) for batch in batches]


def usual(
    lists: Sequence[Candidate],
    limit: int,
    reference: Policy,
    micro_tokens: int,
    say: Callable[[str], None],
) -> list[float]:
    """The log-probabilities of all strangers under the reference, computed before the first step."""
    say(f"the reference reads {len(lists):,} answers to other prompts, from which KTO learns what is usual.")
    found: list[float] = []
    for start in range(0, len(lists), 1024):
        some = range(start, min(start + 1024, len(lists)))
        found += sums([stranger(lists, place, limit) for place in some], reference, micro_tokens)
    return found


def build(settings: KTO, bench: Bench) -> Course:
    """Before its first step the policy is its own reference, so no second network is needed."""
    policy, budget = bench.policy, bench.learning.micro_tokens
    limit = context(policy.network)
    lists = collate.rankings(bench.rankings, policy.template, limit, bench.say)
    lists = with_reference(lists, policy, budget, bench.say)
    cases = Cases(lists, usual(lists, limit, policy, budget, bench.say), limit)
    objective = KTOObjective(policy, settings)
    feed = Ahead(Reading(cases, settings.batch, settings.epochs, bench.seed, marked, budget), objective.look)
    return Course(
        feed, objective, {"policy": policy.network}, {"policy": settings.rate}, feed.steps, dropout=False
    )
