"""DPO and its relatives: learn from rankings directly, with the policy's own drift as its reward."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from concord.algorithms.course import Bench, Course
from concord.algorithms.feeds import Ahead, Reading
from concord.algorithms.references import Moving, totals, with_reference
from concord.batches import Lists, collate
from concord.errors import SettingsError
from concord.maths import drift as drifts
from concord.maths import preference
from concord.maths.ranking import implied_pairs, pair_accuracy, plackett_luce
from concord.maths.unreferenced import orpo, simpo
from concord.models import Policy
from concord.models.folder import context
from concord.models.vocabulary import over_vocabulary
from concord.settings import CPO, DPO, ORPO, Fixed, OnlineDPO, SimPO
from concord.training import Loss

Surprise = Callable[[Tensor, Tensor], Tensor]

PAIRS: dict[str, Callable[..., Tensor]] = {
    "sigmoid": preference.dpo,
    "conservative": preference.conservative,
    "robust": preference.robust,
    "ipo": preference.ipo,
    "hinge": preference.hinge,
    "exo": preference.exo,
    "nca": preference.nca,
    "bco": preference.bco,
    "sppo": preference.sppo,
    "apo-zero": preference.apo_zero,
    "apo-down": preference.apo_down,
    "discopop": preference.discopop,
    "dpop": preference.dpop,
    "mpo": preference.mpo,
    "aot": preference.conservative,  # on leads that `matched` has set against each other
}
"""Losses of a pair: better and worse [P], beta, and what their settings hold -> [P]."""
LISTS: dict[str, Surprise] = {"plackett-luce": plackett_luce}
"""Losses of a whole ranking: implicit rewards [L, K], tiers [L, K] -> [L]."""
LINKS: dict[str, Callable[..., Tensor]] = {
    "reverse-kl": drifts.reverse_kl,
    "forward-kl": drifts.forward_kl,
    "jensen-shannon": drifts.jensen_shannon,
    "alpha": drifts.alpha,
}


@dataclass(frozen=True)
class Form:
    """Which formulas a preference objective is put together from."""

    beta: float
    """Scale of the implicit reward, for the ranking's loss and for the notes."""
    pair: Surprise | None
    """The loss of a pair; None if `ranking` is the loss."""
    ranking: Surprise | None = None
    """The loss of a whole ranking."""
    link: Callable[[Tensor], Tensor] = drifts.reverse_kl
    measure: str = "sum"
    tail: float = 1.0
    nll: float = 0.0
    referenced: bool = True
    """Whether there is a reference; without one, drift is the log-probability itself."""
    on_policy: bool = False
    """Whether a pair weighs as much as it looks like the policy's own words."""
    temperature: float = 1.0


def direct(settings: DPO | OnlineDPO, temperature: float = 1.0) -> Form:
    """The form that the settings of DPO ask for."""
    name, own = settings.loss.method, settings.loss.model_dump(exclude={"method"})
    on_policy = isinstance(settings, DPO) and settings.weighting == "on-policy"
    if on_policy and name in LISTS:
        raise SettingsError(
            f"`loss.method` is {name} and `weighting` on-policy, which weighs pairs. Set `weighting` to even, or "
            "choose a loss of pairs."
        )
    link = partial(LINKS[settings.divergence.method], **settings.divergence.model_dump(exclude={"method"}))
    return Form(
        settings.beta,
        partial(PAIRS[name], beta=settings.beta, **own) if name in PAIRS else None,
        LISTS.get(name),
        link,
        settings.measure,
        settings.tail,
        settings.nll,
        on_policy=on_policy,
        temperature=temperature,
    )


FORMS: dict[str, Callable[[Any], Form]] = {
    "dpo": direct,
    "simpo": lambda s: Form(
        s.beta,
        partial(simpo, beta=s.beta, margin=s.margin),
        measure="mean",
        nll=s.nll,
        referenced=False,
    ),
    "cpo": lambda s: Form(s.beta, partial(preference.dpo, beta=s.beta), nll=s.nll, referenced=False),
    "orpo": lambda s: Form(
        1.0,
        lambda better, worse: s.weight * orpo(better, worse),
        measure="mean",
        nll=1.0,
        referenced=False,
    ),
}
"""The methods that this objective serves, each as a form of it."""


@dataclass
class PreferenceObjective:
    """A loss over all pairs that each ranking implies, or over the ranking; every ranking counts by its weight."""

    policy: Policy
    form: Form

    def __call__(self, batch: Lists) -> Loss:
        batch, form = batch.to(self.policy.compute.device), self.form
        tokens = self.policy.logprobs(batch.sequences, form.temperature)
        said, scores = batch.by_list(tokens.sum(-1)), self.scores(tokens, batch)
        above = leads(batch)
        row, better, worse = above.nonzero(as_tuple=True)
        share = batch.weighed(1 / (above.sum((-2, -1)) * len(above)))[
            row
        ]  # of each pair in the mean over lists
        if batch.chances is not None:
            share = share * above[row, better, worse]
        ahead = scores[row, better]
        if batch.handicap is not None:
            ahead = ahead - batch.handicap[row, better, worse]
        if form.pair is not None:
            losses = form.pair(ahead, scores[row, worse])
            loss = (losses * share * self.likeness(tokens, batch, row, better, worse)).sum()
        else:
            assert form.ranking is not None, "a form has a loss of pairs or one of rankings"
            loss = batch.weighed(form.ranking(form.beta * scores, batch.tiers)).mean()
        if form.nll:
            loss = loss + form.nll * unlikelihood(tokens, batch)
        told, gap = scores.detach(), (scores[row, better] - scores[row, worse]).detach()
        notes = {
            "accuracy": pair_accuracy(told, batch.tiers).mean(),
            "better_logprob": (said[row, better].detach() * share).sum(),
            "worse_logprob": (said[row, worse].detach() * share).sum(),
            "margin": form.beta * (gap * share).sum(),
        }
        return Loss(loss, notes, {"tokens": batch.sequences.size})

    def scores(self, tokens: Tensor, batch: Lists) -> Tensor:
        """[L, K] each completion's drift as its loss reads it, given its tokens' log-probabilities [N, S]."""
        total = totals(tokens, batch, self.form.tail)
        drift = total - batch.reference if self.form.referenced else total
        linked = self.form.link(drift)
        counted = batch.sequences.scored.sum(-1)
        return batch.by_list(linked / counted if self.form.measure == "mean" else linked)

    def likeness(
        self, tokens: Tensor, batch: Lists, row: Tensor, better: Tensor, worse: Tensor
    ) -> Tensor | float:
        """[P] how much each pair counts: alike, or by how much both look like the policy's own words."""
        if not self.form.on_policy:
            return 1.0
        with torch.no_grad():
            collisions = over_vocabulary([self.policy], batch.sequences, drifts.log_collision)
        weights = drifts.on_policy_weight(tokens, collisions, batch.sequences.scored)
        each = batch.by_list(weights)
        return each[row, better] * each[row, worse]


def unlikelihood(tokens: Tensor, batch: Lists) -> Tensor:
    """The mean over lists of the negative log-likelihood per token of their first tier."""
    each = -batch.by_list(tokens.sum(-1) / batch.sequences.scored.sum(-1))
    first = batch.tiers == 0
    return batch.weighed(torch.where(first, each, 0.0).sum(-1) / first.sum(-1)).mean()


def leads(batch: Lists) -> Tensor:
    """[L, K, K] how far each candidate stands above each other: by chances where a list tells any, else by tiers."""
    implied = implied_pairs(batch.tiers)
    if batch.chances is None:
        return implied
    told, turned = ~batch.chances.isnan(), 1 - batch.chances.mT
    soft = torch.where(told, batch.chances, torch.where(told.mT, turned, 0.0))
    return torch.where(told.any(-1).any(-1)[:, None, None], soft, implied.to(soft.dtype))


@torch.no_grad()
def matched(objective: PreferenceObjective, step: Sequence[Lists]) -> list[Lists]:
    """A step's pairs, each held against the reference's lead of equal rank among all of the step (AOT).

    Pairs are those of the tiers: a chance has no rank. The pair with the policy's smallest lead gets the
    reference's smallest, and so on. Which pair is which rank bears no gradient, so a step may be cut into batches
    anywhere.
    """
    batches = [batch.to(objective.policy.compute.device) for batch in step]
    free = replace(objective.form, referenced=False)
    reader = PreferenceObjective(objective.policy, free)
    spots = [implied_pairs(batch.tiers).nonzero(as_tuple=True) for batch in batches]
    policy, own = [], []
    for batch, (row, better, worse) in zip(batches, spots, strict=True):
        scores = reader.scores(objective.policy.logprobs(batch.sequences), batch)
        reference = batch.by_list(batch.reference)
        policy.append(scores[row, better] - scores[row, worse])
        own.append(reference[row, better] - reference[row, worse])
    order = torch.cat(policy).argsort(stable=True)
    theirs = torch.cat(own)
    found = torch.empty_like(theirs)
    found[order] = theirs.sort().values
    found -= theirs
    result = []
    for batch, spot, part in zip(batches, spots, torch.split(found, [len(one) for one in own]), strict=True):
        width = batch.tiers.shape[1]
        handicap = part.new_zeros(len(batch.tiers), width, width)
        handicap[spot] = part
        result.append(replace(batch, handicap=handicap, chances=None))
    return result


def build(settings: DPO | SimPO | CPO | ORPO, bench: Bench) -> Course:
    """Before its first step the policy is its own reference; a second network is held only if it shall move."""
    policy, form = bench.policy, FORMS[settings.method](settings)
    budget = bench.learning.micro_tokens
    lists = collate.rankings(bench.rankings, policy.template, context(policy.network), bench.say)
    moving = None
    if isinstance(settings, DPO) and not isinstance(settings.reference, Fixed):
        moving = Moving.of(settings.reference, bench, 1, form.tail)
    elif form.referenced:
        lists = with_reference(lists, policy, budget, bench.say, form.tail)
    objective = PreferenceObjective(policy, form)
    feed: Any = Reading(lists, settings.batch, settings.epochs, bench.seed, collate.lists, budget)
    if moving:
        feed = Ahead(feed, moving.look)
    if isinstance(settings, DPO) and settings.loss.method == "aot":
        if (settings.divergence.method, settings.measure) != ("reverse-kl", "sum"):
            raise SettingsError(
                f"`loss.method` is aot, `divergence.method` {settings.divergence.method} and `measure` "
                f"{settings.measure}: leads can only be matched with divergence reverse-kl and measure sum."
            )
        feed = Ahead(feed, lambda number, step: matched(objective, step))
    return Course(
        feed,
        objective,
        {"policy": policy.network},
        {"policy": settings.rate},
        feed.steps,
        tells=(moving.follow,) if moving else (),
        dropout=False,
        kept={"reference": moving.reference.network} if moving else {},
    )
