"""What is said: messages, prompts, completions and demonstrations."""

import re
from dataclasses import dataclass
from typing import Literal, get_args

Role = Literal["system", "user", "assistant"]
ROLES: tuple[str, ...] = get_args(Role)
Finish = Literal["stop", "length"]
FINISHES: tuple[str, ...] = get_args(Finish)
TEXTS = re.compile(rb'"(?:[^"\\]++|\\.?)*+(?:"|\Z)', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a dialogue."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a policy is asked: a dialogue that ends before the assistant's turn."""

    messages: tuple[Message, ...]
    id: str = ""
    """A name that stays the same wherever the prompt goes; readers derive it from the messages if absent."""
    tags: tuple[str, ...] = ()
    """Kinds that reports are split by, such as "harm" or "fact"."""


@dataclass(frozen=True, slots=True)
class Completion:
    """One answer to a prompt, and how it came about."""

    prompt: Prompt
    text: str
    by: str = ""
    """The policy or person that wrote it."""
    seed: int | None = None
    temperature: float | None = None
    finish: Finish | None = None
    """"stop" if the writer ended it, "length" if it was cut off."""
    tokens: tuple[int, ...] | None = None
    """The token ids that were really sampled; text is only a view of them."""
    logprobs: tuple[float, ...] | None = None
    """Log-probability of each token under the distribution it was sampled from."""


@dataclass(frozen=True, slots=True)
class Demonstration:
    """A prompt and a good answer to it, as a person would give it."""

    prompt: Prompt
    text: str
    by: str = ""


def storable(text: str) -> str:
    """The same text, if every database and file can hold it; a ValueError says why not."""
    if "\0" in text:
        raise ValueError(f"it holds the character NUL at position {text.index(chr(0))}; remove it")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError(f"it holds half a character at position {error.start}; repair the text") from None
    return text


def crowded(raw: bytes | bytearray, signs: bytes, most: int) -> bool:
    """Whether signs of JSON, those in its texts left out, stand in it more often than that.

    To read so many values is quick; to say of each what is wrong with it is not.
    """
    if sum(raw.count(one) for one in signs) <= most:
        return False
    bare = TEXTS.sub(b"", raw)
    return sum(bare.count(one) for one in signs) > most
