"""How likely the network itself finds tokens, said or read, and which ones it finds likeliest at their places."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from concord.batches import Rendered, pack
from concord.models import Policy
from concord.models.likelihood import chunk
from concord.models.policy import head


@dataclass(frozen=True)
class Look:
    """A token's log-probability under the network's own distribution, at temperature 1 and without filters."""

    logprob: float
    tops: tuple[tuple[int, float], ...] = ()
    """The likeliest tokens at its place with theirs, the likeliest first."""


def looks(logits: Tensor, said: Tensor, tops: int) -> list[Look]:
    """[M, V] logits and [M] the tokens at their places -> what stands there, with so many of the likeliest."""
    logprobs = logits.float().log_softmax(-1)
    own = logprobs.gather(-1, said[:, None]).squeeze(-1).tolist()
    values, tokens = logprobs.topk(min(tops, logprobs.shape[-1]), dim=-1)
    pairs = zip(tokens.tolist(), values.tolist(), strict=True)
    return [
        Look(mine, tuple(zip(*likeliest, strict=True))) for mine, likeliest in zip(own, pairs, strict=True)
    ]


@torch.inference_mode()
def reading(policy: Policy, tokens: Sequence[int], tops: int) -> list[Look]:
    """What the policy thinks of each token of a text but the first, which nothing comes before."""
    if len(tokens) < 2:
        return []
    row = Rendered(list(tokens), [False] + [True] * (len(tokens) - 1))
    sequences = pack([row]).to(policy.compute.device)
    said = sequences.said[sequences.scored]
    if not policy.headed:
        return looks(policy.logits(sequences), said, tops)
    states, layer = policy.trunk.states(sequences, sequences.scored, before=True), head(policy.network)
    found: list[Look] = []
    size = chunk(int(policy.network.config.vocab_size))  # type: ignore[union-attr, arg-type]
    for start in range(0, len(said), size):
        part = slice(start, start + size)
        with policy.compute.precision():
            logits = layer(states[part])
        found += looks(logits, said[part], tops)
    return found
