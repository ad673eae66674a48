"""DPO: learn from rankings directly, with the policy's own drift from the reference as its reward."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from concord.algorithms.course import Bench, Course
from concord.algorithms.feeds import Reading
from concord.batches import Lists, collate, pack
from concord.batches.collate import Candidate
from concord.batches.packing import parts
from concord.maths.preference import dpo
from concord.maths.ranking import implied_pairs, pair_accuracy
from concord.models import Policy
from concord.models.folder import context
from concord.settings import DPO
from concord.training import Loss


@dataclass
class PreferenceObjective:
    """The DPO loss over all pairs that each ranking implies; every ranking counts the same."""

    policy: Policy
    beta: float

    def __call__(self, batch: Lists) -> Loss:
        batch = batch.to(self.policy.compute.device)
        said = batch.by_list(self.policy.logprobs(batch.sequences).sum(-1))
        reference = batch.by_list(batch.reference)
        pairs = implied_pairs(batch.tiers)
        row, better, worse = pairs.nonzero(as_tuple=True)
        losses = dpo(
            said[row, better], said[row, worse], reference[row, better], reference[row, worse], self.beta
        )
        share = 1 / (pairs.sum((-2, -1))[row] * len(pairs))  # of each pair in the mean over lists
        drift = (said - reference).detach()
        notes = {
            "accuracy": pair_accuracy(drift, batch.tiers).mean(),
            "better_logprob": (said[row, better].detach() * share).sum(),
            "worse_logprob": (said[row, worse].detach() * share).sum(),
            "margin": self.beta * ((drift[row, better] - drift[row, worse]) * share).sum(),
        }
        return Loss((losses * share).sum(), notes, {"tokens": batch.sequences.size})


@torch.no_grad()
def with_reference(lists: Sequence[Candidate], reference: Policy, micro_tokens: int) -> list[Candidate]:
    """The lists with each row's log-probability under the reference, computed once."""
    rows = [row for candidate in lists for row in candidate.rows]
    found = [0.0] * len(rows)
    for group in parts(rows, micro_tokens):
        sums = reference.logprobs(pack([rows[place] for place in group])).sum(-1)
        for place, value in zip(group, sums.tolist(), strict=True):
            found[place] = value
    taken = iter(found)
    return [replace(candidate, reference=[next(taken) for _ in candidate.rows]) for candidate in lists]


def build(settings: DPO, bench: Bench) -> Course:
    """Before its first step the policy is its own reference, so no second network is needed."""
    policy = bench.policy
    lists = collate.rankings(bench.rankings, policy.template, context(policy.network), bench.say)
    lists = with_reference(lists, policy, bench.learning.micro_tokens)
    feed = Reading(
        lists, settings.batch, settings.epochs, bench.seed, collate.lists, bench.learning.micro_tokens
    )
    objective = PreferenceObjective(policy, settings.beta)
    return Course(
        feed, objective, {"policy": policy.network}, {"policy": settings.rate}, feed.steps, dropout=False
    )
