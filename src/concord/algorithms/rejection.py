"""Rejection sampling: say many things, keep the best by the scorer, and imitate that."""

from concord.algorithms.course import Bench, Course
from concord.algorithms.experience import spoken
from concord.algorithms.sft import imitate
from concord.settings import Rejection


def build(settings: Rejection, bench: Bench) -> Course:
    """The best of n answers to every prompt become demonstrations."""
    policy = bench.policy
    sampler = bench.sampler("rejection", settings.temperature, settings.longest, best_of=settings.samples)
    best = sampler.sample(bench.prompts, 1)
    rows = [spoken(completion, policy) for completion in best]
    return imitate(policy, rows, settings.epochs, settings.batch, settings.rate, bench)
