"""The reference that preferences are measured from: computed once and kept, or following the policy."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from concord.algorithms.course import Bench
from concord.batches import Lists, Rendered, pack
from concord.batches.blocks import Blocks
from concord.batches.collate import Candidate, StoredLists
from concord.batches.packing import parts
from concord.errors import SettingsError
from concord.maths.drift import discounted_tail
from concord.models import Policy, folder
from concord.records import digest
from concord.settings import Averaged, Renewed
from concord.training import Notes

FORMAT = 1
"""Raised when the code gives other log-probabilities for the same rows and weights."""
BLOCK = 1 << 15
"""Rankings whose references are computed, and kept on disk, at once."""


def with_reference(
    lists: Sequence[Candidate],
    reference: Policy,
    micro_tokens: int,
    say: Callable[[str], None] = print,
    tail: float = 1.0,
) -> Sequence[Candidate]:
    """The lists with each row's log-probability under the reference, computed once."""
    if isinstance(lists, StoredLists):
        return lists.with_reference(kept(lists, reference, micro_tokens, say, tail))
    taken = iter(sums(lists, reference, micro_tokens, tail))
    return [replace(candidate, reference=[next(taken) for _ in candidate.rows]) for candidate in lists]


@torch.no_grad()
def sums(lists: Sequence[Candidate], reference: Policy, micro_tokens: int, tail: float = 1.0) -> list[float]:
    """The log-probability of each row's scored tokens under the reference."""
    rows = [row for candidate in lists for row in candidate.rows]
    shortest = [min(map(scored, candidate.rows)) for candidate in lists for _ in candidate.rows]
    found = [0.0] * len(rows)
    for group in parts(rows, micro_tokens):
        tokens = reference.logprobs(pack([rows[place] for place in group]))
        shared = torch.tensor([shortest[place] for place in group], device=tokens.device)
        values = tokens.sum(-1) if tail == 1 else discounted_tail(tokens, shared, tail)
        for place, value in zip(group, values.tolist(), strict=True):
            found[place] = value
    return found


def scored(row: Rendered) -> int:
    """How many tokens of a row bear loss."""
    return sum(row.scored)


def kept(
    lists: StoredLists, reference: Policy, micro_tokens: int, say: Callable[[str], None], tail: float = 1.0
) -> Sequence[float]:
    """The same for lists on disk, block after block: what was computed before, by whomever, is read."""
    compute = reference.compute
    settings: tuple[object, ...] = (
        str(compute.dtype),
        compute.device.type,
        micro_tokens,
        torch.get_num_threads(),
        torch.__version__,
    )
    if tail != 1:
        settings += (tail,)
    name = digest(FORMAT, lists.store.folder.name, folder.weights_digest(reference.network), *settings)
    blocks = Blocks(lists.store.folder.with_name(f"reference-{name}"))
    found = []
    for start in range(0, len(lists), BLOCK):
        known = blocks.read(start)
        if known is None:
            known = blocks.write(start, sums(lists[start : start + BLOCK], reference, micro_tokens, tail))
            if len(lists) > BLOCK:
                say(f"the reference has read {min(start + BLOCK, len(lists)):,} of {len(lists):,} rankings.")
        found.append(known)
    return np.concatenate(found)  # type: ignore[return-value]


def totals(tokens: Tensor, batch: Lists, tail: float) -> Tensor:
    """[N] what each row's tokens [N, S] come to, those beyond its list's shortest counting `tail`."""
    if tail == 1:
        return tokens.sum(-1)
    shared, ranked = batch.sequences.scored.sum(-1), batch.tiers >= 0
    longest = torch.iinfo(shared.dtype).max
    shortest = torch.where(ranked, batch.by_list(shared), longest).amin(-1, keepdim=True)
    shared[batch.place[ranked]] = shortest.expand_as(ranked)[ranked]
    return discounted_tail(tokens, shared, tail)


@dataclass
class Moving:
    """A reference that follows the policy, some steps apart; its weights belong into every checkpoint."""

    policy: Policy
    reference: Policy
    share: float
    every: int
    tail: float = 1.0

    @classmethod
    def of(cls, settings: Averaged | Renewed, bench: Bench, steps: int, tail: float) -> "Moving":
        """A twin of the bench's reference, set in motion; `steps` is how many steps its settings count as one.

        The bench's own stays where it is: drift is measured from there.
        """
        if bench.learning.adapter:
            raise SettingsError(
                f"`reference.method` is {settings.method} and `learning.adapter` is {bench.learning.adapter}: a "
                "reference that follows the policy needs the whole network. Set `learning.adapter` to 0, or "
                "`reference.method` to fixed."
            )
        share = settings.share if isinstance(settings, Averaged) else 1.0
        return cls(bench.policy, bench.reference.twin(), share, settings.every * steps, tail)

    @torch.no_grad()
    def follow(self, number: int, notes: Notes) -> None:
        """Called after each step: mix the policy in when it is time; a share of 1 takes its place."""
        if number % self.every == 0:
            both = (self.reference.network.parameters(), self.policy.network.parameters())
            for theirs, mine in zip(*both, strict=True):  # a tied weight comes once
                if self.share == 1:
                    theirs.copy_(mine)
                else:
                    theirs.lerp_(mine, self.share)

    @torch.no_grad()
    def look(self, number: int, step: Sequence[Lists]) -> list[Lists]:
        """The batches of a step with what the reference now thinks of them."""
        return [
            replace(batch, reference=totals(self.reference.logprobs(batch.sequences), batch, self.tail))
            for batch in (batch.to(self.reference.compute.device) for batch in step)
        ]
