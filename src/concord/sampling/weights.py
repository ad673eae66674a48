"""A network's weights laid out for decoding: fewer, larger products and nothing left to scale in between.

Exact but for rounding: a norm's scale goes into the columns of the product that follows it, the scaling of
attention into the queries' rows, and the two halves that a rotation mixes stand side by side, so that the
rotation is one product of complex numbers. Queries and keys are reordered alike, which no product of theirs sees.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from concord.models.anatomy import Anatomy, Layer, Norm, Projection
from concord.sampling.product import Product


@dataclass(frozen=True)
class Stage:
    """One layer, ready to decode."""

    mix: Product
    """Queries, keys and values of all heads in one product."""
    mix_eps: float
    head_scale: Tensor | None
    """[heads + kv_heads, head_dim] the scales of Qwen3's norms of queries and keys, if there are any."""
    head_eps: float
    output: Product
    gate_up: Product
    gate_eps: float
    down: Product
    window: int | None


@dataclass(frozen=True)
class Weights:
    """A network, ready to decode."""

    embedding: Tensor
    embedding_scale: float
    stages: tuple[Stage, ...]
    last_scale: Tensor
    last_eps: float
    head: Product
    rotary: torch.nn.Module
    activation: Callable[[Tensor], Tensor]
    heads: int
    kv_heads: int
    head_dim: int


@torch.no_grad()
def fuse(parts: Anatomy, dtype: torch.dtype) -> Weights:
    """Lay a network's weights out as they are now. Some are copies and some its own: once it learns, this is void."""
    assert parts.head is not None, "a network without a head expects no token"
    return Weights(
        embedding=parts.embedding.detach(),
        embedding_scale=parts.embedding_scale,
        stages=tuple(_stage(layer, parts, dtype) for layer in parts.layers),
        last_scale=parts.last_norm.scale.float(),
        last_eps=parts.last_norm.eps,
        head=_product([parts.head], None, dtype),
        rotary=parts.rotary,
        activation=parts.activation,
        heads=parts.heads,
        kv_heads=parts.kv_heads,
        head_dim=parts.head_dim,
    )


def _stage(layer: Layer, parts: Anatomy, dtype: torch.dtype) -> Stage:
    normed = layer.query_norm is not None and layer.key_norm is not None
    weight, bias = _joined([layer.query, layer.key, layer.value], layer.before_attention)
    turned = (parts.heads + parts.kv_heads) * parts.head_dim
    for tensor in (weight, bias):
        if tensor is not None:
            tensor[:turned] = braided(tensor[:turned], parts.head_dim)
            if not normed:
                tensor[: parts.heads * parts.head_dim] *= parts.scaling
    head_scale = None
    if layer.query_norm is not None and layer.key_norm is not None:
        assert layer.query_norm.eps == layer.key_norm.eps, "one eps for the norms of queries and keys"
        queries = braided(layer.query_norm.scale.float(), parts.head_dim) * parts.scaling
        keys = braided(layer.key_norm.scale.float(), parts.head_dim)
        head_scale = torch.cat([queries.expand(parts.heads, -1), keys.expand(parts.kv_heads, -1)])
    return Stage(
        mix=Product(weight.to(dtype), None if bias is None else bias.to(dtype)),
        mix_eps=layer.before_attention.eps,
        head_scale=head_scale,
        head_eps=layer.query_norm.eps if layer.query_norm else 0.0,
        output=_product([layer.output], None, dtype),
        gate_up=_product([layer.gate, layer.up], layer.before_gate, dtype),
        gate_eps=layer.before_gate.eps,
        down=_product([layer.down], None, dtype),
        window=layer.window,
    )


def _product(maps: list[Projection], norm: Norm | None, dtype: torch.dtype) -> Product:
    weight, bias = _joined(maps, norm)
    return Product(weight.to(dtype), None if bias is None else bias.to(dtype))


def _joined(maps: list[Projection], norm: Norm | None) -> tuple[Tensor, Tensor | None]:
    """Several linear maps of one input as one, with the scale of the norm before them; float32."""
    weight = (
        torch.cat([one.weight for one in maps]).float() if len(maps) > 1 else maps[0].weight.detach().float()
    )
    if norm is not None:
        weight = weight * norm.scale.float()
    if all(one.bias is None for one in maps):
        return weight, None
    biases = [one.weight.new_zeros(len(one.weight)) if one.bias is None else one.bias for one in maps]
    return weight, torch.cat(biases).float()


def braided(tensor: Tensor, head_dim: int) -> Tensor:
    """The rows of each head in the order 0, D/2, 1, D/2 + 1, ...: what a rotation mixes stands side by side."""
    halves = tensor.view(-1, 2, head_dim // 2, *tensor.shape[1:])
    return halves.transpose(1, 2).reshape(tensor.shape)


@torch.no_grad()
def turns(rotary: torch.nn.Module, places: int, device: torch.device) -> Tensor:
    """[places, head_dim / 2] the complex number that each pair is multiplied by at each place."""
    like = torch.zeros(1, dtype=torch.float32, device=device)
    cosine, sine = rotary(like, torch.arange(places, device=device)[None])
    half = cosine.shape[-1] // 2
    assert torch.equal(cosine[..., :half], cosine[..., half:]), "a rotation turns both halves alike"
    return torch.complex(cosine[0, :, :half].float(), sine[0, :, :half].float())
