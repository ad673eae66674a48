"""Rejection sampling: say many things, keep the best by the scorer, and imitate that; perhaps again and again."""

from concord.algorithms.course import Bench, Course
from concord.algorithms.experience import spoken
from concord.algorithms.feeds import Rounds
from concord.algorithms.sft import Imitation
from concord.batches import Rendered, pack
from concord.settings import Rejection


def build(settings: Rejection, bench: Bench) -> Course:
    """The best of n answers to every prompt become demonstrations; each round, of the policy as it is by then."""
    policy = bench.policy

    def best(turn: int) -> list[Rendered]:
        occasion = f"rejection {turn}" if turn else "rejection"
        sampler = bench.sampler(occasion, settings.temperature, settings.longest, best_of=settings.samples)
        return [spoken(completion, policy) for completion in sampler.sample(bench.prompts, 1)]

    feed = Rounds(
        best,
        settings.rounds,
        settings.batch,
        settings.epochs,
        bench.seed,
        pack,
        bench.learning.micro_tokens,
    )
    return Course(
        feed,
        Imitation(policy),
        {"policy": policy.network},
        {"policy": settings.rate},
        feed.steps,
        tells=(feed.tell,) if settings.rounds > 1 else (),
    )
