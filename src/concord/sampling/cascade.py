"""Cascade: a small policy answers first, and a large one where the small one was unsure; itself a Sampler."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from concord.errors import RecordError
from concord.records import Completion, Prompt
from concord.roles import Sampler


@dataclass
class Cascade:
    """Two samplers, the second asked only where the first is not sure enough; both calls are counted."""

    small: Sampler
    large: Sampler
    sure: float
    """The least confidence, between 0 and 1, with which the small one's answers stand."""
    asked: int = field(default=0, init=False)
    """Prompts asked so far."""
    passed_on: int = field(default=0, init=False)
    """Prompts of these that the large one had to answer."""

    def sample(self, prompts: Sequence[Prompt], k: int) -> list[Completion]:
        """k completions of each prompt, all from one of the two: the small one if all its answers are sure."""
        said = self.small.sample(prompts, k)
        unsure = [
            place
            for place in range(len(prompts))
            if min(map(confidence, said[place * k : (place + 1) * k])) < self.sure
        ]
        self.asked += len(prompts)
        self.passed_on += len(unsure)
        if unsure:
            better = self.large.sample([prompts[place] for place in unsure], k)
            for number, place in enumerate(unsure):
                said[place * k : (place + 1) * k] = better[number * k : (number + 1) * k]
        return said


def confidence(completion: Completion) -> float:
    """How sure a sampler was of its own words: the geometric mean of their probabilities."""
    if not completion.logprobs:
        raise RecordError(
            f"The answer of {completion.by} to prompt {completion.prompt.id} comes without log-probabilities, so "
            "nobody knows how sure it was. Use a sampler that notes them down."
        )
    return math.exp(sum(completion.logprobs) / len(completion.logprobs))
