"""SFT: raise the likelihood of what people wrote, and of nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass

from concord.algorithms.course import Bench, Course
from concord.algorithms.feeds import Reading
from concord.batches import Rendered, Sequences, collate, pack
from concord.maths.sequence import masked_mean
from concord.models import Policy
from concord.models.folder import context
from concord.settings import SFT
from concord.training import Loss


@dataclass
class Imitation:
    """Negative log-likelihood of the scored tokens."""

    policy: Policy

    def __call__(self, batch: Sequences) -> Loss:
        batch = batch.to(self.policy.compute.device)
        logprobs = self.policy.logprobs(batch)
        return Loss(-masked_mean(logprobs, batch.scored), counts={"tokens": batch.size})


def imitate(
    policy: Policy, rows: Sequence[Rendered], epochs: int, batch: int, rate: float, bench: Bench
) -> Course:
    """A course of imitation of any rows, wherever they came from."""
    feed = Reading(rows, batch, epochs, bench.seed, pack, bench.learning.micro_tokens)
    return Course(feed, Imitation(policy), {"policy": policy.network}, {"policy": rate}, feed.steps)


def build(settings: SFT, bench: Bench) -> Course:
    """Imitate the demonstrations."""
    policy = bench.policy
    rows = collate.demonstrations(
        bench.demonstrations(settings.demonstrations),
        policy.template,
        context(policy.network),
        settings.turns == "all",
        bench.say,
    )
    return imitate(policy, rows, settings.epochs, settings.batch, settings.rate, bench)
