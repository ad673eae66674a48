"""Looking at a policy while it learns: it answers a fixed set of prompts, and whoever looks on says what they think.

A look is a function of the policy's weights alone: its prompts, its seeds and its rankings never change. So answers
of two looks are compared prompt by prompt, and a run that was killed sees again what it saw.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from concord.algorithms.experience import as_said, likelihood
from concord.batches import Sequences, pack
from concord.models import Policy
from concord.records import Completion, Prompt, Ranking
from concord.roles import Sampler, Scorer

SHOWN = 3
"""Answers of each look that are kept in words."""


@dataclass(frozen=True)
class Onlooker:
    """What is needed for a look; nobody learns from any of it."""

    policy: Policy
    reference: Policy
    sampler: Sampler
    prompts: Sequence[Prompt]
    samples: int
    temperature: float
    micro_tokens: int
    proxy: Scorer
    """Who the policy learns to please."""
    witness: Scorer | None = None
    """Whom it does not."""
    rankings: Sequence[Ranking] = ()
    """What people prefer among other answers to these prompts, kept back from all that learns; where nobody judges."""

    @torch.no_grad()
    def look(self) -> dict[str, Any]:
        """What is seen now, prompt by prompt; the policy drops no units meanwhile."""
        with self.policy.still():
            said = self.sampler.sample(self.prompts, self.samples)
            rows = as_said(said, self.policy)
            drift = (self.read(self.policy, rows) - self.read(self.reference, rows)).sum(-1)
            found: dict[str, Any] = {
                "prompts": [prompt.id for prompt in self.prompts],
                "kl": self.by_prompt(drift.tolist()),
                "proxy": self.by_prompt(self.proxy.score(said)),
            }
            if self.witness is not None:
                found["gold"] = self.by_prompt(self.witness.score(said))
            if self.rankings:
                found["ranked"] = [one.prompt.id for one in self.rankings]
                found["agreement"] = self.agreement()
            found["samples"] = [shown(one) for one in said[:: self.samples][:SHOWN]]
        return found

    def by_prompt(self, values: Sequence[float]) -> list[float]:
        """The mean over the answers to each prompt."""
        size = self.samples
        return [sum(values[start : start + size]) / size for start in range(0, len(values), size)]

    def read(self, policy: Policy, rows: Sequences) -> torch.Tensor:
        """[N, S] the log-probabilities of what was said."""
        return likelihood(policy, rows, self.temperature, self.micro_tokens)

    def agreement(self) -> list[float]:
        """Of each ranking, the share of its pairs in whose better answer the policy has gained more than in the other.

        What it has gained is the log-ratio to the reference, its implicit preference. Equal gains are half right.
        """
        said = [one for ranking in self.rankings for one in ranking.completions]
        rows = pack(self.policy.template.completions(said))
        gains = iter((self.read(self.policy, rows) - self.read(self.reference, rows)).sum(-1).tolist())
        found = []
        for ranking in self.rankings:
            own = [next(gains) for _ in ranking.completions]
            leads = [own[better] - own[worse] for better, worse in ranking.pairs()]
            found.append(sum(0.5 if lead == 0 else float(lead > 0) for lead in leads) / len(leads))
        return found


def shown(said: Completion) -> dict[str, str]:
    """An answer in words."""
    return {"prompt": said.prompt.messages[-1].content, "text": said.text}
