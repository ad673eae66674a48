"""Rows to measure with: made from a seed, as long as real preference data is, and the same for every side.

Lengths follow lognormal distributions whose parameters were fitted to public dialogue preferences
(Anthropic's HH-RLHF, harmless, counted as four characters a token). Each length is a quantile of the
distribution, in shuffled order, so that a handful of rows is spread like thousands.
"""

import math
import random
from dataclasses import dataclass
from statistics import NormalDist

PROMPT, COMPLETION = (4.316, 1.027), (3.404, 1.003)
"""Mean and spread of the logarithm of a length in tokens."""
KINSHIP = 0.3
"""Correlation of the logarithms of lengths of two completions of one prompt."""
LONGEST_PROMPT, LONGEST_COMPLETION = 512, 256
SPECIAL = ("<pad>", "<unk>", "</s>", "<user>", "<assistant>")
PAD, UNKNOWN, END, USER, ASSISTANT = range(len(SPECIAL))


@dataclass(frozen=True)
class Row:
    """One prompt and its completions, best first, as token ids with all control tokens."""

    prompt: list[int]
    completions: list[list[int]]

    @property
    def words(self) -> str:
        """The prompt as a person would write it."""
        return text(self.prompt[1:-1])


def text(tokens: list[int]) -> str:
    """Tokens as the tokenizer's words."""
    return " ".join(SPECIAL[token] if token < len(SPECIAL) else f"w{token}" for token in tokens)


def make(count: int, completions: int, vocabulary: int, seed: int) -> list[Row]:
    """That many prompts with that many completions each."""
    chance = random.Random(seed)
    prompts = lengths(PROMPT, quantiles(count, chance), LONGEST_PROMPT)
    shared = quantiles(count, chance)
    columns = []
    for _ in range(completions):
        own = quantiles(count, chance)
        mixed = [mix(a, b) for a, b in zip(shared, own, strict=True)]
        columns.append(lengths(COMPLETION, mixed, LONGEST_COMPLETION))
    words = range(len(SPECIAL), vocabulary)
    return [
        Row(
            [USER, *chance.choices(words, k=prompts[place]), ASSISTANT],
            [[*chance.choices(words, k=column[place]), END] for column in columns],
        )
        for place in range(count)
    ]


def quantiles(count: int, chance: random.Random) -> list[float]:
    """Standard normal numbers: one from the middle of each of `count` equal parts, shuffled."""
    found = [NormalDist().inv_cdf((place + 0.5) / count) for place in range(count)]
    chance.shuffle(found)
    return found


def mix(shared: float, own: float) -> float:
    """A standard normal number that owes part of itself to its prompt."""
    return math.sqrt(KINSHIP) * shared + math.sqrt(1 - KINSHIP) * own


def lengths(shape: tuple[float, float], normals: list[float], most: int) -> list[int]:
    """Lengths of a lognormal shape, from 1 to the most."""
    mean, spread = shape
    return [min(most, max(1, round(math.exp(mean + spread * normal)))) for normal in normals]
