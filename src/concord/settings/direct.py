"""Settings of the methods that learn straight from preferences."""

from typing import Annotated, Literal

from pydantic import Field

from concord.settings.closed import Settings
from concord.settings.quantities import Count, Positive, Price, Share
from concord.settings.speaking import Rollouts

Doubt = Annotated[float, Field(gt=0, lt=0.5)]


class Plain(Settings):
    """Losses that have no setting of their own."""

    method: Literal[
        "sigmoid", "ipo", "hinge", "nca", "bco", "sppo", "apo-zero", "apo-down", "plackett-luce"
    ] = "sigmoid"
    """Which loss: of each pair of a ranking, or of the whole ranking at once (`plackett-luce`)."""


class Smoothed(Settings):
    """Losses for preferences of which a share is thought to be wrong."""

    method: Literal["conservative", "robust", "exo", "aot"] = "conservative"
    """Which loss; `aot` compares the leads of all pairs of a step as wholes."""
    smoothing: Doubt = 0.1
    """The share of preferences that is thought to be wrong."""


class DiscoPOP(Settings):
    """The loss found by search: logistic and exponential, mixed."""

    method: Literal["discopop"] = "discopop"
    """Which loss this is."""
    tau: Positive = 0.05
    """How softly one gives way to the other."""


class DPOP(Settings):
    """The sigmoid loss with a price on making the better completion less likely than it was."""

    method: Literal["dpop"] = "dpop"
    """Which loss this is."""
    weight: Price = 5.0
    """The price of one nat."""


class MPO(Settings):
    """A mixture of `sigmoid` and `bco`; with `nll` beside it, it has all three parts of the paper."""

    method: Literal["mpo"] = "mpo"
    """Which loss this is."""
    preference: Price = 0.8
    """Weight of which is better."""
    quality: Price = 0.2
    """Weight of whether each is good."""


Loss = Annotated[Plain | Smoothed | DiscoPOP | DPOP | MPO, Field(discriminator="method")]


class Link(Settings):
    """Divergences from the reference that have no setting of their own."""

    method: Literal["reverse-kl", "forward-kl", "jensen-shannon"] = "reverse-kl"
    """Whose price the implicit reward stands for."""


class Alpha(Settings):
    """The alpha divergence from the reference."""

    method: Literal["alpha"] = "alpha"
    """Which divergence this is."""
    order: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """Its order: towards 1 it is the reverse KL, towards 0 the forward KL."""


class Fixed(Settings):
    """The reference stays what the policy was before its first step."""

    method: Literal["fixed"] = "fixed"
    """Which reference this is."""


class Averaged(Settings):
    """The reference follows the policy slowly."""

    method: Literal["averaged"] = "averaged"
    """Which reference this is."""
    share: Annotated[float, Field(gt=0, lt=1)] = 0.6
    """Share of the policy that is mixed into it each time."""
    every: Count = 32
    """Steps between two times; rounds, where the policy speaks."""


class Renewed(Settings):
    """The reference becomes the policy from time to time; each round, and it is iterated DPO."""

    method: Literal["renewed"] = "renewed"
    """Which reference this is."""
    every: Count = 64
    """Steps between two times; rounds, where the policy speaks."""


Reference = Annotated[Fixed | Averaged | Renewed, Field(discriminator="method")]


class Preferring(Settings):
    """What DPO and online DPO have in common."""

    beta: Positive = 0.1
    """How dearly drift from the reference is paid for; also the scale of the implicit reward."""
    rate: Positive = 2e-4
    """Learning rate at its highest."""
    loss: Loss = Plain()
    """How wrong a ranking is under the implicit rewards."""
    divergence: Annotated[Link | Alpha, Field(discriminator="method")] = Link()
    """The divergence from the reference that is paid for."""
    measure: Literal["sum", "mean"] = "sum"
    """Drift of a whole completion, or per token of it."""
    tail: Share = 1.0
    """What a token beyond the length of its ranking's shortest completion counts; below 1 it is LD-DPO."""
    nll: Price = 0.0
    """Weight of the likelihood per token of the best completions, beside the loss."""
    reference: Reference = Fixed()
    """What drift is measured from."""


class DPO(Preferring):
    """Learn straight from rankings: prefer the better completion more than the reference does."""

    method: Literal["dpo"] = "dpo"
    """Which method this is."""
    epochs: Count = 1
    """Passes over the rankings."""
    batch: Count = 16
    """Rankings in an optimiser step."""
    weighting: Literal["even", "on-policy"] = "even"
    """Whether pairs count alike, or by how much they look like the policy's own words (WPO)."""


class OnlineDPO(Preferring):
    """Learn from rankings of the policy's own answers, made by the reward model as it goes along."""

    method: Literal["online-dpo"] = "online-dpo"
    """Which method this is."""
    labels: Literal["odds", "drawn", "order"] = "odds"
    """Preferences with the scorer's odds, drawn from them, or the plain order of its scores."""
    kl_limit: Positive = 6.0
    """Stop, with an error, once a completion drifts by this many nats on average."""
    rollout: Rollouts = Rollouts(prompts=16, samples=4)
    """How much the policy says a round."""


class KTO(Settings):
    """Learn from completions that are good (a ranking's first tier) or bad (its last), each by itself."""

    method: Literal["kto"] = "kto"
    """Which method this is."""
    beta: Positive = 0.1
    """How dearly drift from the reference is paid for."""
    good: Price = 1.0
    """Weight of a good completion."""
    bad: Price = 1.0
    """Weight of a bad one."""
    epochs: Count = 1
    """Passes over the rankings."""
    rate: Positive = 2e-4
    """Learning rate at its highest."""
    batch: Count = 16
    """Rankings in an optimiser step."""


class Unreferenced(Settings):
    """What the methods have in common that hold no reference."""

    epochs: Count = 1
    """Passes over the rankings."""
    rate: Positive = 2e-4
    """Learning rate at its highest."""
    batch: Count = 16
    """Rankings in an optimiser step."""


class SimPO(Unreferenced):
    """Prefer the better completion by its mean log-probability, and by a margin."""

    method: Literal["simpo"] = "simpo"
    """Which method this is."""
    beta: Positive = 2.0
    """Scale of the mean log-probabilities."""
    margin: Price = 1.0
    """How far the better completion should lead, on that scale."""
    nll: Price = 0.0
    """Weight of the likelihood per token of the best completions."""


class CPO(Unreferenced):
    """Prefer the better completion by its log-probability, and imitate it."""

    method: Literal["cpo"] = "cpo"
    """Which method this is."""
    beta: Positive = 0.1
    """Scale of the log-probabilities."""
    nll: Price = 1.0
    """Weight of the likelihood per token of the best completions."""


class ORPO(Unreferenced):
    """Imitate the better completion, and raise its odds above those of the worse."""

    method: Literal["orpo"] = "orpo"
    """Which method this is."""
    weight: Price = 0.1
    """Weight of the odds beside the likelihood per token of the best completions."""
