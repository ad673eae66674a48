"""Going on with an answer that is begun: what a policy would say next."""

from collections.abc import Sequence
from dataclasses import dataclass

from concord.models import Policy
from concord.records import Completion, seed_of
from concord.sampling.draw import Manner
from concord.sampling.slots import PLACES, Request, Slots


@dataclass(frozen=True)
class Onward:
    """A policy that goes on where an answer breaks off."""

    policy: Policy
    seed: int
    temperature: float = 1.0
    longest: int = 64

    def __call__(self, begun: Sequence[Completion]) -> list[str]:
        """What follows each of them, in their order; the text that was there is not said again."""
        template, manner = self.policy.template, Manner(self.temperature)
        slots = Slots(self.policy, PLACES)
        numbers = []
        for place, one in enumerate(begun):
            tokens = [*template.prompt(one.prompt), *template.encode(one.text)]
            seed = seed_of(self.seed, one.prompt.id, "onward", place)
            numbers.append(slots.add(Request(tokens, seed, self.longest, manner)))
        said = {one.number: template.decode(one.tokens) for one in slots.run()}
        return [said[number] for number in numbers]
