"""Vote: several policies answer, or one several times, and what is said most often stands; itself a Sampler."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from concord.records import Completion, Prompt
from concord.roles import Sampler


@dataclass(frozen=True)
class Vote:
    """Samplers that answer n times each and choose by majority, for answers that are short enough to be equal."""

    samplers: Sequence[Sampler]
    n: int = 1

    def sample(self, prompts: Sequence[Prompt], k: int) -> list[Completion]:
        """k completions of each prompt, each the most frequent of its own votes; of equals, the first said."""
        size = k * self.n
        answers = [sampler.sample(prompts, size) for sampler in self.samplers]
        winners = []
        for start in range(0, len(prompts) * size, self.n):
            votes = [said[place] for said in answers for place in range(start, start + self.n)]
            counts = Counter(one.text.strip() for one in votes)
            winners.append(max(votes, key=lambda one: counts[one.text.strip()]))  # the first of the largest
        return winners
