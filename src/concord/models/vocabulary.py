"""Formulas over whole predictions, without ever holding [tokens x vocabulary] for more than some tokens.

Shapes: M places, V vocabulary.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from concord.batches import Sequences
from concord.models.likelihood import chunk
from concord.models.policy import Policy, head
from concord.models.trunk import precise, spread


def over_vocabulary(
    policies: Sequence[Policy],
    sequences: Sequences,
    formula: Callable[..., Tensor],
    size: int | None = None,
) -> Tensor:
    """[N, S] a formula of what each policy expects at each scored token; 0 where there is none.

    The formula takes one [m, V] of logits a policy and gives [m]; the logits of a chunk are made again in the
    backward pass. `size` cuts predictions to their first so many tokens, where one network has more rows in its
    head than the tokenizer has tokens. A policy whose network asks for no gradient is read without one.
    """
    sequences = sequences.to(policies[0].compute.device)
    known = [seen(policy, sequences) for policy in policies]

    def piece(*parts: Tensor) -> Tensor:
        logits = [made(policy, part)[:, :size] for policy, part in zip(policies, parts, strict=True)]
        return formula(*logits)

    rows = chunk(size or int(policies[0].network.config.vocab_size))  # type: ignore[union-attr, arg-type]
    found = []
    for start in range(0, len(known[0]), rows):
        parts = [one[start : start + rows] for one in known]
        found.append(checkpoint(piece, *parts, use_reentrant=False, preserve_rng_state=False))
    return spread(torch.cat(found), sequences)


def seen(policy: Policy, sequences: Sequences) -> Tensor:
    """[M, width] the states before the scored tokens, or, of families with more than a head, [M, V] logits."""
    learns = any(parameter.requires_grad for parameter in policy.network.parameters())
    with torch.set_grad_enabled(learns and torch.is_grad_enabled()):
        if policy.headed:
            return policy.trunk.states(sequences, sequences.scored, before=True)
        return policy.logits(sequences)


def made(policy: Policy, part: Tensor) -> Tensor:
    """[m, V] logits from what was seen."""
    if not policy.headed:
        return precise(part)
    with policy.compute.precision():
        logits: Tensor = head(policy.network)(part)
    return precise(logits)
