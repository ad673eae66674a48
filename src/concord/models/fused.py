"""A forward pass of our own for families whose anatomy is known: fewer, larger products and fewer passes over memory.

It works on the network's own parameters and finds the same numbers. Queries, keys and values are one
product, gate and up another; norms remember one number a token; the last layer runs only where somebody
reads the result.

Shapes: P packed tokens, M places that are read, W the width, H heads of queries, Hkv of keys and values, D a
head's width.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from concord.batches import Sequences
from concord.batches.packing import STEP
from concord.models.anatomy import Anatomy, Layer, Norm, Projection
from concord.models.attention import Sight, seen


class Normed(torch.autograd.Function):
    """x / sqrt(mean x^2 + eps) times the scale, in the precision of the products to come."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: Tensor, eps: float, dtype: torch.dtype) -> Tensor:
        """[..., W], [W] -> [..., W]."""
        width = x.shape[-1]
        size = torch.linalg.vector_norm(x, dim=-1, keepdim=True, dtype=scale.dtype)
        shrink = size.square_().div_(width).add_(eps).rsqrt_()
        ctx.save_for_backward(x, scale, shrink)
        found: Tensor = (x * shrink).mul_(scale).to(dtype)
        return found

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *given: Tensor) -> tuple[Tensor, Tensor, None, None]:
        """With u = x shrink: dx = shrink (g scale - u mean(g scale u)), dscale = sum g u."""
        x, scale, shrink = ctx.saved_tensors
        width = x.shape[-1]
        both = (given[0].to(shrink.dtype) * x).view(-1, width)
        flat = shrink.view(-1)
        lean = (both @ scale) * flat**3 / width
        to_x = (given[0] * scale).mul_(shrink).addcmul_(x, lean.view(shrink.shape), value=-1)
        return to_x.to(x.dtype), flat @ both, None, None


class Linear(torch.autograd.Function):
    """Several linear maps of the same input as one product; their weights stay apart."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, biased: bool, *weights: Tensor) -> Tensor:
        """[P, in] -> [P, the sum of outs]; after the weights [out, in] come the biases [out], if there are any."""
        count = len(weights) // 2 if biased else len(weights)
        joined = torch.cat([weight.to(x.dtype) for weight in weights[:count]])
        ctx.save_for_backward(x, joined)
        ctx.biased, ctx.like = biased, weights[:count]
        if biased:
            return torch.addmm(torch.cat(weights[count:]).to(x.dtype), x, joined.T)
        return x @ joined.T

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *given: Tensor) -> tuple[Tensor | None, ...]:
        """The gradient of each weight is a part of one product."""
        x, joined = ctx.saved_tensors
        sizes = [len(weight) for weight in ctx.like]
        to_weights: list[Tensor | None] = [None] * len(sizes)
        if any(ctx.needs_input_grad[2:]):
            slope = (given[0].T @ x).to(ctx.like[0].dtype)
            to_weights = list(torch.split(slope, sizes))
        to_biases: list[Tensor] = []
        if ctx.biased:
            to_biases = list(torch.split(given[0].sum(0, dtype=ctx.like[0].dtype), sizes))
        return given[0] @ joined, None, *to_weights, *to_biases


class Turned(torch.autograd.Function):
    """Rotary position: each pair of a head's numbers turned by its position's angle."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """[P, heads, D], [P, 1, D / 2] twice -> [P, heads, D]."""
        ctx.save_for_backward(cos, sin)
        return turn(x, cos, sin)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *given: Tensor) -> tuple[Tensor, None, None]:
        """The same turn backwards."""
        cos, sin = ctx.saved_tensors
        return turn(given[0], cos, -sin), None, None


def turn(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """[P, heads, D] with its halves turned into each other."""
    left, right = x.chunk(2, -1)
    out = torch.empty_like(x, memory_format=torch.contiguous_format)
    one, other = out.chunk(2, -1)
    one.copy_((left * cos).sub_(right * sin))
    other.copy_((right * cos).add_(left * sin))
    return out


class Picked(torch.autograd.Function):
    """Some of the rows, each at most once."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, rows: Tensor) -> Tensor:
        """[P, ...], [M] -> [M, ...]."""
        ctx.save_for_backward(rows)
        ctx.count = len(x)
        return x.index_select(0, rows)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *given: Tensor) -> tuple[Tensor, None]:
        """What was not picked gets nothing."""
        (rows,) = ctx.saved_tensors
        return given[0].new_zeros(ctx.count, *given[0].shape[1:]).index_copy_(0, rows, given[0]), None


def states(parts: Anatomy, sequences: Sequences, places: Tensor, dtype: torch.dtype) -> Tensor:
    """[M, W] the last hidden states at the given packed places [M], which may repeat."""
    own = parts.embedding.dtype
    x = nn.functional.embedding(sequences.tokens, parts.embedding)
    if parts.embedding_scale != 1.0:
        x = x * torch.tensor(parts.embedding_scale, dtype=own, device=x.device)
    cos, sin = parts.rotary(x, sequences.positions[None])
    half = parts.head_dim // 2
    angles = cos[0, :, None, :half], sin[0, :, None, :half]
    for layer in parts.layers[:-1]:
        x = through(parts, layer, x, angles, sequences, dtype, None)
    rows, again = needed(places, len(sequences.tokens))
    x = through(parts, parts.layers[-1], x, angles, sequences, dtype, rows)
    return norm(x, parts.last_norm, own).index_select(0, again)


def needed(places: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Each place once, and others to make the number even; and where among them each of the given stands."""
    wanted = torch.zeros(count, dtype=torch.bool, device=places.device)
    wanted[places] = True
    spare = -int(wanted.sum()) % STEP
    wanted[(~wanted).nonzero().flatten()[:spare]] = True
    return wanted.nonzero().flatten(), (wanted.cumsum(0) - 1)[places]


def through(
    parts: Anatomy,
    layer: Layer,
    x: Tensor,
    angles: tuple[Tensor, Tensor],
    sequences: Sequences,
    dtype: torch.dtype,
    rows: Tensor | None,
) -> Tensor:
    """One layer: [P, W] -> [P, W], or [M, W] at the given rows alone."""
    normed = norm(x, layer.before_attention, dtype)
    query, key, value = projected(parts, layer, normed, rows)
    query, key = placed(layer.query_norm, query, angles, dtype), placed(layer.key_norm, key, angles, dtype)
    said = seen(Sight(sequences.layout, layer.window), query * parts.scaling, key, value).flatten(1)
    if rows is not None:
        said, x = Picked.apply(said, rows), Picked.apply(x, rows)  # type: ignore[no-untyped-call]
    x = x + linear(said, layer.output)
    gate, up = torch.chunk(linear(norm(x, layer.before_gate, dtype), layer.gate, layer.up), 2, -1)
    return x + linear(parts.activation(gate) * up, layer.down)


def projected(
    parts: Anatomy, layer: Layer, normed: Tensor, rows: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Queries [P, H, D], keys and values [P, Hkv, D]; queries nobody reads are 0 if `rows` are given."""
    width, heads, kv = parts.head_dim, parts.heads, parts.kv_heads
    if rows is None:
        whole = linear(normed, layer.query, layer.key, layer.value).view(len(normed), -1, width)
        query, key, value = torch.split(whole, [heads, kv, kv], 1)
        return query, key, value
    both = linear(normed, layer.key, layer.value).view(len(normed), -1, width)
    key, value = torch.split(both, [kv, kv], 1)
    picked: Tensor = Picked.apply(normed, rows)  # type: ignore[no-untyped-call]
    some = linear(picked, layer.query).view(len(rows), heads, width)
    return some.new_zeros(len(normed), heads, width).index_copy(0, rows, some), key, value


def placed(how: Norm | None, x: Tensor, angles: tuple[Tensor, Tensor], dtype: torch.dtype) -> Tensor:
    """[P, heads, D] queries or keys, normed where the family does so, turned by their positions."""
    ready = x if how is None else norm(x, how, dtype)
    turned: Tensor = Turned.apply(ready, *angles)  # type: ignore[no-untyped-call]
    return turned


def norm(x: Tensor, how: Norm, dtype: torch.dtype) -> Tensor:
    """[..., W] -> [..., W] in the given precision."""
    found: Tensor = Normed.apply(x, how.scale, how.eps, dtype)  # type: ignore[no-untyped-call]
    return found


def linear(x: Tensor, *maps: Projection) -> Tensor:
    """[P, in] -> [P, the sum of outs]."""
    biases = [one.bias for one in maps if one.bias is not None]
    if biases and len(biases) < len(maps):
        return torch.cat([linear(x, one) for one in maps], -1)
    weights = [one.weight for one in maps]
    found: Tensor = Linear.apply(x, bool(biases), *weights, *biases)  # type: ignore[no-untyped-call]
    return found
