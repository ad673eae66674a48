"""SFT: raise the likelihood of what people wrote, and of nothing else."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from concord.algorithms.course import Bench, Course
from concord.algorithms.feeds import Reading
from concord.algorithms.stopping import Watched
from concord.batches import Rendered, Sequences, collate, pack
from concord.maths.sequence import masked_mean
from concord.models import Policy
from concord.models.folder import context
from concord.records import Demonstration, parted
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
    """Imitate the demonstrations, to the end or as long as those kept back gain by it."""

    def rows(records: Iterable[Demonstration]) -> Sequence[Rendered]:
        policy, limit = bench.policy, context(bench.policy.network)
        return collate.demonstrations(records, policy.template, limit, settings.turns == "all", bench.say)

    found = bench.demonstrations(settings.demonstrations)
    if not settings.hold_out and not settings.general:
        return imitate(bench.policy, rows(found), settings.epochs, settings.batch, settings.rate, bench)
    shown, kept = parted(found, settings.hold_out, bench.seed)
    plain = imitate(bench.policy, rows(shown), settings.epochs, settings.batch, settings.rate, bench)
    feed = Watched(
        plain.feed,
        bench.policy,
        rows(kept) if settings.hold_out else [],
        rows(bench.demonstrations(settings.general)) if settings.general else [],
        math.inf if settings.forget is None else settings.forget,
        plain.steps // settings.epochs,
        settings.looks,
        settings.patience,
        bench.learning.micro_tokens,
        bench.say,
    )
    return replace(plain, feed=feed, networks={**plain.networks, "best": feed.best}, tells=[feed])
