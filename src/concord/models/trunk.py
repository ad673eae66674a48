"""The part that every network shares: a Hugging Face model that turns tokens into hidden states."""

from typing import Any

import torch
from torch import Tensor, nn

from concord.batches import Sequences
from concord.models.compute import Compute


def inside(network: nn.Module) -> Any:
    """The Hugging Face model itself, whether or not adapters are wrapped around it."""
    return network.get_base_model() if hasattr(network, "get_base_model") else network  # type: ignore[operator]


def backbone(network: nn.Module) -> nn.Module:
    """The network without its head, adapters included."""
    inner = inside(network)
    found: nn.Module = getattr(inner, inner.base_model_prefix)
    return found


def hidden_states(network: nn.Module, sequences: Sequences, compute: Compute) -> Tensor:
    """[N, T, width] what the network makes of each token and those before it."""
    with compute.precision():
        output = backbone(network)(
            input_ids=sequences.tokens, attention_mask=sequences.real.long(), use_cache=False
        )
    states: Tensor = output.last_hidden_state
    return states


def precise(values: Tensor) -> Tensor:
    """The same values in float32, or in the float64 that they are in."""
    return values.to(torch.promote_types(values.dtype, torch.float32))


def scored_places(sequences: Sequences) -> tuple[Tensor, Tensor]:
    """Row and column of each scored token; what predicts it stands one column before."""
    rows, columns = sequences.scored.nonzero(as_tuple=True)
    return rows, columns


def spread(values: Tensor, places: tuple[Tensor, Tensor], like: Tensor) -> Tensor:
    """[N, T] the values at their places, 0 elsewhere."""
    empty = torch.zeros(like.shape, dtype=values.dtype, device=values.device)
    return empty.index_put(places, values)
