"""Products with a weight that stays the same for a while: laid out once for the processor where that pays."""

from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

ROWS = 8
"""Rows come in multiples of so many: the processor's library makes a new kernel for each new count of them."""


class Product:
    """x W^T + b for x [N, in] in float32, made in float32 or bfloat16."""

    def __init__(self, weight: Tensor, bias: Tensor | None = None) -> None:
        self.dtype, self.bias = weight.dtype, bias
        self.laid_out = packed(weight)
        self.weight = weight if self.laid_out is None else None  # one of the two is enough

    def __call__(self, x: Tensor) -> Tensor:
        """[N, in] -> [N, out] in float32."""
        x = x.to(self.dtype)
        if self.weight is not None:
            return F.linear(x, self.weight, self.bias).float()
        linear: Any = torch.ops.mkldnn._linear_pointwise
        found: Tensor = linear(x, self.laid_out, self.bias, "none", [], "")
        return found.float()


def packed(weight: Tensor) -> Tensor | None:
    """A weight as the library oneDNN wants it, which a step then reads in one go; none where torch has no such thing.

    A cold weight of a small network is multiplied in two thirds of the time. These are the operations that torch's
    own compiler uses for frozen weights; where they are missing or differ, the plain product serves.
    """
    if weight.device.type != "cpu" or not agrees(*weight.shape, weight.dtype):
        return None
    found: Tensor = torch.ops.mkldnn._reorder_linear_weight(weight)
    return found


@cache
def agrees(size: int, width: int, dtype: torch.dtype) -> bool:
    """Whether a weight of this shape, laid out, gives what the plain product gives: tried once."""
    scattered = torch.arange(size * width) * 7919 % 1009 / 504 - 1  # neighbours are not alike
    weight = (scattered.view(size, width) / width**0.5).to(dtype)
    probe = weight[: min(size, ROWS)].contiguous()
    try:
        ops: Any = torch.ops.mkldnn
        laid_out = ops._reorder_linear_weight(weight)
        tried = ops._linear_pointwise(probe, laid_out, None, "none", [], "").float()
    except (AttributeError, RuntimeError):
        return False
    return torch.allclose(tried, F.linear(probe, weight).float(), rtol=1e-2, atol=1e-2)
