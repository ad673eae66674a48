"""The enumerable toy: every answer can be listed, so the best policy is known exactly, and training must find it.

One prompt, a vocabulary of eight tokens, answers of one or two tokens: 57 in all. Each has a known reward r(y).
With a price beta of drift from the reference q, the best policy and the worth of it are

    pi*(y) = q(y) exp(r(y) / beta) / Z,    J* = beta log Z,    J(pi) = E_pi[r] - beta KL(pi || q).

Everything that learns here is the real code: concord.algorithms, concord.sampling, concord.training.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from torch import Tensor
from transformers import GPT2Config, GPT2ForSequenceClassification, GPT2LMHeadModel, PreTrainedTokenizerFast

from concord.algorithms import Course
from concord.algorithms.experience import as_said
from concord.batches import Template
from concord.models import Compute, Critic, Policy
from concord.models.trunk import Trunk
from concord.records import Completion, Message, Prompt, Ranking, prompt_key, seed_of
from concord.roles import Sampler, Scorer
from concord.sampling import BestOf, Local
from concord.settings import Learning
from concord.training import Guard, Optimizer, fit, schedule
from concord.training import Local as OneDevice

torch.set_num_threads(1)
CPU = Compute(torch.device("cpu"), torch.float32, "a toy")
WORDS = ["<end>", "q", "a", "b", "c", "d", "e", "f"]
END = 0
ASKED = (Message("user", "q"),)
PROMPT = Prompt(ASKED, prompt_key(ASKED))
BETA = 0.5


def answers(size: int) -> list[tuple[int, ...]]:
    """Every answer of one or two tokens from a vocabulary of a size; the first token may already be the end."""
    return [(END,), *((one, two) for one, two in product(range(1, size), range(size)))]


def template(size: int) -> Template:
    inner = Tokenizer(
        models.WordLevel({word: place for place, word in enumerate(WORDS[:size])}, unk_token="q")
    )
    inner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    words = PreTrainedTokenizerFast(
        tokenizer_object=inner, eos_token="<end>", pad_token="<end>", clean_up_tokenization_spaces=False
    )
    words.chat_template = (
        "{% for message in messages %}{{ message['content'] }}"
        "{% if message['role'] == 'assistant' %}<end>{% endif %}{% endfor %}"
    )
    return Template(words)


SIZES: dict[str, Any] = {
    "n_embd": 32,
    "n_layer": 1,
    "n_head": 2,
    "n_positions": 8,
    "initializer_range": 0.15,
    "bos_token_id": None,
    "eos_token_id": END,
    "pad_token_id": None,
    "attn_implementation": "eager",
}


def policy(size: int) -> Policy:
    torch.manual_seed(0)
    network = GPT2LMHeadModel(GPT2Config(vocab_size=size, **SIZES)).eval()
    return Policy(network, template(size), CPU, headed=True, trunk=Trunk.of(network, CPU))


def critic(size: int, spread: float = 0.0) -> Critic:
    """Expects nothing at first, or anything at all."""
    torch.manual_seed(1)
    network = GPT2ForSequenceClassification(GPT2Config(vocab_size=size, num_labels=1, **SIZES)).eval()
    torch.nn.init.normal_(network.score.weight, std=spread)
    return Critic(network, CPU, Trunk.of(network, CPU))


@dataclass
class Table:
    """A scorer that knows every answer's reward."""

    rewards: dict[tuple[int, ...], float]

    def score(self, completions: Sequence[Completion]) -> list[float]:
        return [self.rewards[completion.tokens or ()] for completion in completions]


@dataclass
class Bench:
    """The parts that a method asks for, and nothing else."""

    policy: Policy
    reference: Policy
    critic: Critic
    potential: Critic
    scorer: Scorer
    rankings: Sequence[Ranking] = ()
    prompts: Sequence[Prompt] = (PROMPT,)
    learning: Learning = field(default_factory=Learning)
    seed: int = 0
    said: list[str] = field(default_factory=list)

    def sampler(self, occasion: str, temperature: float, longest: int, best_of: int = 1) -> Sampler:
        local = Local(self.policy, "toy", seed_of(self.seed, occasion), temperature, longest)
        return local if best_of == 1 else BestOf(local, self.scorer, best_of)

    def demonstrations(self, file: str) -> Sequence[Any]:
        return []

    def keep(self, turn: int, said: Sequence[Completion]) -> None:
        assert len(said) > 0

    def mark(self, turn: int, scores: Sequence[float]) -> None:
        assert len(scores) > 0

    def say(self, line: str) -> None:
        self.said.append(line)


def rewards(size: int = 8) -> Tensor:
    """Normal rewards of mean 1 and spread 1, the same on every machine: quantiles in a shuffled order."""
    count = len(answers(size))
    order = torch.randperm(count, generator=torch.Generator().manual_seed(7))
    return 1.0 + torch.special.ndtri((torch.arange(count).double() + 0.5) / count)[order]


def bench(size: int = 8, **parts: Any) -> Bench:
    table = dict(zip(answers(size), rewards(size).tolist(), strict=True))
    return Bench(policy(size), policy(size), critic(size), critic(size, 1.0), Table(table), **parts)


@torch.no_grad()
def chances(who: Policy) -> Tensor:
    """The exact probability of every answer, in float64; they sum to 1."""
    every = answers(who.network.config.vocab_size)
    rows = as_said([Completion(PROMPT, "", tokens=answer) for answer in every], who)
    found = who.logprobs(rows).double().sum(-1).exp()
    assert abs(float(found.sum()) - 1) < 1e-5
    return found / found.sum()


def best(q: Tensor, r: Tensor, beta: float) -> Tensor:
    return (q.log() + r.double() / beta).softmax(-1)


def worth(p: Tensor, q: Tensor, r: Tensor, beta: float) -> float:
    """J(p): the reward on average, less the price of drift."""
    return float((p * (r.double() - beta * (p / q).log())).sum())


def distance(p: Tensor, q: Tensor) -> float:
    """Total variation: the most by which the two can differ on any set of answers."""
    return float((p - q).abs().sum() / 2)


def learn(course: Course) -> int:
    """The course as a stage runs it, without files."""
    for network in course.networks.values():
        network.train(course.dropout)
    optimizer = Optimizer(course.networks, course.rates, 0.0, 1.0, schedule("linear", course.steps, 0.05))
    steps = fit(
        course.feed, course.objective, OneDevice(), optimizer, Guard(limits=course.limits), course.tells
    )
    for network in course.networks.values():
        network.eval()
    return steps
