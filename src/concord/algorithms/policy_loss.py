"""The loss of a policy that learns from its own words: every published form, in one explicit table."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from concord.algorithms.experience import Average
from concord.algorithms.price import Price
from concord.batches import Experience
from concord.maths.averages import (
    over_sequences,
    over_sums,
    over_the_longest,
    over_the_round,
    over_tokens,
)
from concord.maths.divergence import k2, k3, weighted_k3
from concord.maths.ratios import by_completion, by_sequence, by_token, fresh
from concord.maths.sequence import masked_mean
from concord.maths.surrogate import (
    cispo_loss,
    clip_fraction,
    clipped_policy_loss,
    dual_clipped_policy_loss,
    policy_gradient_loss,
    sapo_loss,
    two_sided_policy_loss,
    vespo_loss,
)
from concord.models.sight import Sight
from concord.settings import PPO
from concord.settings.speaking import Grouped
from concord.training.notes import Notes


@dataclass(frozen=True)
class Given:
    """What a form of the loss works on: likelihoods at the level of its ratio, credit, mask and bounds."""

    now: Tensor
    then: Tensor
    credit: Tensor
    mask: Tensor
    low: float
    high: float
    most: float

    @property
    def three(self) -> tuple[Tensor, Tensor, Tensor]:
        """The policy that learns, the one that spoke, and the credit."""
        return self.now, self.then, self.credit


@dataclass(frozen=True)
class Form:
    """One form: whose ratio is taken, how the credit pulls at it, and how tokens are averaged."""

    ratio: Callable[[Tensor, Tensor], Tensor]
    pull: Callable[[Given], Tensor]
    average: Average


def clipped(given: Given) -> Tensor:
    """The clipped surrogate."""
    return clipped_policy_loss(*given.three, given.low, given.high)


FORMS: dict[str, Form] = {
    "clip": Form(by_token, clipped, over_tokens),
    "dual-clip": Form(
        by_token,
        lambda given: dual_clipped_policy_loss(*given.three, given.low, given.high, given.most),
        over_tokens,
    ),
    "policy-gradient": Form(
        by_token, lambda given: policy_gradient_loss(given.now, given.credit), over_tokens
    ),
    "bnpo": Form(by_token, clipped, over_tokens),
    "grpo": Form(by_token, clipped, over_sequences),
    "dapo": Form(by_token, clipped, over_the_round),
    "dr-grpo": Form(by_token, clipped, over_the_longest),
    "gspo": Form(by_sequence, clipped, over_sequences),
    "luspo": Form(by_sequence, clipped, over_sums),
    "rloo": Form(by_completion, clipped, over_sequences),
    "cispo": Form(by_token, lambda given: cispo_loss(*given.three, given.high), over_the_round),
    "sapo": Form(by_token, lambda given: sapo_loss(*given.three), over_sequences),
    "vespo": Form(by_token, lambda given: vespo_loss(*given.three, given.mask), over_the_round),
    "two-sided": Form(
        by_token,
        lambda given: two_sided_policy_loss(*given.three, given.low, given.high, given.most),
        over_tokens,
    ),
}
DRIFTS: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "k2": lambda now, then, reference: k2(now, reference),
    "k3": lambda now, then, reference: k3(now, reference),
    "k3-weighted": weighted_k3,
}
"""Estimates of drift that a loss may add, from the policy that learns, the one that spoke, and the reference."""


@dataclass
class PolicyLoss:
    """The surrogate of one method, with what its settings add to it."""

    settings: PPO | Grouped
    price: Price

    @property
    def form(self) -> Form:
        """The form that the settings name."""
        return FORMS[self.settings.loss.form]

    def __call__(self, sight: Sight, batch: Experience) -> tuple[Tensor, Notes]:
        """The mean over the batch's tokens, each counted by its share of the step; and what to note."""
        asked, mask = self.settings.loss, batch.sequences.scored
        now = sight.logprobs(self.settings.rollout.temperature)
        low, high = self.settings.clip, asked.clip_high or self.settings.clip
        ours, then = self.form.ratio(now, mask), self.form.ratio(batch.logprobs, mask)
        moves = self.form.pull(Given(ours, then, batch.advantages, mask, low, high, asked.ratio_limit))
        moves = moves * batch.trust
        notes: Notes = {
            "clipped": clip_fraction(ours, then, batch.advantages, low, high, mask),
            "moved": masked_mean((now.detach() - batch.logprobs).abs(), mask),
        }
        if asked.stale_limit is not None:
            kept = fresh(now, batch.logprobs, batch.advantages, mask, asked.stale_limit)
            moves = moves * kept
            notes["stale"] = 1 - masked_mean(kept.to(moves.dtype), mask)
        if self.price.of_loss:
            moves = moves + self.price.of_loss * DRIFTS[asked.drift](now, batch.logprobs, batch.reference)
        if asked.sampler_limit is not None or asked.undecided < 1:
            notes["trusted"] = masked_mean(batch.trust, mask)
        mean = masked_mean(moves * batch.share, mask)
        if asked.entropy:
            undecided = masked_mean(sight.entropy(self.settings.rollout.temperature), mask)
            notes["entropy"] = undecided.detach()
            mean = mean - asked.entropy * undecided
        return mean, notes


def told(settings: PPO | Grouped) -> str:
    """What is minimised, in a line for whoever watches."""
    drift = settings.loss.drift
    where = "out of the score" if drift == "score" else f"in the loss by {drift}"
    aim = f", adapted to a drift of {settings.target_kl:g}" if settings.target_kl else ""
    return f"loss {settings.loss.form}; a nat of drift costs {settings.kl:g}{aim}, paid {where}."
