"""Methods without a critic: the policy speaks, its answers are credited by each other, and it learns."""

from collections.abc import Callable
from dataclasses import dataclass

from concord.algorithms.course import Bench, Course
from concord.algorithms.policy_loss import PolicyLoss, told
from concord.algorithms.price import Price, PricedFeed
from concord.algorithms.trust import Trust
from concord.batches import Experience, Rollout
from concord.models import Policy
from concord.models.sight import Sight
from concord.settings.speaking import Grouped
from concord.training import Loss

Credit = Callable[[Rollout, float], Experience]
"""Who earned the reward, at a price of drift that is taken out of the score."""


@dataclass
class PolicyObjective:
    """The surrogate alone: credit has been worked out before."""

    policy: Policy
    loss: PolicyLoss

    def __call__(self, batch: Experience) -> Loss:
        batch = batch.to(self.policy.compute.device)
        mean, notes = self.loss(Sight(self.policy, batch.sequences), batch)
        return Loss(mean, notes, {"tokens": batch.sequences.size})


def course(settings: Grouped, bench: Bench, credit: Credit) -> Course:
    """Three networks: the policy learns; the reference and the scorer look on."""
    policy, plan = bench.policy, settings.rollout
    price = Price(settings, settings.kl)
    loss = PolicyLoss(settings, price)
    feed = PricedFeed(
        bench,
        plan,
        lambda rollout: credit(rollout, price.of_score),
        price.heard,
        Trust(policy, settings.loss, plan.temperature, bench.learning.micro_tokens),
        loss.form.average,
        price=price,
    )
    bench.say(told(settings))
    return Course(
        feed,
        PolicyObjective(policy, loss),
        {"policy": policy.network},
        {"policy": settings.rate},
        feed.steps,
        limits={"kl": settings.kl_limit},
        tells=(feed.tell,),
        dropout=False,
    )
