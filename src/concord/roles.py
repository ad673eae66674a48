"""Who takes part, on one page: whatever speaks is a Sampler, whatever judges is a Scorer or a Ranker."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from concord.records import Completion, Prompt, Ranking


class Sampler(Protocol):
    """Anything that answers: a policy here, an engine elsewhere, or best-of-n around either."""

    def sample(self, prompts: Sequence[Prompt], k: int) -> list[Completion]:
        """k completions of each prompt, in the order of the prompts, a prompt's own k side by side."""
        ...


class Scorer(Protocol):
    """Anything that gives a completion a number: a reward model, an ensemble, rules, a judge."""

    def score(self, completions: Sequence[Completion]) -> list[float]:
        """One finite score a completion, in the same order; higher is better."""
        ...


@runtime_checkable
class Tracer(Scorer, Protocol):
    """A scorer that can say where in a completion its score comes from: steps, sentences, segments."""

    def trace(self, completions: Sequence[Completion]) -> list[list[tuple[int, float]]]:
        """For each completion, in order: where a part of its text ends, in characters, and what it adds.

        What the parts of a completion add is its score.
        """
        ...


class Ranker(Protocol):
    """Anything that orders completions: people, a judge, or a scorer in disguise."""

    def rank(self, prompt: Prompt, completions: Sequence[Completion]) -> Ranking:
        """The completions in tiers, best first."""
        ...
