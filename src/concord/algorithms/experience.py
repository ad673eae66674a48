"""Experience: the policy speaks, a scorer listens, and what was said is read for a few steps."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from concord.algorithms.course import Bench
from concord.algorithms.traces import traced
from concord.batches import Experience, Rendered, Rollout, Sequences, pack
from concord.batches.order import permutation
from concord.batches.packing import parts
from concord.errors import RecordError
from concord.maths.averages import over_tokens
from concord.maths.divergence import k1
from concord.maths.sequence import masked_sum
from concord.maths.statistics import cluster_error, distinct
from concord.models import Policy
from concord.models.trunk import spread
from concord.monitoring.habits import leanings
from concord.records import Completion, Prompt
from concord.settings import Rollouts
from concord.training import Notes

Credit = Callable[[Rollout], Experience]
Average = Callable[[Tensor, Tensor, int], Tensor]


@dataclass
class Speaking:
    """Steps from what the policy itself says: each round it speaks anew, with the weights it has by then."""

    bench: Bench
    settings: Rollouts
    credit: Credit
    heard: Callable[[Rollout], dict[str, float]] = lambda rollout: {}
    """Called once a round, before credit: where a price may adapt; what it returns is noted."""
    weigh: Callable[[Rollout], Rollout] = lambda rollout: rollout
    """Called once a round, before credit: which of the tokens count."""
    average: Average = over_tokens
    """What the tokens of a completion count in their step."""
    credited: Callable[[Experience], dict[str, float]] = lambda experience: {}
    """Called once a round, after credit; what it returns is noted."""
    round: int = field(default=0, init=False)
    settled: bool = field(default=True, init=False)
    news: dict[str, float] = field(default_factory=dict, init=False)
    words: dict[str, float] = field(default_factory=dict, init=False)
    """What a look at the round's texts tells, and what their scores lean on."""

    @property
    def steps(self) -> int:
        """Optimiser steps in all."""
        said = self.settings.prompts * self.settings.samples
        size = -(-said // self.settings.updates)
        return self.settings.rounds * self.settings.passes * -(-said // size)

    def __post_init__(self) -> None:
        plan, said = self.settings, self.settings.prompts * self.settings.samples
        self.bench.say(
            f"rounds: {plan.rounds}, each {plan.prompts} prompts x {plan.samples} answers = {said} completions; "
            f"passes over them: {plan.passes}, {-(-said // plan.updates)} in an update; steps in all: {self.steps}."
        )

    def __iter__(self) -> Iterator[list[Experience]]:
        plan = self.settings
        while self.round < plan.rounds:
            rollout = self.speak()
            self.news = {"round": float(self.round), **facts(rollout), **self.words, **self.heard(rollout)}
            self.news |= getattr(self.bench.scorer, "told", {})
            experience = self.credit(self.weigh(rollout))
            self.news |= self.credited(experience)
            for number in range(plan.passes):
                order = by_prompt(rollout.groups, self.bench.seed, self.round, number)
                size = -(-len(order) // plan.updates)
                for start in range(0, len(order), size):
                    last = number == plan.passes - 1 and start + size >= len(order)
                    step = self.parts(experience, order[start : start + size])
                    # Once its last step is learned the round is over: only then may a checkpoint be taken.
                    self.round += int(last)
                    self.settled = last
                    yield step

    def parts(self, experience: Experience, rows: Sequence[int]) -> list[Experience]:
        """Some rows, cut into batches by the budget of tokens."""
        lengths = experience.sequences.scored.sum(-1).float()
        weights = torch.zeros_like(lengths)
        weights[rows] = self.average(lengths[rows], lengths, self.settings.longest)
        experience = replace(experience, share=experience.share * weights[:, None])
        texts = [experience.sequences.rows[row] for row in rows]
        groups = parts(texts, self.bench.learning.micro_tokens)
        return [experience.some([rows[place] for place in group]) for group in groups]

    def speak(self) -> Rollout:
        """Ask the policy this round's prompts, score what it says, and see how far it has drifted."""
        plan, bench = self.settings, self.bench
        prompts = asked(bench.prompts, plan.prompts, bench.seed, self.round)
        sampler = bench.sampler(f"round {self.round}", plan.temperature, plan.longest)
        said = sampler.sample(prompts, plan.samples)
        bench.keep(self.round, said)
        self.words = wording(said, plan.samples)
        scores = torch.tensor(bench.scorer.score(said))
        bench.mark(self.round, scores.tolist())
        sequences = as_said(said, bench.policy)
        groups = torch.arange(len(prompts)).repeat_interleave(plan.samples)
        self.words |= leanings([one.text for one in said], scores.tolist(), groups.tolist())
        return Rollout(
            sequences,
            noted(said, sequences),
            likelihood(bench.reference, sequences, plan.temperature, bench.learning.micro_tokens),
            scores,
            groups,
            tuple(prompts),
            pieces=traced(bench.scorer, said, bench.policy.template, sequences),
        )

    def tell(self, number: int, notes: Notes) -> None:
        """Add the round's facts to a step's notes."""
        notes.update(self.news)

    def state(self) -> dict[str, Any]:
        """How many rounds are over."""
        return {"round": self.round}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on with the next round."""
        self.round = int(state["round"])


def by_prompt(groups: Tensor, *names: object) -> list[int]:
    """All rows, prompts shuffled: a prompt's answers stay together, so that its tokens are read once for all."""
    rows: dict[int, list[int]] = {}
    for row, group in enumerate(groups.tolist()):
        rows.setdefault(group, []).append(row)
    found = list(rows.values())
    return [row for place in permutation(len(found), *names) for row in found[place]]


def asked(prompts: Sequence[Prompt], count: int, seed: int, turn: int) -> list[Prompt]:
    """This round's prompts: all are asked once before any is asked again."""
    orders: dict[int, list[int]] = {}
    picked = []
    for place in range(turn * count, (turn + 1) * count):
        epoch, rest = divmod(place, len(prompts))
        if epoch not in orders:
            orders[epoch] = permutation(len(prompts), seed, "prompts", epoch)
        picked.append(prompts[orders[epoch][rest]])
    return picked


def as_said(completions: Sequence[Completion], policy: Policy) -> Sequences:
    """What was said, packed."""
    return pack([spoken(completion, policy) for completion in completions])


def spoken(completion: Completion, policy: Policy) -> Rendered:
    """The very tokens that were sampled, after their prompt; nothing is read back from text."""
    before = policy.template.prompt(completion.prompt)
    said = list(completion.tokens or ())
    return Rendered(before + said, [False] * len(before) + [True] * len(said))


def noted(said: Sequence[Completion], sequences: Sequences) -> Tensor:
    """[N, S] the log-probabilities that the sampler noted down as it drew."""
    for one in said:
        if one.logprobs is None or len(one.logprobs) != len(one.tokens or ()):
            raise RecordError(
                f"The answer of {one.by} to prompt {one.prompt.id} comes without a log-probability for each of its "
                "tokens, which learning needs. Use a sampler that notes them down."
            )
    return spread(torch.tensor([value for one in said for value in one.logprobs or ()]), sequences)


@torch.no_grad()
def likelihood(policy: Policy, sequences: Sequences, temperature: float, micro_tokens: int) -> Tensor:
    """[N, S] log-probability of each scored token, batch by batch."""
    result = torch.zeros(sequences.scored.shape)
    for rows in sequences.parts(micro_tokens):
        part = sequences.some(rows)
        result[rows, : part.scored.shape[1]] = policy.logprobs(part, temperature).to(result)
    return result


def facts(rollout: Rollout) -> dict[str, float]:
    """What a round is told by: score, drift, length."""
    mask = rollout.sequences.scored
    drift = masked_sum(k1(rollout.logprobs, rollout.reference), mask)
    return {
        "score": float(rollout.scores.mean()),
        "score_spread": float(rollout.scores.std()) if len(rollout.scores) > 1 else 0.0,
        "kl": float(drift.mean()),
        **uncertainty(drift, rollout.groups),
        "surprise": float(-masked_sum(rollout.logprobs, mask).sum() / mask.sum()),
        "length": float(mask.sum()) / len(mask),
        **group_spread(rollout),
    }


def uncertainty(drift: Tensor, groups: Tensor) -> dict[str, float]:
    """The standard error of the mean drift, over prompts; nothing where one prompt alone was asked."""
    _, error, prompts = cluster_error(drift.tolist(), groups.tolist())
    return {"kl_error": error} if prompts > 1 else {}


def group_spread(rollout: Rollout) -> dict[str, float]:
    """How far scores of answers to one prompt lie apart, on average: where they do not, nothing can be compared."""
    groups = int(rollout.groups.max()) + 1
    size = len(rollout.scores) // groups
    if size < 2:
        return {}
    return {"group_spread": float(rollout.scores.view(groups, size).std(-1, correction=0).mean())}


def wording(said: Sequence[Completion], size: int) -> dict[str, float]:
    """How often answers are cut off, repeat themselves, and differ from others to the same prompt."""
    texts = [one.text for one in said]
    groups = [texts[start : start + size] for start in range(0, len(texts), size)]
    own = [1 - share for text in texts if not math.isnan(share := distinct([text], 2))]
    among = [share for group in groups if not math.isnan(share := distinct(group, 2))]
    found = {"truncated": sum(one.finish == "length" for one in said) / len(said)}
    if own:
        found["repeated"] = sum(own) / len(own)
    return {**found, "distinct": sum(among) / len(among)} if among and size > 1 else found
