"""The tensors that learning works on: sequences, lists, rollouts and experience.

Shapes: N sequences, P packed tokens, S scored tokens of a sequence, L lists, K candidates of a list. What is
known of a scored token stands in a grid [N, S]: its sequence's row, and its number among those scored.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor

from concord.batches import packing
from concord.batches.packing import Family, Layout
from concord.batches.template import Rendered
from concord.records import Prompt


@dataclass(frozen=True)
class Sequences:
    """Rows of tokens packed end to end: a prompt that several rows share stands once, and nothing is padded."""

    rows: tuple[Rendered, ...]
    """What was packed."""
    tokens: Tensor
    """[P] token ids; the last few may be there to make the number even, and no row has them."""
    positions: Tensor
    """[P] the place of each token in its own row."""
    layout: Layout
    """Which tokens see each other."""
    scored: Tensor
    """[N, S] whether a row has a scored token of that number: one that bears loss or credit."""
    at: Tensor
    """[N, S] the place of each scored token; 0 where there is none."""
    before: Tensor
    """[N, S] the place of the token before each scored one, from which it is predicted; 0 where there is none."""

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def weight(self) -> float:
        """How many tokens bear loss."""
        return float(self.scored.sum())

    @property
    def size(self) -> float:
        """How many tokens a network has to read."""
        return float(packing.cost(self.rows))

    @property
    def said(self) -> Tensor:
        """[N, S] the scored tokens."""
        return self.tokens[self.at]

    def some(self, index: Sequence[int]) -> "Sequences":
        """Some of the rows, packed anew."""
        return pack([self.rows[row] for row in index])

    def parts(self, most: int) -> list[list[int]]:
        """All rows in groups of at most so many packed tokens."""
        return packing.parts(self.rows, most)

    def to(self, device: torch.device) -> "Sequences":
        """The same rows on another device."""
        if self.tokens.device == device:
            return self
        tensors = (self.tokens.to(device), self.positions.to(device), self.layout.to(device))
        return Sequences(
            self.rows, *tensors, *(one.to(device) for one in (self.scored, self.at, self.before))
        )

    def describe(self) -> dict[str, list[list[int]]]:
        """What the rows are, for a person who looks into a step that went wrong."""
        return {"tokens": [row.tokens for row in self.rows]}


@dataclass(frozen=True)
class Lists:
    """Ranked candidates: L lists of up to K sequences each."""

    sequences: Sequences
    """All candidates of all lists, one a row."""
    place: Tensor
    """[L, K] the row of each candidate; 0 where there is none."""
    tiers: Tensor
    """[L, K] the tier of each candidate, 0 best; -1 where it is absent or unranked."""
    reference: Tensor
    """[N] log-probability of each row under the reference; nan where none was asked for."""
    weights: Tensor | None = None
    """[L] how much each list counts; None if all count the same."""
    chances: Tensor | None = None
    """[L, K, K] soft labels: the chance that one candidate is better than another; nan, or None, where none is told."""
    handicap: Tensor | None = None
    """[L, K, K] nats that a pair's lead is short of, if pairs are compared with each other."""

    @property
    def weight(self) -> float:
        """How many lists there are, each as much as it counts."""
        return float(self.place.shape[0]) if self.weights is None else float(self.weights.sum())

    def weighed(self, values: Tensor) -> Tensor:
        """[L] values of which the plain mean is the mean by the lists' weights."""
        return values if self.weights is None else values * (self.weights / self.weights.mean())

    def by_list(self, values: Tensor) -> Tensor:
        """[L, K] what stands at each candidate's row of `values` [N]; absent ones get row 0's."""
        return values[self.place]

    def to(self, device: torch.device) -> "Lists":
        """The same lists on another device."""
        parts = {one.name: getattr(self, one.name) for one in fields(Lists)}
        moved: dict[str, Any] = {
            name: None if part is None else part.to(device) for name, part in parts.items()
        }
        return Lists(**moved)

    def describe(self) -> dict[str, object]:
        """What the lists are, for a person who looks into a step that went wrong."""
        return {**self.sequences.describe(), "place": self.place.tolist(), "tiers": self.tiers.tolist()}


@dataclass(frozen=True)
class Rollout:
    """What the policy just said, how likely that was, and what it was worth."""

    sequences: Sequences
    logprobs: Tensor
    """[N, S] under the policy that said it."""
    reference: Tensor
    """[N, S] under the reference."""
    scores: Tensor
    """[N] what the scorer gave each completion."""
    groups: Tensor
    """[N] which prompt each row answers: equal number, equal prompt."""
    prompts: tuple[Prompt, ...] = ()
    """What was asked, one a group."""
    trust: Tensor | None = None
    """[N, S] how much each token's credit counts; all alike without it."""
    pieces: Tensor | None = None
    """[N, S] what each token adds to its completion's score, if the scorer can say."""


@dataclass(frozen=True)
class Experience:
    """A rollout with credit: how much better than expected each token was."""

    sequences: Sequences
    logprobs: Tensor
    """[N, S] under the policy that said it."""
    advantages: Tensor
    """[N, S] how much better than expected."""
    values: Tensor
    """[N, S] what the critic expected; nan without a critic."""
    returns: Tensor
    """[N, S] what the critic should have expected; nan without a critic."""
    reference: Tensor
    """[N, S] under the reference."""
    trust: Tensor
    """[N, S] how much each token's credit counts: 1 unless something speaks against it."""
    share: Tensor
    """[N, S] what each token counts in the mean over a step's tokens."""

    @classmethod
    def of(
        cls,
        rollout: Rollout,
        advantages: Tensor,
        values: Tensor | None = None,
        returns: Tensor | None = None,
    ) -> "Experience":
        """A rollout credited, with a critic's values and returns if there is one."""
        nothing, whole = torch.full(advantages.shape, float("nan")), torch.ones(advantages.shape)
        return cls(
            rollout.sequences,
            rollout.logprobs,
            advantages,
            nothing if values is None else values,
            nothing if returns is None else returns,
            rollout.reference,
            whole if rollout.trust is None else rollout.trust,
            whole,
        )

    @property
    def weight(self) -> float:
        """How many tokens bear credit."""
        return self.sequences.weight

    def some(self, index: Sequence[int]) -> "Experience":
        """Some of the rows, packed anew."""
        sequences = self.sequences.some(index)
        rows, width = torch.tensor(index), sequences.scored.shape[1]
        return Experience(sequences, *(part[rows, :width] for part in self._rest()))

    def to(self, device: torch.device) -> "Experience":
        """The same rows on another device."""
        return Experience(self.sequences.to(device), *(part.to(device) for part in self._rest()))

    def _rest(self) -> list[Tensor]:
        rest = (self.logprobs, self.advantages, self.values, self.returns)
        return [*rest, self.reference, self.trust, self.share]

    def describe(self) -> dict[str, object]:
        """What the rows are, for a person who looks into a step that went wrong."""
        return {**self.sequences.describe(), "advantages": self.advantages.tolist()}


def pack(rows: Sequence[Rendered]) -> Sequences:
    """Rows packed end to end, families side by side; the one place where what is learned from becomes tensors."""
    tokens: list[int] = []
    positions: list[int] = []
    found: list[Family] = []
    width = max(sum(row.scored) for row in rows)
    scored = torch.zeros(len(rows), width, dtype=torch.bool)
    at, before = torch.zeros(2, len(rows), width, dtype=torch.int64)
    for shared, members in packing.families(rows):
        alone, start = len(members) == 1, len(tokens)
        opening = rows[members[0]].tokens if alone else rows[members[0]].tokens[:shared]
        tokens += opening
        positions += range(len(opening))
        rest: list[tuple[int, int]] = []
        for number in members:
            row = rows[number]
            # how far the row's own tokens stand from where they would if the row stood alone
            shift = start if alone else len(tokens) - shared
            if not alone:
                rest.append((len(tokens), len(row) - shared))
                tokens += row.tokens[shared:]
                positions += range(shared, len(row))
            places = [place for place, mark in enumerate(row.scored) if mark]
            if places and not places[0]:
                raise ValueError(
                    "The first token of a row has nothing to be predicted from; it can't be scored."
                )
            here = torch.tensor(places, dtype=torch.int64)
            scored[number, : len(places)] = True
            at[number, : len(places)] = here + shift
            before[number, : len(places)] = torch.where(here > shared, here - 1 + shift, here - 1 + start)
        found.append(Family(start, len(opening), tuple(rest)))
    spare = packing.even(len(tokens), packing.STEP) - len(tokens)
    if spare:
        found.append(Family(len(tokens), spare))
        tokens += [0] * spare
        positions += [0] * spare
    return Sequences(
        tuple(rows),
        torch.tensor(tokens),
        torch.tensor(positions),
        packing.lay_out(found, len(tokens)),
        scored,
        at,
        before,
    )
