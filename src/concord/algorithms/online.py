"""Online DPO: the policy answers, the scorer's odds make rankings of its answers, and DPO's loss reads them.

With the scorer's odds as labels the loss of each pair is least where the implicit rewards differ by exactly
what the scores differ by. That holds for all pairs at once at the reference times e^(score / beta), whatever
policy drew the answers: it is where PPO rests too, and no noise is left in the gradient there. With the plain
order of the scores nothing ever rests.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from concord.algorithms.course import Bench, Course
from concord.algorithms.experience import Speaking, likelihood
from concord.algorithms.preference import PreferenceObjective, direct
from concord.algorithms.references import Moving, totals
from concord.batches import Lists, Rollout, Sequences
from concord.batches.order import cut
from concord.batches.packing import cost
from concord.errors import SettingsError
from concord.records import seed_of
from concord.settings import Fixed, OnlineDPO


@dataclass(frozen=True)
class Compared:
    """A round's answers and how those to one prompt stand to each other."""

    sequences: Sequences
    reference: Tensor
    """[N, S] log-probabilities under the reference."""
    tiers: Tensor
    """[L, K] each answer's tier among those to its prompt."""
    chances: Tensor | None
    """[L, K, K] soft labels, if the scorer's odds are what is learned."""

    def lists(self, numbers: Sequence[int], tail: float) -> Lists:
        """The answers to some of the prompts, each prompt's as one list."""
        size = self.tiers.shape[1]
        rows = [number * size + place for number in numbers for place in range(size)]
        sequences = self.sequences.some(rows)
        lists = Lists(
            sequences,
            torch.arange(len(rows)).view(-1, size),
            self.tiers[list(numbers)],
            torch.empty(len(rows)),
            chances=None if self.chances is None else self.chances[list(numbers)],
        )
        tokens = self.reference[rows, : sequences.scored.shape[1]]
        return replace(lists, reference=totals(tokens, lists, tail))


def standing(scores: Tensor, drawn: bool, *names: object) -> Tensor:
    """[L, K] tiers of scores [L, K]: in their order, or drawn as a Plackett-Luce judge would rank by chance.

    Scores with Gumbel noise, put in order, are such a draw; of two answers, one from Bradley-Terry.
    """
    if drawn:
        chance = torch.rand(scores.shape, generator=torch.Generator().manual_seed(seed_of(*names)))
        scores = scores - (-chance.log()).log()  # a chance of 0 comes last
    return (scores.unsqueeze(-2) > scores.unsqueeze(-1)).sum(-1)


def odds(scores: Tensor) -> Tensor:
    """[L, K, K] how probably each answer is better than each other, by Bradley-Terry; nan against itself."""
    itself = torch.eye(scores.shape[-1], dtype=torch.bool)
    return torch.where(itself, torch.nan, (scores.unsqueeze(-1) - scores.unsqueeze(-2)).sigmoid())


@dataclass
class Comparing(Speaking):
    """Rounds of answers of which each batch holds all to its prompts, as lists."""

    tail: float = 1.0

    def parts(self, experience: Any, rows: Sequence[int]) -> list[Any]:
        """Whole lists, cut into batches by the budget of tokens."""
        compared: Compared = experience
        size = self.settings.samples
        numbers = list(dict.fromkeys(row // size for row in rows))
        texts = compared.sequences.rows
        sizes = [cost(texts[number * size : (number + 1) * size]) for number in numbers]
        groups = cut(sizes, self.bench.learning.micro_tokens)
        return [compared.lists([numbers[place] for place in group], self.tail) for group in groups]


def build(settings: OnlineDPO, bench: Bench) -> Course:
    """The policy learns, the scorer looks on; the reference looks on too, or follows the policy by rounds."""
    policy, plan = bench.policy, settings.rollout
    form = direct(settings, plan.temperature)
    if plan.prompts % plan.updates or plan.samples < 2:
        raise SettingsError(
            f"`rollout` asks for {plan.prompts} prompts, {plan.samples} samples and {plan.updates} updates: "
            "answers to one prompt are compared with each other, so take 2 samples or more, and as many updates "
            "as divide the prompts."
        )
    if form.pair is None and settings.labels == "odds":
        raise SettingsError(
            f"`loss.method` is {settings.loss.method} and `labels` odds, which are odds of pairs. Set `labels` to "
            "drawn or order."
        )
    if settings.loss.method == "aot":
        raise SettingsError("`loss.method` aot matches fixed pairs. Use another loss, or the method dpo.")

    def compared(rollout: Rollout) -> Any:
        scores = rollout.scores.view(-1, plan.samples)
        tiers = standing(scores, settings.labels == "drawn", bench.seed, "standing", feed.round)
        chance = odds(scores) if settings.labels == "odds" else None
        reference = rollout.reference
        if moving:  # what is learned from; drift goes on being measured from where the policy began
            budget = bench.learning.micro_tokens
            reference = likelihood(moving.reference, rollout.sequences, plan.temperature, budget)
        return Compared(rollout.sequences, reference, tiers, chance)

    moving = None
    if not isinstance(settings.reference, Fixed):
        moving = Moving.of(settings.reference, bench, plan.passes * plan.updates, form.tail)
    feed = Comparing(bench, plan, compared, tail=form.tail)
    return Course(
        feed,
        PreferenceObjective(policy, form),
        {"policy": policy.network},
        {"policy": settings.rate},
        feed.steps,
        limits={"kl": settings.kl_limit},
        tells=(feed.tell, moving.follow) if moving else (feed.tell,),
        dropout=False,
        kept={"reference": moving.reference.network} if moving else {},
    )
