"""DPO: learn from rankings directly, with the policy's own drift from the reference as its reward."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from concord.algorithms.course import Bench, Course
from concord.algorithms.feeds import Reading
from concord.batches import Lists, Rendered, collate, pack
from concord.batches.blocks import Blocks
from concord.batches.collate import Candidate, StoredLists
from concord.batches.packing import parts
from concord.maths.preference import dpo
from concord.maths.ranking import implied_pairs, pair_accuracy
from concord.models import Policy, folder
from concord.models.folder import context
from concord.records import digest
from concord.settings import DPO
from concord.training import Loss

FORMAT = 1
"""Raised when the code gives other log-probabilities for the same rows and weights."""
BLOCK = 1 << 15
"""Rankings whose references are computed, and kept on disk, at once."""


@dataclass
class PreferenceObjective:
    """The DPO loss over all pairs that each ranking implies; every ranking counts by its weight."""

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
        share = batch.weighed(1 / (pairs.sum((-2, -1)) * len(pairs)))[
            row
        ]  # of each pair in the mean over lists
        drift = (said - reference).detach()
        notes = {
            "accuracy": pair_accuracy(drift, batch.tiers).mean(),
            "better_logprob": (said[row, better].detach() * share).sum(),
            "worse_logprob": (said[row, worse].detach() * share).sum(),
            "margin": self.beta * ((drift[row, better] - drift[row, worse]) * share).sum(),
        }
        return Loss((losses * share).sum(), notes, {"tokens": batch.sequences.size})


def with_reference(
    lists: Sequence[Candidate], reference: Policy, micro_tokens: int, say: Callable[[str], None] = print
) -> Sequence[Candidate]:
    """The lists with each row's log-probability under the reference, computed once."""
    if isinstance(lists, StoredLists):
        return lists.with_reference(kept(lists, reference, micro_tokens, say))
    rows = [row for candidate in lists for row in candidate.rows]
    taken = iter(sums(rows, reference, micro_tokens))
    return [replace(candidate, reference=[next(taken) for _ in candidate.rows]) for candidate in lists]


@torch.no_grad()
def sums(rows: Sequence[Rendered], reference: Policy, micro_tokens: int) -> list[float]:
    """The log-probability of each row's scored tokens under the reference."""
    found = [0.0] * len(rows)
    for group in parts(rows, micro_tokens):
        values = reference.logprobs(pack([rows[place] for place in group])).sum(-1)
        for place, value in zip(group, values.tolist(), strict=True):
            found[place] = value
    return found


def kept(
    lists: StoredLists, reference: Policy, micro_tokens: int, say: Callable[[str], None]
) -> Sequence[float]:
    """The same for lists on disk, block after block: what was computed before, by whomever, is read."""
    compute = reference.compute
    settings = (
        str(compute.dtype),
        compute.device.type,
        micro_tokens,
        torch.get_num_threads(),
        torch.__version__,
    )
    name = digest(FORMAT, lists.store.folder.name, folder.weights_digest(reference.network), *settings)
    blocks = Blocks(lists.store.folder.with_name(f"reference-{name}"))
    found = []
    for start in range(0, len(lists), BLOCK):
        known = blocks.read(start)
        if known is None:
            rows = [row for candidate in lists[start : start + BLOCK] for row in candidate.rows]
            known = blocks.write(start, sums(rows, reference, micro_tokens))
            if len(lists) > BLOCK:
                say(f"the reference has read {min(start + BLOCK, len(lists)):,} of {len(lists):,} rankings.")
        found.append(known)
    return np.concatenate(found)  # type: ignore[return-value]


def build(settings: DPO, bench: Bench) -> Course:
    """Before its first step the policy is its own reference, so no second network is needed."""
    policy = bench.policy
    lists = collate.rankings(bench.rankings, policy.template, context(policy.network), bench.say)
    lists = with_reference(lists, policy, bench.learning.micro_tokens, bench.say)
    feed = Reading(
        lists, settings.batch, settings.epochs, bench.seed, collate.lists, bench.learning.micro_tokens
    )
    objective = PreferenceObjective(policy, settings.beta)
    return Course(
        feed, objective, {"policy": policy.network}, {"policy": settings.rate}, feed.steps, dropout=False
    )
