"""The price of drift: fixed or adapted to a target, paid out of the score or in the loss."""

from dataclasses import dataclass, field
from typing import Any

from concord.algorithms.experience import Speaking
from concord.batches import Rollout
from concord.maths.divergence import k1
from concord.maths.sequence import masked_sum
from concord.maths.surrogate import next_price
from concord.settings import PPO
from concord.settings.speaking import Grouped

HORIZON = 2000.0
"""Completions over which an adaptive price answers a miss of its target in full."""


@dataclass
class Price:
    """What a nat of drift costs by now."""

    settings: PPO | Grouped
    now: float

    def heard(self, rollout: Rollout) -> dict[str, float]:
        """Adapt the price to how far the policy has drifted."""
        if self.settings.target_kl is not None:
            mask = rollout.sequences.scored
            drift = float(masked_sum(k1(rollout.logprobs, rollout.reference), mask).mean())
            self.now = next_price(self.now, drift, self.settings.target_kl, HORIZON, len(mask))
        return {"price": self.now}

    @property
    def of_score(self) -> float:
        """What credit takes out of the score."""
        return self.now if self.settings.loss.drift == "score" else 0.0

    @property
    def of_loss(self) -> float:
        """What the loss adds."""
        return self.now - self.of_score


@dataclass
class PricedFeed(Speaking):
    """Rounds of speaking that also remember the price of drift."""

    price: Price = field(kw_only=True)

    def state(self) -> dict[str, Any]:
        """How many rounds are over, and what drift costs by now."""
        return {**super().state(), "price": self.price.now}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on with the next round at that price."""
        super().restore(state)
        self.price.now = float(state["price"])
