"""Drawing tokens: exact distributions, and randomness that belongs to a sequence rather than to a batch."""

import torch
from torch import Tensor


def filtered(logits: Tensor, temperature: float, top_k: int = 0, top_p: float = 1.0) -> Tensor:
    """[N, V] log-probabilities of the distribution that is sampled from; -inf where a filter forbids."""
    scaled = logits.float() / temperature
    if top_k and top_k < scaled.shape[-1]:
        least = scaled.topk(top_k, dim=-1).values[:, -1:]
        scaled = scaled.masked_fill(scaled < least, float("-inf"))
    if top_p < 1:
        ordered, places = scaled.sort(dim=-1, descending=True)
        chances = ordered.softmax(-1)
        beyond = chances.cumsum(-1) - chances >= top_p
        scaled = scaled.masked_fill(beyond.gather(-1, places.argsort(-1)), float("-inf"))
    return scaled.log_softmax(-1)


def uniform(seeds: Tensor, step: int) -> Tensor:
    """[N] numbers in [0, 1), a pure function of each row's seed and the step: no state to lose.

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


def draw(logprobs: Tensor, uniforms: Tensor) -> Tensor:
    """[N] a token of each row, by where its number falls in the running sum of probabilities."""
    chances = logprobs.double().exp().cumsum(-1)
    found = torch.searchsorted(chances, uniforms[:, None] * chances[:, -1:], right=True).squeeze(-1)
    return found.clamp_max(logprobs.shape[-1] - 1)
