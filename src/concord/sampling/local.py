"""Sampling on this machine: batched, cached, and the same sample whatever the batch."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from concord.errors import RecordError
from concord.models import Policy
from concord.models.folder import context
from concord.records import Completion, Prompt, seed_of
from concord.sampling.draw import Manner
from concord.sampling.slots import PLACES, Request, Slots


@dataclass(frozen=True)
class Local:
    """A policy that answers on this machine."""

    policy: Policy
    name: str
    seed: int
    temperature: float = 1.0
    longest: int = 64
    top_k: int = 0
    top_p: float = 1.0

    def sample(self, prompts: Sequence[Prompt], k: int) -> list[Completion]:
        """k completions of each prompt, each from a seed of its own, in the order of the prompts."""
        tokens = [self._read(prompt) for prompt in prompts]
        manner = Manner(self.temperature, self.top_k, self.top_p)
        asked: Counter[str] = Counter()
        first = []  # a prompt that is asked again is answered anew
        for prompt in prompts:
            first.append(asked[prompt.id] * k)
            asked[prompt.id] += 1
        slots = Slots(self.policy, PLACES)
        wanted: dict[int, tuple[int, int]] = {}
        for place in sorted(range(len(prompts)), key=lambda place: (len(tokens[place]), place)):
            for sample in range(k):
                seed = seed_of(self.seed, prompts[place].id, first[place] + sample)
                wanted[slots.add(Request(tokens[place], seed, self.longest, manner))] = place, seed
        done: dict[int, Completion] = {}
        for said in slots.run():
            place, seed = wanted[said.number]
            done[said.number] = Completion(
                prompts[place],
                self.policy.template.decode(said.tokens),
                by=self.name,
                seed=seed,
                temperature=self.temperature,
                finish=said.finish,
                tokens=tuple(said.tokens),
                logprobs=tuple(said.logprobs),
            )
        order = sorted(wanted, key=lambda number: (wanted[number][0], number))
        return [done[number] for number in order]

    def _read(self, prompt: Prompt) -> list[int]:
        """A prompt's ids, if they leave room for at least one token of an answer."""
        tokens, limit = self.policy.template.prompt(prompt), context(self.policy.network)
        if len(tokens) >= limit:
            raise RecordError(
                f"Prompt {prompt.id} has {len(tokens)} tokens, which leaves no room for an answer in the model's "
                f"context of {limit}. Shorten it or leave it out, or use a model with a longer context."
            )
        return tokens
