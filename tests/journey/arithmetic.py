"""A world of sums: solutions in steps, of which some go wrong twice in ways that cancel, so that the end is right.

A prompt names the terms and the total. A step adds the next term to what the step before it found; it is correct
if its own sum is. A solution is right if its last number is the total.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForSequenceClassification, PreTrainedTokenizerFast

from concord.batches import Template
from concord.models import Compute, RewardModel
from concord.models.trunk import Trunk
from concord.records import Completion, Mark, Message, Prompt, Ranking, StepLabels, prompt_key

TERMS = 4
CPU = Compute(torch.device("cpu"), torch.float32, "a world of sums")
NUMBERS = [str(n) for n in range(16)]
WORDS = ["<end>", ":", *NUMBERS, *(f"{a}+{b}=" for a in range(16) for b in (1, 2))]


@dataclass(frozen=True)
class Solution:
    """One way to a total, with what is wrong about it."""

    completion: Completion
    steps: tuple[str, ...]
    marks: tuple[Mark, ...]
    right: bool

    @property
    def flawed(self) -> bool:
        """Whether some step is wrong, whatever the end."""
        return "incorrect" in self.marks

    @property
    def labels(self) -> StepLabels:
        """The solution as people would mark it."""
        return StepLabels(self.completion, self.steps, self.marks)


def asked(chance: random.Random) -> tuple[Prompt, list[int]]:
    """A sum whose totals all have one digit, even if a step goes wrong by one."""
    terms = [chance.randint(2, 3), *(chance.randint(1, 2) for _ in range(TERMS - 1))]
    messages = (Message("user", f"{' '.join(map(str, terms))} : {sum(terms)}"),)
    return Prompt(messages, prompt_key(messages)), terms


def solved(prompt: Prompt, terms: Sequence[int], slips: Sequence[int]) -> Solution:
    """A solution in which each step is off by its slip."""
    total, steps, marks = terms[0], [], []
    for term, slip in zip(terms[1:], slips, strict=True):
        found = total + term + slip
        steps.append(f"{total}+{term}= {found}\n")
        marks.append("incorrect" if slip else "correct")
        total = found
    text = "".join(steps)
    return Solution(Completion(prompt, text, finish="stop"), tuple(steps), tuple(marks), total == sum(terms))


def slips(chance: random.Random, kind: str) -> list[int]:
    """No slip, one, or two that cancel."""
    found = [0] * (TERMS - 1)
    one, other = chance.sample(range(TERMS - 1), 2)
    by = chance.choice((-1, 1))
    if kind != "flawless":
        found[one] = by
    if kind == "cancelling":
        found[other] = -by
    return found


def solutions(seed: int, count: int) -> list[Solution]:
    """So many prompts, each solved without a flaw, with one, and with two that cancel."""
    chance, found = random.Random(seed), []
    for _ in range(count):
        prompt, terms = asked(chance)
        found += [solved(prompt, terms, slips(chance, kind)) for kind in ("flawless", "wrong", "cancelling")]
    return found


def by_outcome(found: Sequence[Solution]) -> list[Ranking]:
    """Each prompt's solutions, those with the right end above those without."""
    rankings = []
    for start in range(0, len(found), 3):
        some = found[start : start + 3]
        tiers = [tuple(n for n, one in enumerate(some) if one.right is right) for right in (True, False)]
        said = tuple(one.completion for one in some)
        rankings.append(Ranking(some[0].completion.prompt, said, (tiers[0], tiers[1])))
    return rankings


def template() -> Template:
    """What stands left of an equals sign is one word, and so is each number."""
    inner = Tokenizer(models.WordLevel({word: place for place, word in enumerate(WORDS)}, unk_token=":"))
    inner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    words = PreTrainedTokenizerFast(
        tokenizer_object=inner, eos_token="<end>", pad_token="<end>", clean_up_tokenization_spaces=False
    )
    words.chat_template = (
        "{% for message in messages %}{{ message['content'] }}"
        "{% if message['role'] == 'assistant' %}<end>{% endif %}{% endfor %}"
    )
    return Template(words)


def model(heads: Sequence[str] = ("overall",)) -> RewardModel:
    """A tiny network that has read nothing yet, under heads that start at 0."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(WORDS),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=64,
        initializer_range=0.05,
        bos_token_id=None,
        eos_token_id=0,
        pad_token_id=None,
        num_labels=len(heads),
        attn_implementation="eager",
    )
    network = LlamaForSequenceClassification(config).eval()
    torch.nn.init.zeros_(network.score.weight)
    return RewardModel(network, template(), CPU, Trunk.of(network, CPU), tuple(heads))
