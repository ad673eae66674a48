"""ReMax: each completion is credited against the likeliest answer to its prompt; no critic, no groups."""

import torch

from concord.algorithms.course import Bench, Course
from concord.algorithms.critic_free import course
from concord.algorithms.experience import as_said, likelihood
from concord.algorithms.group import alike, worth
from concord.batches import Experience, Rollout
from concord.settings import ReMax

COLD = 1e-4
"""A temperature at which only the likeliest token is drawn, or one that is as likely but for a thousandth of a nat."""


def credit(rollout: Rollout, price: float, settings: ReMax, bench: Bench) -> Experience:
    """Credit is a completion's worth, less that of the likeliest answer to the same prompt."""
    plan, budget = settings.rollout, bench.learning.micro_tokens
    said = bench.sampler("likeliest", COLD, plan.longest).sample(rollout.prompts, 1)
    rows = as_said(said, bench.policy)
    likeliest = Rollout(
        rows,
        likelihood(bench.policy, rows, plan.temperature, budget),
        likelihood(bench.reference, rows, plan.temperature, budget),
        torch.tensor(bench.scorer.score(said)),
        torch.arange(len(said)),
    )
    return alike(rollout, worth(rollout, price) - worth(likeliest, price)[rollout.groups])


def build(settings: ReMax, bench: Bench) -> Course:
    """One more answer a prompt is said each round, and learned from by nobody."""
    return course(settings, bench, lambda rollout, price: credit(rollout, price, settings, bench))
