"""Drawing tokens: exact distributions, and randomness that belongs to a sequence rather than to a batch."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from concord.errors import Diverged

BLOCK = 64
"""Running sums are made over blocks of so many tokens first, then inside the one block that is hit."""
PORTION = 2**19
"""A processor draws for so many chances at once (rows times tokens): their passes find them in its cache."""


@dataclass(frozen=True)
class Manner:
    """The distribution that is drawn from: the network's own at a temperature, cut by top-k, then by top-p."""

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0


def drawn(logits: Tensor, manner: Manner, seeds: Tensor, step: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """[N] tokens drawn from what was expected, [N, V], with their log-probabilities and each row's entropy."""
    rows = max(1, PORTION // logits.shape[1]) if logits.device.type == "cpu" else len(logits)
    portions = [slice(start, start + rows) for start in range(0, len(logits), rows)]
    parts = [_drawn(logits[some], manner, uniform(seeds[some], step[some])) for some in portions]
    tokens, logprobs, undecided = (torch.cat(found) for found in zip(*parts, strict=True))
    return tokens, logprobs, undecided


def _drawn(logits: Tensor, manner: Manner, uniforms: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    logprobs = filtered(logits, manner.temperature, manner.top_k, manner.top_p)
    if bool(logprobs[:, 0].isnan().any()):  # one number that is none makes none of its whole row
        raise Diverged(
            "The policy expects tokens with probabilities that are no numbers. Its weights are damaged or its "
            "training diverged: redo the stage that made it."
        )
    chances = logprobs.exp()
    tokens = draw(chances, uniforms)
    return tokens, logprobs.gather(-1, tokens[:, None]).squeeze(-1), entropies(logprobs, chances)


def filtered(logits: Tensor, temperature: float, top_k: int = 0, top_p: float = 1.0) -> Tensor:
    """[N, V] log-probabilities of the distribution that is sampled from; -inf where a filter forbids."""
    scaled = logits.float() if temperature == 1 else logits.float() / temperature
    if top_k and top_k < scaled.shape[-1]:
        least = scaled.topk(top_k, dim=-1).values[:, -1:]
        scaled = scaled.masked_fill(scaled < least, float("-inf"))
    if top_p < 1:
        ordered, places = scaled.sort(dim=-1, descending=True)
        chances = ordered.softmax(-1)
        beyond = chances.cumsum(-1) - chances >= top_p
        scaled = scaled.masked_fill(beyond.gather(-1, places.argsort(-1)), float("-inf"))
    return scaled.log_softmax(-1)


def uniform(seeds: Tensor, step: int | Tensor) -> Tensor:
    """[N] numbers in [0, 1), a pure function of each row's seed and its step: no state to lose.

    The seed is mixed with the step by the finaliser of the SplitMix64 generator.
    """
    golden, first, second = -7046029254386353131, -4658895280553007687, -7723592293110705685
    mixed = seeds + seeds.new_tensor(golden) * (step + 1)  # int64 arithmetic wraps around, as it must
    mixed = (mixed ^ _shift(mixed, 30)) * first
    mixed = (mixed ^ _shift(mixed, 27)) * second
    mixed = mixed ^ _shift(mixed, 31)
    return _shift(mixed, 11).double() / 2.0**53


def _shift(value: Tensor, places: int) -> Tensor:
    """A shift to the right that brings in zeros, which int64 alone does not have."""
    return (value >> places) & ((1 << (64 - places)) - 1)


def draw(chances: Tensor, uniforms: Tensor) -> Tensor:
    """[N] a token of each row, by where its number falls in the running sum of its chances [N, V].

    Sums are float64. A token without a chance is never hit, not even where rounding brings a number to an end.
    """
    rows, size = chances.shape
    blocks = F.pad(chances, (0, -size % BLOCK)).view(rows, -1, BLOCK)
    ends = blocks.sum(-1, dtype=torch.float64).cumsum(-1)
    wanted = uniforms[:, None] * ends[:, -1:]
    block = _hit(ends, wanted)
    before = F.pad(ends, (1, 0)).gather(-1, block)
    inside = blocks.gather(1, block[:, :, None].expand(-1, 1, BLOCK)).squeeze(1).double().cumsum(-1)
    return (block * BLOCK + _hit(inside, wanted - before)).squeeze(-1)


def _hit(ends: Tensor, wanted: Tensor) -> Tensor:
    """[N, 1] the first place whose running sum is above what is wanted; there always is one."""
    below = ends[:, -1:] * (1 - 2.0**-52)
    return torch.searchsorted(ends, torch.minimum(wanted.clamp_min(0), below), right=True)


def entropies(logprobs: Tensor, chances: Tensor) -> Tensor:
    """[N] how undecided the distribution was, in nats; a forbidden token adds nothing."""
    return -(chances * logprobs.clamp_min(torch.finfo(logprobs.dtype).min)).sum(-1)
