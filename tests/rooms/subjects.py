"""Policies that say what they are told to; for tests of the suites alone."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from concord.records import Completion, Prompt

Speak = Callable[[Prompt], str]


@dataclass(frozen=True)
class Speaker:
    """A sampler that is a function of the prompt."""

    speak: Speak

    def sample(self, prompts: Sequence[Prompt], k: int) -> list[Completion]:
        """The same answer k times."""
        return [Completion(prompt, self.speak(prompt), finish="stop") for prompt in prompts for _ in range(k)]


def Told(answers: Mapping[str, str]) -> Speaker:
    """A sampler with an answer by heart for the first message of some prompts, and nothing to say to others."""
    return Speaker(lambda prompt: answers.get(prompt.messages[0].content, ""))


@dataclass(frozen=True)
class Words:
    """A scorer with a number for some texts, and 0 for all others."""

    values: Mapping[str, float]

    def score(self, completions: Sequence[Completion]) -> list[float]:
        """The number of each text."""
        return [self.values.get(one.text, 0.0) for one in completions]


@dataclass(frozen=True)
class Numbers:
    """A scorer that is a function of the completion."""

    number: Callable[[Completion], float]

    def score(self, completions: Sequence[Completion]) -> list[float]:
        """The number of each completion."""
        return [self.number(one) for one in completions]
