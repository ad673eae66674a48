"""Alignment without learning: a system prompt and demonstrations like the question, put before it for each request."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from concord.errors import RecordError
from concord.making.likeness import Nearest
from concord.models import Policy
from concord.models.folder import context
from concord.records import Completion, Demonstration, Message, Prompt
from concord.roles import Sampler

TRIED = 4
"""So many times the wanted demonstrations are tried before fewer are shown."""


@dataclass
class InContext:
    """A sampler around another that shows it, before each prompt, how similar ones were answered."""

    sampler: Sampler
    policy: Policy
    """Whose template and context the prompts must fit."""
    demonstrations: Sequence[Demonstration]
    count: int
    """Most demonstrations shown; fewer where they do not fit."""
    longest: int
    """Most tokens of an answer, for which room is left."""
    system: str = ""
    say: Callable[[str], None] | None = None
    shown: list[int] = field(default_factory=list, init=False)
    """How many demonstrations each prompt so far was shown."""

    def __post_init__(self) -> None:
        self.index = Nearest(one.prompt.messages[-1].content for one in self.demonstrations)

    def sample(self, prompts: Sequence[Prompt], k: int) -> list[Completion]:
        """k completions of each prompt as it was asked; what was put before it is known to the sampler alone."""
        said = self.sampler.sample([self.framed(prompt) for prompt in prompts], k)
        if self.say and self.count:
            usual = sum(self.shown) / max(1, len(self.shown))
            self.say(f"{usual:.1f} of {self.count} demonstrations a prompt fit into the model's context.")
        return [replace(one, prompt=prompts[place // k]) for place, one in enumerate(said)]

    def framed(self, prompt: Prompt) -> Prompt:
        """A prompt behind the demonstrations most like it that fit, the most similar last."""
        found, size = self.behind(prompt, [])
        limit = context(self.policy.network) - self.longest
        if size > limit:
            raise RecordError(
                f"Prompt {prompt.id} has {size} tokens with the system prompt, and an answer of {self.longest} "
                f"does not fit behind it in the model's context of {limit + self.longest}. Shorten the system "
                "prompt or `evaluate.longest`."
            )
        near: list[Demonstration] = []
        for one in self.like(prompt):
            longer, size = self.behind(prompt, [*near, one])
            if size <= limit:
                found = longer
                near.append(one)
            if len(near) == self.count:
                break
        self.shown.append(len(near))
        return found

    def like(self, prompt: Prompt) -> list[Demonstration]:
        """The demonstrations most like a prompt, some more than are wanted; those that ask just that are no help."""
        if not self.count:
            return []
        near = self.index.nearest(prompt.messages[-1].content, len(self.demonstrations))
        found = (self.demonstrations[place] for place in near)
        return list(
            islice((one for one in found if one.prompt.messages != prompt.messages), TRIED * self.count)
        )

    def behind(self, prompt: Prompt, near: Sequence[Demonstration]) -> tuple[Prompt, int]:
        """A prompt behind some demonstrations, and how many tokens it has then."""
        found = Prompt(tuple(self.messages(prompt, near)), prompt.id, prompt.tags)
        return found, len(self.policy.template.prompt(found))

    def messages(self, prompt: Prompt, near: Sequence[Demonstration]) -> list[Message]:
        """One system message, then each demonstration as turns of its own, then the prompt's turns."""
        own = [one.content for one in prompt.messages if one.role == "system"]
        system = "\n\n".join([self.system, *own] if self.system else own)
        found = [Message("system", system)] if system else []
        for one in reversed(near):
            found += [turn for turn in one.prompt.messages if turn.role != "system"]
            found.append(Message("assistant", one.text))
        return [*found, *(turn for turn in prompt.messages if turn.role != "system")]
