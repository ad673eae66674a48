"""Our side: `python -m benchmarks.ours SPEC`. All that the benchmark calls of Concord is named in this file.

Settings and records go in; `ALGORITHMS`, `reward.build` and `training.fit` do the rest, as the stages have it.
"""

import math
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

from benchmarks import generation
from benchmarks import spec as specs
from benchmarks.rows import text
from benchmarks.spec import Spec
from benchmarks.turns import Turns
from concord.algorithms import ALGORITHMS, Course, reward
from concord.models import Compute, Critic, Policy, RewardModel, choose
from concord.records import Completion, Demonstration, Message, Prompt, Ranking, seed_of
from concord.roles import Sampler, Scorer
from concord.sampling import Local
from concord.scoring import Learned
from concord.settings import DPO, GRPO, PPO, SFT, Learning, Reward, Rollouts
from concord.training import Guard, Notes, Optimizer, fit
from concord.training import Local as Engine

ENDLESS = 100_000
UPDATES, PASSES, PRICE = 2, 2, 0.05
"""Optimiser steps in a pass over a round's completions, PPO's passes, and the price of a nat of drift."""


class Parts:
    """Everything that an algorithm asks its bench for, made of the rows that every side gets."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.seed = 0
        rows = spec.rows()
        self.prompts = [Prompt((Message("user", row.words),), f"{n}") for n, row in enumerate(rows)]
        self.said = [
            tuple(Completion(prompt, text(said[:-1]), finish="stop") for said in row.completions)
            for prompt, row in zip(self.prompts, rows, strict=True)
        ]

    @cached_property
    def learning(self) -> Learning:
        """The defaults, in the precision of the comparison."""
        options = self.spec.options
        micro = {"micro_tokens": options["micro_tokens"]} if "micro_tokens" in options else {}
        return Learning(device="cpu", precision=self.spec.precision, **micro)

    @cached_property
    def compute(self) -> Compute:
        """Where to compute."""
        return choose("cpu", self.spec.precision)

    @cached_property
    def policy(self) -> Policy:
        """The network that learns to speak."""
        return Policy.load(self.spec.folder / "policy", self.compute)

    @cached_property
    def reference(self) -> Policy:
        """The same, frozen."""
        policy = Policy.load(self.spec.folder / "policy", self.compute)
        policy.network.requires_grad_(False)
        return policy

    @cached_property
    def critic(self) -> Critic:
        """Begins as the reward model."""
        return Critic.load(self.spec.folder / "reward", self.compute)

    @cached_property
    def plain_critic(self) -> Critic:
        """Begins as the policy."""
        return Critic.load(self.spec.folder / "policy", self.compute)

    @cached_property
    def potential(self) -> Critic:
        """The reward model, read at every token."""
        return Critic.load(self.spec.folder / "reward", self.compute)

    @cached_property
    def scorer(self) -> Scorer:
        """The reward model, frozen."""
        model = RewardModel.load(self.spec.folder / "reward", self.compute)
        model.network.requires_grad_(False)
        return Learned(model, self.learning.micro_tokens)

    @cached_property
    def rankings(self) -> Sequence[Ranking]:
        """Full orders, best first."""
        return [
            Ranking(prompt, said, tuple((place,) for place in range(len(said))))
            for prompt, said in zip(self.prompts, self.said, strict=True)
        ]

    def demonstrations(self, file: str) -> Sequence[Demonstration]:
        """Each prompt's first completion."""
        return [Demonstration(said[0].prompt, said[0].text) for said in self.said]

    def sampler(self, occasion: str, temperature: float, longest: int, best_of: int = 1) -> Sampler:
        """The policy as a speaker; where losses are compared, one who says what stands in the rows."""
        if self.spec.check:
            return Given(self)
        return Local(self.policy, "policy", seed_of(self.seed, occasion), temperature, longest)

    def speaker(
        self, policy: Policy, name: str, occasion: str, temperature: float, longest: int, best_of: int = 1
    ) -> Sampler:
        """Any policy as a speaker."""
        return Local(policy, name, seed_of(self.seed, occasion), temperature, longest)

    def other(self, folder: str) -> Policy:
        """A teacher, if one is measured: the reference."""
        return self.reference

    def keep(self, turn: int, said: Sequence[Completion]) -> None:
        """Nothing is put on record."""

    def mark(self, turn: int, scores: Sequence[float]) -> None:
        """Nor are scores."""

    def say(self, line: str) -> None:
        """Told to the log."""
        print(line, file=sys.stderr)


class Given:
    """Says what stands in the rows, so that both sides learn from the same completions."""

    def __init__(self, parts: Parts) -> None:
        network = generation.network(parts.spec)
        self.said: dict[str, list[Completion]] = {}
        for prompt, row, told in zip(parts.prompts, parts.spec.rows(), parts.said, strict=True):
            self.said[prompt.id] = [
                replace(one, tokens=tuple(ids), logprobs=tuple(generation.logprobs(network, row.prompt, ids)))
                for one, ids in zip(told, row.completions, strict=True)
            ]

    def sample(self, prompts: Sequence[Prompt], k: int) -> list[Completion]:
        """The k completions of each prompt."""
        return [one for prompt in prompts for one in self.said[prompt.id]]


def course(spec: Spec, parts: Parts) -> Course:
    """The method of a stage, made ready by the very function that the stages call."""
    step, rate = int(spec.options.get("step", 1)), spec.rate
    if spec.stage in ("reward", "reward-list"):
        model = RewardModel.load(spec.folder / "reward", parts.compute)
        asked = Reward(likelihood="bradley-terry", centring=0.0, epochs=ENDLESS, rate=rate, batch=step)
        return reward.build(asked, parts, model, parts.rankings)
    if spec.stage == "sft":
        return ALGORITHMS["sft"](SFT(epochs=ENDLESS, rate=rate, batch=step, turns="last"), parts)
    if spec.stage == "dpo":
        return ALGORITHMS["dpo"](DPO(beta=0.1, epochs=ENDLESS, rate=rate, batch=step), parts)
    price, updates = (0.0, 1) if spec.check else (PRICE, UPDATES)
    rounds = {"rounds": ENDLESS, "prompts": spec.count, "samples": spec.completions, "longest": spec.new}
    if spec.stage == "grpo":
        rollout = Rollouts(**rounds, updates=updates)
        return ALGORITHMS["grpo"](GRPO(kl=price, kl_limit=1e9, rate=rate, rollout=rollout), parts)
    rollout = Rollouts(**rounds, updates=UPDATES, passes=PASSES)
    asked_ppo = PPO(kl=PRICE, kl_limit=1e9, rate=rate, critic_rate=rate, critic_rounds=0, rollout=rollout)
    return ALGORITHMS["ppo"](asked_ppo, parts)


def learn(spec: Spec, turns: Turns) -> None:
    """Learn until told to end; a turn is one epoch over the rows, or one round of speaking and learning."""
    made = course(spec, Parts(spec))
    for network in made.networks.values():
        network.train(made.dropout)
    optimizer = Optimizer(made.networks, made.rates, clip_norm=1.0)
    epoch = {"ppo": PASSES * UPDATES, "grpo": 1 if spec.check else UPDATES}
    turns.steps = epoch.get(spec.stage) or math.ceil(spec.count / int(spec.options["step"]))

    def tell(number: int, notes: Notes) -> None:
        work = {"processed": float(notes["tokens"])} if "tokens" in notes else {}
        if spec.check:
            names = {name: name for name in ("loss", "better_logprob", "worse_logprob")}
            names |= {name: "grad_norm" for name in notes if name.startswith("grad_norm.")}
            turns.told.update({told: float(notes[name]) for name, told in names.items() if name in notes})
        turns.step(**work)

    turns.ready()
    fit(made.feed, made.objective, Engine(), optimizer, Guard(), [*made.tells, tell])


def rollout(spec: Spec, turns: Turns) -> None:
    """Answer the prompts, turn after turn."""
    parts = Parts(spec)
    policy, turn = parts.policy, 0
    turns.ready()
    while True:
        said = Local(policy, "policy", seed_of(turn), 1.0, spec.new).sample(parts.prompts, spec.completions)
        turn += 1
        turns.told["tokens"] = float(sum(len(one.tokens or ()) for one in said))
        facts: dict[str, Any] = {}
        if spec.check:
            prompts = {one.id: row.prompt for one, row in zip(parts.prompts, spec.rows(), strict=True)}
            facts["said"] = [(prompts[one.prompt.id], one.tokens) for one in said]
            logprobs = [value for one in said for value in one.logprobs or ()]
            turns.told["loss"] = -math.fsum(logprobs) / len(logprobs)
        turns.done(**facts)


if __name__ == "__main__":
    read = specs.read(sys.argv[1])
    line = Turns()
    import torch

    from concord.machine import keep_freed_memory

    keep_freed_memory()  # as every process of `concord` does

    torch.set_num_threads(read.threads)
    rollout(read, line) if read.stage == "rollout" else learn(read, line)
