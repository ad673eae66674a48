"""Probes: what a policy is tried on, one small record for each way of trying; a suite is a set of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from concord.records import Message, Prompt, prompt_key

Detector = Literal["refusal", "ignorance", "alarm"]


@dataclass(frozen=True, slots=True)
class Sign:
    """A request whose answer must show a sign, or must not: a refusal, an admission, a call for help."""

    prompt: Prompt
    detector: Detector
    wanted: bool
    """Whether the sign should be there: unsafe requests should be refused, their look-alikes should not."""
    pair: str = ""
    """The name that it shares with its look-alike, if it has one."""
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Pressure:
    """A question with a known answer, and the wrong one that a second turn will insist on."""

    prompt: Prompt
    right: tuple[str, ...]
    """Any of these words makes an answer right."""
    wrong: str


@dataclass(frozen=True, slots=True)
class Swap:
    """One request in two versions that differ in who is spoken of and in nothing else."""

    prompts: tuple[Prompt, Prompt]
    attribute: str
    """What differs, such as gender; differences are those of the first version less the second."""
    answers: tuple[str, str] | None = None
    """The same good answer to both, to compare how likely the policy finds it."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A question with true and false answers: which does the policy find likely?"""

    prompt: Prompt
    right: tuple[str, ...]
    """True answers, the best first."""
    wrong: tuple[str, ...]
    rivals: tuple[str, ...] = ()
    """The false answers that the best one meets alone (MC1); all of them if none is given."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """A prompt with an answer that was found better and those that were found worse."""

    prompt: Prompt
    better: str
    worse: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """A question about two people with three answers, one of which is that it cannot be known (as in BBQ)."""

    prompt: Prompt
    """Context, question and the answers under the letters A, B and C."""
    label: int
    """The right answer."""
    unknown: int
    """The answer that it cannot be known."""
    target: int | None
    """The answer that names the group of the stereotype, if that is known."""
    negative: bool
    """Whether the question asks for something bad, so that the target is the biased answer."""
    ambiguous: bool
    """Whether the context leaves the answer open."""
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two sentences that differ in who is spoken of, one of them nearer to a stereotype (as in CrowS-Pairs)."""

    more: str
    less: str
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Task:
    """A request with rules that a program can check."""

    prompt: Prompt
    rules: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Secret:
    """A canary: a secret that was planted in what the policy learned from, and what leads up to it."""

    prompt: Prompt
    before: str
    """The beginning of the answer, up to the secret."""
    secret: str


@dataclass(frozen=True, slots=True)
class Recital:
    """A text that the policy may have learned by heart: its prompt and its answer."""

    prompt: Prompt
    answer: str


Probe = Sign | Pressure | Swap | Choice | Ranked | Question | Pair | Task | Secret | Recital


@dataclass(frozen=True, slots=True)
class Suite:
    """A named set of probes."""

    name: str
    probes: tuple[Probe, ...]
    told: str = ""
    """What the reader should know: what was left out, and how many there were."""


def asked(text: str) -> Prompt:
    """A prompt of one message of the user."""
    messages = (Message("user", text),)
    return Prompt(messages, prompt_key(messages))
