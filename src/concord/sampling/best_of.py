"""Best-of-n: say n things, keep the one that a scorer likes best; itself a Sampler."""

from collections.abc import Sequence
from dataclasses import dataclass

from concord.records import Completion, Prompt
from concord.roles import Sampler, Scorer


@dataclass(frozen=True)
class BestOf:
    """A sampler around another that keeps the best of every n."""

    sampler: Sampler
    scorer: Scorer
    n: int

    def sample(self, prompts: Sequence[Prompt], k: int) -> list[Completion]:
        """k completions of each prompt, each the best of its own n."""
        said = self.sampler.sample(prompts, k * self.n)
        scores = self.scorer.score(said)
        best = []
        for start in range(0, len(said), self.n):
            group = range(start, start + self.n)
            best.append(said[max(group, key=lambda place: (scores[place], -place))])
        return best
