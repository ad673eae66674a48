"""The tensors that learning works on: sequences, lists, rollouts and experience.

Shapes: N sequences, T tokens, L lists, K candidates of a list. Everything about a token stands at the
token's own position: the log-probability at t is that of token t given the tokens before it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


def even(size: int, step: int = 8) -> int:
    """The next multiple: a processor's library compiles a product anew for every other shape, and keeps it."""
    return -(-size // step) * step


@dataclass(frozen=True)
class Sequences:
    """Token rows side by side: which places hold a token, and which tokens are the completion's."""

    tokens: Tensor
    """[N, T] token ids."""
    real: Tensor
    """[N, T] whether a token stands there; what does not is never read."""
    scored: Tensor
    """[N, T] whether that token bears loss or credit."""

    def __len__(self) -> int:
        return self.tokens.shape[0]

    @property
    def weight(self) -> float:
        """How many tokens bear loss."""
        return float(self.scored.sum())

    def rows(self, index: Tensor) -> "Sequences":
        """Some of the rows, without the columns that none of them fills."""
        real = self.real[index]
        width = min(even(int(real.sum(-1).max())), real.shape[1])
        return Sequences(self.tokens[index, :width], real[:, :width], self.scored[index, :width])

    def to(self, device: torch.device) -> "Sequences":
        """The same rows on another device."""
        return Sequences(self.tokens.to(device), self.real.to(device), self.scored.to(device))

    def describe(self) -> dict[str, list[list[int]]]:
        """What the rows are, for a person who looks into a step that went wrong."""
        return {"tokens": [row[mask].tolist() for row, mask in zip(self.tokens, self.real, strict=True)]}


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

    @property
    def weight(self) -> float:
        """How many lists there are."""
        return float(self.place.shape[0])

    def by_list(self, values: Tensor) -> Tensor:
        """[L, K] what stands at each candidate's row of `values` [N]; absent ones get row 0's."""
        return values[self.place]

    def to(self, device: torch.device) -> "Lists":
        """The same lists on another device."""
        return Lists(
            self.sequences.to(device), *(part.to(device) for part in (self.place, self.tiers, self.reference))
        )

    def describe(self) -> dict[str, object]:
        """What the lists are, for a person who looks into a step that went wrong."""
        return {**self.sequences.describe(), "place": self.place.tolist(), "tiers": self.tiers.tolist()}


@dataclass(frozen=True)
class Rollout:
    """What the policy just said, how likely that was, and what it was worth."""

    sequences: Sequences
    logprobs: Tensor
    """[N, T] under the policy that said it."""
    reference: Tensor
    """[N, T] under the reference."""
    scores: Tensor
    """[N] what the scorer gave each completion."""
    groups: Tensor
    """[N] which prompt each row answers: equal number, equal prompt."""


@dataclass(frozen=True)
class Experience:
    """A rollout with credit: how much better than expected each token was."""

    sequences: Sequences
    logprobs: Tensor
    """[N, T] under the policy that said it."""
    advantages: Tensor
    """[N, T] how much better than expected."""
    values: Tensor
    """[N, T] what the critic expected; nan without a critic."""
    returns: Tensor
    """[N, T] what the critic should have expected; nan without a critic."""

    @property
    def weight(self) -> float:
        """How many tokens bear credit."""
        return self.sequences.weight

    def rows(self, index: Tensor) -> "Experience":
        """Some of the rows, without the columns that none of them fills."""
        sequences = self.sequences.rows(index)
        width = sequences.tokens.shape[1]
        return Experience(sequences, *(part[index, :width] for part in self._rest()))

    def to(self, device: torch.device) -> "Experience":
        """The same rows on another device."""
        return Experience(self.sequences.to(device), *(part.to(device) for part in self._rest()))

    def _rest(self) -> list[Tensor]:
        return [self.logprobs, self.advantages, self.values, self.returns]

    def describe(self) -> dict[str, object]:
        """What the rows are, for a person who looks into a step that went wrong."""
        return {**self.sequences.describe(), "advantages": self.advantages.tolist()}


def beside(rows: Sequence[Sequence[int]], scored: Sequence[Sequence[bool]]) -> Sequences:
    """Rows of unequal length put side by side; the only place where padding is made."""
    width = even(max(len(row) for row in rows))
    tokens = torch.zeros(len(rows), width, dtype=torch.int64)
    real = torch.zeros(len(rows), width, dtype=torch.bool)
    marks = torch.zeros(len(rows), width, dtype=torch.bool)
    for number, (row, mark) in enumerate(zip(rows, scored, strict=True)):
        tokens[number, : len(row)] = torch.tensor(row)
        real[number, : len(row)] = True
        marks[number, : len(row)] = torch.tensor(mark)
    return Sequences(tokens, real, marks)
