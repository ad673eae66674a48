"""A bench on a tiny model, and the gradients of whatever course is made on it: what tests of algorithms share."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from tests.rooms import families
from tests.rooms.families import asked
from torch import Tensor

from concord.algorithms import ALGORITHMS, Course, reward
from concord.batches import Rendered, Rollout, collate, pack
from concord.models import Critic, Policy, RewardModel
from concord.records import Completion, Demonstration, Prompt, Ranking, seed_of
from concord.roles import Sampler
from concord.sampling import BestOf, Local
from concord.settings import (
    DPO,
    GRPO,
    PPO,
    RLOO,
    SFT,
    Expectation,
    GroupLoss,
    Learning,
    PPOLoss,
    Reinforce,
    ReMax,
    Reward,
    Rollouts,
)
from concord.training import Guard, Optimizer, fit
from concord.training import Local as OneDevice

torch.set_num_threads(1)

PROMPTS = [asked(text) for text in ("hi", "how far is it?", "one two three", "a b c d e f", "sea")]
DEMONSTRATIONS = [
    Demonstration(asked("hello"), "the sea was calm"),
    Demonstration(asked("a", "b", "how far?"), "ten miles"),
    Demonstration(asked("x"), "y"),
    Demonstration(asked("could you tell me"), "it is far to the next town and to the sea"),
]


def ranking(prompt: Prompt, tiers: tuple[tuple[int, ...], ...], *texts: str) -> Ranking:
    return Ranking(prompt, tuple(Completion(prompt, text, finish="stop") for text in texts), tiers)


RANKINGS = [
    ranking(PROMPTS[0], ((1,), (0,)), "no", "yes please"),
    ranking(PROMPTS[1], ((0,), (2,), (1,)), "ten miles to the sea and back", "no", "far"),
    ranking(PROMPTS[2], ((3,), (0, 1), (2,)), "a", "b b b", "c", "four five six seven"),
    ranking(PROMPTS[3], ((0,), (1,)), "it is far away from here", "it is"),
]
UNEVEN = [
    ranking(PROMPTS[0], ((0, 2), (1,)), "no", "yes please", "far"),
    RANKINGS[1],
    ranking(PROMPTS[2], ((3,), (2,), (0, 1)), "a", "b b b", "c", "four five six seven"),
    RANKINGS[3],
]
"""Tiers of unlike size."""
ROLLOUT = Rollouts(rounds=1, prompts=3, samples=3, passes=1, updates=1, longest=7)
PRICED: dict[str, Any] = {"rollout": ROLLOUT, "kl": 0.3}
ADDED: dict[str, Any] = {
    "drift": "k3",
    "entropy": 0.1,
    "undecided": 0.6,
    "sampler_limit": 2.0,
    "stale_limit": 0.01,
    "clip_high": 0.3,
}
"""All that may be added to a loss, at once."""
SETTINGS: dict[str, Any] = {
    "sft": SFT(epochs=1, batch=4),
    "dpo": DPO(epochs=1, batch=4),
    "ppo": PPO(critic_rounds=0, rollout=ROLLOUT),
    "ppo-shared": PPO(critic_rounds=0, critic=Expectation(begins="shared"), loss=PPOLoss(**ADDED), **PRICED),
    "ppo-shaped": PPO(
        critic_rounds=0,
        critic=Expectation(begins="policy", shaping=0.5),
        loss=PPOLoss(form="dual-clip", drift="k2"),
        **PRICED,
    ),
    "a2c": PPO(critic_rounds=0, decay=0.0, loss=PPOLoss(form="policy-gradient"), **PRICED),
    "grpo": GRPO(**PRICED),
    "rloo": RLOO(**PRICED),
    "reinforce-pp": Reinforce(**PRICED),
    "remax": ReMax(**PRICED),
    **{
        form: GRPO(loss=GroupLoss(form=form, **ADDED), **PRICED)
        for form in ("dr-grpo", "dapo", "cispo", "sapo", "vespo", "two-sided")
    },
    **{
        form: GRPO(clip=0.01, loss=GroupLoss(form=form, **{**ADDED, "clip_high": 0.02}), **PRICED)
        for form in ("gspo", "luspo")
    },
    "grpo-sequences": GRPO(credit="batch-std", loss=GroupLoss(form="grpo", drift="k3-weighted"), **PRICED),
    "rloo-sequences": RLOO(loss=GroupLoss(form="rloo", drift="k2"), **PRICED),
}
"""What each method is tried with, by a name of its own."""


class Lengths:
    """A scorer with simple tastes: an answer is worth a number that follows from its tokens."""

    def score(self, completions: Sequence[Completion]) -> list[float]:
        return [sum(completion.tokens or ()) % 17 / 4 for completion in completions]


@dataclass
class Bench:
    """The parts that a method asks for, on a tiny model."""

    policy: Policy
    reference: Policy
    critic: Critic
    plain_critic: Critic
    potential: Critic
    learning: Learning
    seed: int = 3
    scorer: Any = field(default_factory=Lengths)
    prompts: Sequence[Prompt] = tuple(PROMPTS)
    rankings: Sequence[Ranking] = tuple(RANKINGS)
    kept: list[list[Completion]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def sampler(self, occasion: str, temperature: float, longest: int, best_of: int = 1) -> Sampler:
        local = Local(self.policy, "p", seed_of(self.seed, occasion), temperature, longest)
        return local if best_of == 1 else BestOf(local, self.scorer, best_of)

    def speaker(
        self, policy: Policy, name: str, occasion: str, temperature: float, longest: int, best_of: int = 1
    ) -> Sampler:
        return Local(policy, name, seed_of(self.seed, occasion), temperature, longest)

    def other(self, folder: str) -> Policy:
        assert folder == "teacher"
        self.reference.network.requires_grad_(False)
        return self.reference

    def demonstrations(self, file: str) -> Sequence[Demonstration]:
        assert file == SFT().demonstrations
        return DEMONSTRATIONS

    def keep(self, turn: int, said: Sequence[Completion]) -> None:
        self.kept.append(list(said))

    def mark(self, turn: int, scores: Sequence[float]) -> None:
        assert len(scores) == len(self.kept[-1])

    def say(self, line: str) -> None:
        self.said.append(line)


def bench(path: Path, micro_tokens: int = 8192, reference: int | None = None, **parts: Any) -> Bench:
    """Everything in float64; a `reference` of another seed is another model, so that drift is not 0."""
    policy, critic = Policy.load(path, families.CPU), Critic.load(path, families.CPU)
    other, plain, potential = (
        Policy.load(path, families.CPU),
        *(Critic.load(path, families.CPU) for _ in range(2)),
    )
    torch.manual_seed(1)
    for one in (critic, potential):
        torch.nn.init.normal_(one.network.score.weight, std=0.2)
    if reference is not None:
        torch.manual_seed(reference)
        for parameter in other.network.parameters():
            parameter.data.add_(torch.randn_like(parameter) * 0.02)
    for one in (policy, other, critic, plain, potential):
        one.network.double()
    return Bench(policy, other, critic, plain, potential, Learning(micro_tokens=micro_tokens), **parts)


class Watching(OneDevice):
    """An engine that keeps the gradient of each step, and takes no step."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[dict[str, Tensor]] = []

    def step(self, optimizer: Optimizer, number: int, norms: dict[str, float]) -> None:
        self.seen.append({name: p.grad.clone() for name, p in optimizer.named() if p.grad is not None})


def gradients(course: Course) -> tuple[list[dict[str, Tensor]], list[dict[str, float]]]:
    """The gradients and notes of all of a course's steps, the weights left as they are."""
    engine, notes = Watching(), []
    optimizer = Optimizer(course.networks, course.rates, 0.0, None)

    def tell(number: int, told: dict[str, Any]) -> None:
        notes.append({name: float(torch.as_tensor(value).detach()) for name, value in told.items()})

    fit(course.feed, course.objective, engine, optimizer, Guard(), [*course.tells, tell])
    assert len(engine.seen) == course.steps
    return engine.seen, notes


def made(method: str, path: Path, micro_tokens: int) -> Course:
    parts = bench(path, micro_tokens, reference=5)
    if method in ("bradley-terry", "plackett-luce"):
        model = RewardModel.load(path, families.CPU)
        torch.manual_seed(2)
        torch.nn.init.normal_(model.network.score.weight)
        model.network.double()
        return reward.build(Reward(likelihood=method, epochs=1, batch=4), parts, model, RANKINGS)
    settings = SETTINGS[method]
    return ALGORITHMS[settings.method](settings, parts)


def rollout(scores: list[float], said: list[int], groups: list[int], drift: float = 0.0) -> Rollout:
    """Rows of a prompt, one a group, and some said tokens; each said token drifts alike."""
    rows = [
        Rendered([7, 8, 6, 5, group] + [9] * count, [False] * 5 + [True] * count)
        for count, group in zip(said, groups, strict=True)
    ]
    sequences = pack(rows)
    now = torch.where(sequences.scored, -1.0, 0.0)
    then = torch.where(sequences.scored, -1.0 - drift, 0.0)
    return Rollout(sequences, now, then, torch.tensor(scores), torch.tensor(groups))


@dataclass
class Moved:
    """A feed whose policy has moved since it spoke, so that ratios are not 1."""

    feed: Any
    network: torch.nn.Module

    def __iter__(self) -> Iterator[Any]:
        for step in self.feed:
            torch.manual_seed(4)
            with torch.no_grad():
                for parameter in self.network.parameters():
                    parameter.add_(torch.randn_like(parameter) * 0.02)
            yield step


def moved(course: Course) -> Course:
    return replace(course, feed=Moved(course.feed, course.networks["policy"]))


@torch.no_grad()
def sums(policy: Policy, one: Ranking) -> list[float]:
    return [float(policy.logprobs(collate.completions([c], policy.template)).sum()) for c in one.completions]
