"""REINFORCE++: each token is credited by what follows it, whitened over the whole round; no critic, no groups."""

from collections.abc import Callable

from torch import Tensor

from concord.algorithms.course import Bench, Course
from concord.algorithms.critic_free import course
from concord.batches import Experience, Rollout
from concord.maths.advantage import group_mean, monte_carlo_returns, token_rewards
from concord.maths.divergence import k1
from concord.maths.sequence import whiten
from concord.settings import Reinforce

BASELINES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "round": lambda scores, groups: scores,
    "group": group_mean,
}


def credit(rollout: Rollout, baseline: str, price: float) -> Experience:
    """Tokens pay for drift, the last one earns the score, and each is credited by the sum from it on."""
    mask = rollout.sequences.scored
    scores = BASELINES[baseline](rollout.scores, rollout.groups)
    rewards = token_rewards(scores, k1(rollout.logprobs, rollout.reference), mask, price)
    return Experience.of(rollout, whiten(monte_carlo_returns(rewards, mask, 1.0), mask))


def build(settings: Reinforce, bench: Bench) -> Course:
    """The round is the only yardstick."""
    return course(settings, bench, lambda rollout, price: credit(rollout, settings.baseline, price))
