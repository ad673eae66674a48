"""From hidden states to log-probabilities, without ever holding [tokens x vocabulary] for more than some tokens.

Shapes: M places, V vocabulary.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from concord.batches.packing import STEP
from concord.maths.sequence import token_logprobs
from concord.models.compute import Compute

CHUNK = 2**21
"""Logits that are looked at together: where vocabularies are small, they stay in a processor's cache."""
LEAST = 512
"""Fewest places that are looked at together."""
KEPT = 2**26
"""Most logits that are kept from the forward pass for the backward pass; beyond, they are made again."""


def likelihood(states: Tensor, head: nn.Module, said: Tensor, temperature: float, compute: Compute) -> Tensor:
    """[M] log-probability of the tokens `said` after the states [M, width], at a temperature."""
    if type(head) is not nn.Linear or head.bias is not None:
        with compute.precision():
            logits = head(states)
        return token_logprobs(logits.to(torch.promote_types(logits.dtype, torch.float32)) / temperature, said)
    dtype = torch.bfloat16 if compute.dtype is torch.bfloat16 else head.weight.dtype
    spare = -len(states) % STEP
    padded = nn.functional.pad(states, (0, 0, 0, spare)).to(dtype)
    found: Tensor = Fused.apply(
        padded, head.weight.to(dtype), nn.functional.pad(said, (0, spare)), temperature
    )
    return found[: len(states)]


class Fused(torch.autograd.Function):
    """Head, softmax and choice in one, a chunk of places at a time."""

    @staticmethod
    def forward(ctx: Any, states: Tensor, weight: Tensor, said: Tensor, temperature: float) -> Tensor:
        """[M, width], [V, width], [M] -> [M]: logits of what was said less the logsumexp of all."""
        rows = chunk(len(weight))
        keep = states.requires_grad and len(states) * len(weight) <= KEPT
        found = states.new_empty(len(states), dtype=torch.promote_types(states.dtype, torch.float32))
        total = torch.empty_like(found)
        kept = []
        for start in range(0, len(states), rows):
            part = slice(start, start + rows)
            logits = states[part] @ weight.T
            exact = logits.to(found.dtype) / temperature
            total[part] = exact.logsumexp(-1)
            found[part] = exact.gather(-1, said[part, None]).squeeze(-1) - total[part]
            if keep:
                kept.append(logits)
        ctx.save_for_backward(states, weight, said, total, *kept)
        ctx.temperature = temperature
        return found

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *given: Tensor) -> tuple[Tensor, Tensor | None, None, None]:
        """d log p(said) / d logits is the one-hot of what was said less the probabilities."""
        states, weight, said, total, *kept = ctx.saved_tensors
        wish = (given[0] / ctx.temperature)[:, None]
        rows = chunk(len(weight))
        to_states = torch.empty_like(states)
        wanted = ctx.needs_input_grad[1]
        to_weight = weight.new_zeros(weight.shape, dtype=total.dtype) if wanted else None
        for number, start in enumerate(range(0, len(states), rows)):
            part = slice(start, start + rows)
            logits = kept[number] if kept else states[part] @ weight.T
            slope = (logits.to(total.dtype) / ctx.temperature - total[part, None]).exp_().mul_(-wish[part])
            slope.scatter_add_(-1, said[part, None], wish[part])
            slope = slope.to(states.dtype)
            to_states[part] = slope @ weight
            if to_weight is not None:
                to_weight += slope.T @ states[part]
        return to_states, to_weight if to_weight is None else to_weight.to(weight.dtype), None, None


def chunk(vocabulary: int) -> int:
    """How many places are looked at together: few, but a weight's gradient is not worth adding up for fewer."""
    return max(LEAST, CHUNK // vocabulary // STEP * STEP)
