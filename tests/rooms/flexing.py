"""What torch's flex attention computes, written out: on a processor torch's own has no backward pass."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention.flex_attention import create_mask


def dense(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    score_mod: Callable[..., Tensor] | None,
    block_mask: Any,
    scale: float,
    enable_gqa: bool,
) -> Tensor:
    """[B, H, L, D] by the scores of all pairs."""
    if enable_gqa:
        key, value = (one.repeat_interleave(query.shape[1] // one.shape[1], 1) for one in (key, value))
    scores = scale * query @ key.mT
    if score_mod is not None:
        scores = score_mod(scores)
    seen = create_mask(block_mask.mask_mod, len(query), 1, query.shape[2], key.shape[2], device="cpu")
    return scores.masked_fill(~seen, -torch.inf).softmax(-1) @ value
