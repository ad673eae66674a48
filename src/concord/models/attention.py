"""Attention over packed tokens: every token sees its own row, and the rows of a family see one prompt.

Hugging Face modules run packed without a change, because they take their attention from transformers'
register of attention functions; ours finds out who sees whom from the layout that comes with the call.

Shapes: P packed tokens, Z slots, H heads, Hkv heads of keys and values, R = H / Hkv, D a head's width;
a block holds G families of Lp shared tokens with K rests of Lc tokens each, or several sorts of rests.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from transformers import AttentionInterface

from concord.batches.packing import Block, Layout
from concord.models import flexible as flex

NAME = "concord_packed"
LONG = 768
"""Beyond so many tokens a processor, too, gains by never holding the scores of all pairs."""
FAMILY = 1024
"""Beyond so many tokens of a family, a GPU gains where who sees whom is a rule and no tensor."""


class Moved(torch.autograd.Function):
    """Rows moved from packed places to slots: both ways are one read, for no row has two places."""

    @staticmethod
    def forward(ctx: Any, packed: Tensor, layout: Layout) -> Tensor:
        """[P, ...] -> [Z, ...]; a slot without a token gets some token's row, which nobody reads."""
        ctx.layout = layout
        return packed.index_select(0, layout.slots)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *given: Tensor) -> tuple[Tensor, None]:
        """[Z, ...] -> [P, ...]."""
        return given[0].index_select(0, ctx.layout.places), None


class Returned(torch.autograd.Function):
    """Rows moved from slots back to packed places."""

    @staticmethod
    def forward(ctx: Any, slotted: Tensor, layout: Layout) -> Tensor:
        """[Z, ...] -> [P, ...]."""
        ctx.layout = layout
        return slotted.index_select(0, layout.places)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *given: Tensor) -> tuple[Tensor, None]:
        """[P, ...] -> [Z, ...]; a slot without a token sends back nothing."""
        return given[0].index_select(0, ctx.layout.slots).index_fill_(0, ctx.layout.empty, 0), None


def attend(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    sliding_window: int | None = None,
    softcap: float | None = None,
    *,
    layout: Layout,
    **_: Any,
) -> tuple[Tensor, None]:
    """What transformers calls: query [1, H, P, D], key and value [1, Hkv, P, D] -> [1, P, H, D]."""
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    sight = Sight(layout, sliding_window, softcap, dropout)
    return seen(sight, *(one[0].transpose(0, 1) for one in (query * scale, key, value)))[None], None


def seen(sight: "Sight", query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """[P, H, D] queries, already scaled, and [P, Hkv, D] keys and values -> [P, H, D] what each token takes in."""
    layout = sight.layout
    layout.windows.add(sight.window)
    # rotary embeddings may have widened queries and keys; products are made in the values' precision
    tensors = (query.to(value.dtype), key.to(value.dtype), value)
    moved = [Moved.apply(one, layout) for one in tensors]  # type: ignore[no-untyped-call]
    sizes = [size for block in layout.blocks for size in block.sizes]
    spread = zip(*(torch.split(one, sizes) for one in moved), strict=True)
    found: list[Tensor] = []
    for block in layout.blocks:
        prompts, *rests = islice(spread, len(block.sizes))
        found += way(block, sight, tensors)(block, sight, prompts, rests)
    back: Tensor = Returned.apply(torch.cat(found), layout)  # type: ignore[no-untyped-call]
    return back


@dataclass(frozen=True)
class Sight:
    """What tokens see of each other, and how attention is weighed besides."""

    layout: Layout
    window: int | None = None
    softcap: float | None = None
    dropout: float = 0.0

    def weigh(self, scores: Tensor, mask: Tensor) -> Tensor:
        """[.., Lq, Lk] scores -> how much of each key's value a query takes."""
        if self.softcap is not None:
            scores = self.softcap * torch.tanh(scores / self.softcap)
        shares = (scores + mask).softmax(-1)
        return F.dropout(shares, self.dropout) if self.dropout else shares

    def own(self, length: int, like: Tensor) -> Tensor:
        """[L, L] 0 where a token sees another of its own stretch, -inf where not."""
        name = ("own", length, self.window, like.dtype)
        if name not in self.layout.memory:
            place = torch.arange(length, device=like.device)
            gap = place[:, None] - place
            self.layout.memory[name] = self.barred(gap, gap >= 0, like)
        kept: Tensor = self.layout.memory[name]
        return kept

    def whole(self, block: Block, longest: int, like: Tensor) -> Tensor:
        """[G, 1, Lc, Lp + Lc] the same for a token of a rest: first its prompt's tokens, then its own stretch."""
        name = ("whole", block.start, longest, self.window, like.dtype)
        if name not in self.layout.memory:
            lengths = block.lengths.to(like.device)[:, None, None, None]
            prompt = torch.arange(block.length, device=like.device)
            place = torch.arange(longest, device=like.device)
            gap = lengths + place[:, None] - prompt
            seen = (prompt < lengths).expand(gap.shape)
            near = self.own(longest, like).expand(block.families, 1, -1, -1)
            self.layout.memory[name] = torch.cat([self.barred(gap, seen, like), near], -1)
        kept: Tensor = self.layout.memory[name]
        return kept

    def barred(self, gap: Tensor, seen: Tensor, like: Tensor) -> Tensor:
        """0 where one token sees the other, -inf where it does not or the other is too far back."""
        if self.window is not None:
            seen = seen & (gap < self.window)
        return torch.zeros(gap.shape, dtype=like.dtype, device=like.device).masked_fill(~seen, -math.inf)


def way(block: Block, sight: Sight, tensors: Sequence[Tensor]) -> Callable[..., list[Tensor]]:
    """How a block's attention is computed: by device, by length, and by what each way can do."""
    query, key, value = tensors
    if value.is_cuda and block.size > FAMILY and not sight.dropout:
        sizes = query.shape[1], key.shape[1], value.shape[2]
        if flex.serves(*sizes, value.dtype, value.device, plainly):
            return flexible
    long = max(block.length, *(most for _, most in block.rests), 0) > LONG or value.is_cuda
    return fused if long and sight.softcap is None else products


def plainly(block: Block, prompts: Sequence[Tensor], rests: Sequence[Sequence[Tensor]]) -> list[Tensor]:
    """A block by plain products, all in sight."""
    nowhere = torch.zeros(0, dtype=torch.int64)
    return products(block, Sight(Layout(nowhere, nowhere, nowhere, (block,), ())), prompts, rests)


def flexible(
    block: Block, sight: Sight, prompts: Sequence[Tensor], rests: Sequence[Sequence[Tensor]]
) -> list[Tensor]:
    """By torch's flex attention, its rules made once for all layers."""
    name = ("rules", block.start, sight.window)
    if name not in sight.layout.memory:
        sight.layout.memory[name] = flex.rules_of(block, sight.window, prompts[0].device)
    return flex.flexible(block, sight.layout.memory[name], sight.softcap, prompts, rests)


def products(
    block: Block, sight: Sight, prompts: Sequence[Tensor], rests: Sequence[Sequence[Tensor]]
) -> list[Tensor]:
    """One block: query [.., H, D], key and value [.., Hkv, D] of its prompts and of each sort of rests -> [.., H, D].

    Queries that share a head of keys are one product; so are, against their prompt, all rests of a family.
    """
    G, Lp = block.families, block.length
    query, key, value = prompts
    (heads, width), kv = query.shape[1:], key.shape[1]
    R = heads // kv
    q = query.view(G, Lp, kv, R, width).permute(0, 2, 3, 1, 4).reshape(G * kv, R * Lp, width)
    k, v = (one.view(G, Lp, kv, width).transpose(1, 2).reshape(G * kv, Lp, width) for one in (key, value))
    shares = sight.weigh(torch.bmm(q, k.mT).view(G * kv, R, Lp, Lp), sight.own(Lp, q))
    found = torch.bmm(shares.view(G * kv, R * Lp, Lp), v)
    said = [found.view(G, kv, R, Lp, width).permute(0, 3, 1, 2, 4).reshape(-1, heads, width)]
    for (K, Lc), (query, key, value) in zip(block.rests, rests, strict=True):
        far = query.view(G, K, Lc, kv, R, width).permute(0, 3, 1, 4, 2, 5).reshape(G * kv, K * R * Lc, width)
        near = far.reshape(G * kv * K, R * Lc, width)
        own_k, own_v = (
            one.view(G, K, Lc, kv, width).permute(0, 3, 1, 2, 4).reshape(G * kv * K, Lc, width)
            for one in (key, value)
        )
        shape = (G, kv * K * R, Lc, -1)
        scores = torch.cat([torch.bmm(far, k.mT).view(shape), torch.bmm(near, own_k.mT).view(shape)], -1)
        to_prompt, to_own = torch.split(sight.weigh(scores, sight.whole(block, Lc, q)), [Lp, Lc], -1)
        found = torch.bmm(to_prompt.reshape(G * kv, K * R * Lc, Lp), v).view(G * kv * K, R * Lc, width)
        found = found + torch.bmm(to_own.reshape(G * kv * K, R * Lc, Lc), own_v)
        said.append(found.view(G, kv, K, R, Lc, width).permute(0, 2, 4, 1, 3, 5).reshape(-1, heads, width))
    return said


def fused(
    block: Block, sight: Sight, prompts: Sequence[Tensor], rests: Sequence[Sequence[Tensor]]
) -> list[Tensor]:
    """The same by torch's fused attention, which never holds the scores: for GPUs, and for what is long."""
    G, Lp = block.families, block.length
    heads, width = prompts[0].shape[1:]
    grouped = prompts[1].shape[1] < heads

    def weigh(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
        shared = grouped
        if grouped and (mask is not None or query.dtype is torch.float32):
            # no fused kernel of a GPU takes shared heads together with a mask, nor in full precision
            key, value = (one.repeat_interleave(heads // one.shape[1], 1) for one in (key, value))
            shared = False
        found = F.scaled_dot_product_attention(
            query, key, value, mask, sight.dropout, is_causal=mask is None, scale=1.0, enable_gqa=shared
        )
        return found.transpose(1, 2).reshape(-1, heads, width)

    q, k, v = (one.view(G, Lp, -1, width).transpose(1, 2) for one in prompts)
    said = [weigh(q, k, v, None if sight.window is None else sight.own(Lp, q))]
    for (K, Lc), sort in zip(block.rests, rests, strict=True):
        own_q, own_k, own_v = (one.view(G * K, Lc, -1, width).transpose(1, 2) for one in sort)
        keys, values = (
            torch.cat([far.repeat_interleave(K, 0), near], 2) for far, near in ((k, own_k), (v, own_v))
        )
        said.append(weigh(own_q, keys, values, sight.whole(block, Lc, q).repeat_interleave(K, 0)))
    return said


AttentionInterface.register(NAME, attend)
