"""A block's attention by torch's flex attention, compiled: for GPUs, where families are long.

A family is one row of its prompt and all its rests. Who sees whom is a rule and no tensor, so nothing is copied
for each rest, and what nobody sees is not computed.

Shapes: as in `attention`; a family has L = Lp + K Lc slots, or more for several sorts of rests.
"""

import warnings
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor

from concord.batches.packing import Block

Rule = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
TRIED = 256
"""Tokens of a family on which the compiled way is held against plain products."""


def rule(block: Block, window: int | None) -> Rule:
    """Whether the token in one slot of a family sees that in another.

    What is known of the slots stands in tensors, for what is compiled is compiled anew for every other number.
    """
    lengths = block.lengths
    stretches = [block.length, *(longest for count, longest in block.rests for _ in range(count))]
    owners = torch.arange(len(stretches)).repeat_interleave(torch.tensor(stretches)).to(lengths.device)
    steps = torch.cat([torch.arange(long) for long in stretches]).to(lengths.device)

    def sees(family: Tensor, _: Tensor, one: Tensor, other: Tensor) -> Tensor:
        length, mine, theirs = lengths[family], owners[one], owners[other]
        place = steps[one] + torch.where(mine > 0, length, 0)
        past = steps[other] + torch.where(theirs > 0, length, 0)
        known = torch.where(theirs > 0, mine == theirs, (mine == 0) | (other < length)) & (past <= place)
        return known if window is None else known & (place - past < window)

    return sees


def flexible(
    block: Block,
    rules: Any,
    softcap: float | None,
    prompts: Sequence[Tensor],
    rests: Sequence[Sequence[Tensor]],
) -> list[Tensor]:
    """Query [.., H, D], key and value [.., Hkv, D] of a block's prompts and sorts of rests -> [.., H, D] of each.

    `rules` is what `rules_of` made of the block.
    """
    heads, width = prompts[0].shape[1:]
    families = [
        torch.cat([part.view(block.families, -1, part.shape[1], width) for part in parts], 1).transpose(1, 2)
        for parts in zip(prompts, *rests, strict=True)
    ]

    way = _compiled() if families[0].is_cuda else _plain()
    found: Tensor = way(
        *families,
        score_mod=None if softcap is None else capped(softcap),
        block_mask=rules,
        scale=1.0,
        enable_gqa=prompts[1].shape[1] < heads,
    )
    stretches = [block.length, *(count * longest for count, longest in block.rests)]
    said = torch.split(found.transpose(1, 2), stretches, 1)
    return [part.reshape(-1, heads, width) for part in said]


def capped(softcap: float) -> Callable[..., Tensor]:
    """Scores held between bounds, softly."""
    return lambda score, *_: softcap * torch.tanh(score / softcap)


def rules_of(block: Block, window: int | None, device: torch.device) -> Any:
    """Who sees whom in a block, in the form that flex attention wants."""
    from torch.nn.attention.flex_attention import create_block_mask

    return create_block_mask(
        rule(block, window), block.families, None, block.size, block.size, device=str(device)
    )


@cache
def _compiled() -> Callable[..., Tensor]:
    """Compiled once for all shapes."""
    return torch.compile(_plain(), dynamic=True)


def _plain() -> Callable[..., Tensor]:
    from torch.nn.attention.flex_attention import flex_attention

    return flex_attention


@cache
def serves(
    heads: int,
    kv: int,
    width: int,
    dtype: torch.dtype,
    device: torch.device,
    plainly: Callable[..., list[Tensor]],
) -> bool:
    """Whether this machine computes it, forward and backward, as plain products do: tried once, on one family."""
    aside = torch.inference_mode(False), torch.enable_grad(), torch.autocast(device.type, enabled=False)
    try:
        with (
            aside[0],
            aside[1],
            aside[2],
        ):  # whoever asks first may compute without gradients, or in half precision
            found, wanted = (_tried(heads, kv, width, dtype, device, way) for way in (_flexibly, plainly))
    except Exception as error:  # a compiler that is missing or does not know the card can raise anything
        warnings.warn(
            f"Flex attention does not serve here ({type(error).__name__}); attention is torch's fused one.",
            stacklevel=2,
        )
        return False
    near = all(map(_near, found, wanted))
    if not near:
        warnings.warn(
            "Flex attention finds other states here than plain products; attention is torch's fused one.",
            stacklevel=2,
        )
    return near


def _tried(
    heads: int,
    kv: int,
    width: int,
    dtype: torch.dtype,
    device: torch.device,
    way: Callable[..., list[Tensor]],
) -> list[Tensor]:
    """What one way finds of random tensors, and the gradients."""
    block = Block(0, 1, TRIED // 2, ((2, TRIED // 4),), torch.tensor([TRIED // 2], device=device))
    random = torch.Generator(device).manual_seed(0)
    prompts, rests = (
        [
            torch.randn(size, count, width, generator=random, device=device, dtype=dtype).requires_grad_()
            for count in (heads, kv, kv)
        ]
        for size in block.sizes
    )
    said = way(block, prompts, [rests])
    return [*said, *torch.autograd.grad(torch.cat(said).square().sum(), [*prompts, *rests])]


def _flexibly(block: Block, prompts: Sequence[Tensor], rests: Sequence[Sequence[Tensor]]) -> list[Tensor]:
    return flexible(block, rules_of(block, None, prompts[0].device), None, prompts, rests)


def _near(found: Tensor, wanted: Tensor) -> bool:
    """Equal but for the rounding of the type that both are in."""
    room = max(1e-4, 16 * torch.finfo(found.dtype).eps)
    return bool((found - wanted).abs().max() <= room * wanted.abs().max())
