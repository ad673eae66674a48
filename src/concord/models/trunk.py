"""The part that every network shares: a Hugging Face model that turns packed tokens into hidden states."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from concord.batches import Rendered, Sequences, pack
from concord.models import attention
from concord.models.compute import Compute

SEEN = {"full_attention", "sliding_attention"}
"""The kinds of layers through which tokens see each other by attention alone."""


def inside(network: nn.Module) -> Any:
    """The Hugging Face model itself, whether or not adapters are wrapped around it."""
    return network.get_base_model() if hasattr(network, "get_base_model") else network  # type: ignore[operator]


def backbone(network: nn.Module) -> nn.Module:
    """The network without its head, adapters included."""
    inner = inside(network)
    found: nn.Module = getattr(inner, inner.base_model_prefix)
    return found


def read(module: nn.Module, sequences: Sequences, padded: bool, **more: Any) -> Any:
    """What a module makes of the tokens: all in one row [1, P, ...], or each row padded [N, T, ...]."""
    if padded:
        tokens, real = side_by_side(sequences)
        return module(input_ids=tokens, attention_mask=real.long(), use_cache=False, **more)
    with packed(module):
        return module(
            input_ids=sequences.tokens[None],
            position_ids=sequences.positions[None],
            use_cache=False,
            layout=sequences.layout,
            **more,
        )


@contextmanager
def packed(module: nn.Module) -> Iterator[None]:
    """The module's attention is ours for a while."""
    config: Any = module.config
    usual, config._attn_implementation = config._attn_implementation, attention.NAME
    try:
        yield
    finally:
        config._attn_implementation = usual


def side_by_side(sequences: Sequences) -> tuple[Tensor, Tensor]:
    """The rows unpacked, [N, T] tokens and whether one stands there: for families that cannot run packed."""
    width = max(len(row) for row in sequences.rows)
    tokens = torch.zeros(len(sequences), width, dtype=torch.int64)
    real = torch.zeros(len(sequences), width, dtype=torch.bool)
    for number, row in enumerate(sequences.rows):
        tokens[number, : len(row)] = torch.tensor(row.tokens)
        real[number, : len(row)] = True
    device = sequences.tokens.device
    return tokens.to(device), real.to(device)


def states_at(
    network: nn.Module, sequences: Sequences, places: Tensor, padded: bool, compute: Compute
) -> Tensor:
    """[M, width] the hidden states at M scored tokens, or just before them, as `places` [N, S] says."""
    with compute.precision():
        states: Tensor = read(backbone(network), sequences, padded).last_hidden_state
    rows, columns = spots(sequences, places, padded)
    return states[rows, columns]


def spots(sequences: Sequences, places: Tensor, padded: bool) -> tuple[Tensor, Tensor]:
    """Row and column, in what `read` gives, of the scored tokens' places (or those before them) [N, S]."""
    if not padded:
        found = places[sequences.scored]
        return torch.zeros_like(found), found
    behind = int(places is sequences.before)
    rows = sequences.scored.nonzero(as_tuple=True)[0]
    columns = [place - behind for row in sequences.rows for place, mark in enumerate(row.scored) if mark]
    return rows, torch.tensor(columns, device=rows.device)


def precise(values: Tensor) -> Tensor:
    """The same values in float32, or in the float64 that they are in."""
    return values.to(torch.promote_types(values.dtype, torch.float32))


def spread(values: Tensor, sequences: Sequences) -> Tensor:
    """[N, S] the scored tokens' values [M] in their grid, 0 elsewhere."""
    empty = torch.zeros(sequences.scored.shape, dtype=values.dtype, device=values.device)
    return empty.masked_scatter(sequences.scored, values)


@torch.no_grad()
def why_padded(network: nn.Module, compute: Compute) -> str | None:
    """Why this network cannot read packed tokens, or None if it can: it is tried on two rows with one prompt."""
    module = backbone(network)
    config: Any = module.config
    kinds = set(getattr(config, "layer_types", None) or ()) - SEEN
    if kinds:
        return f"it has layers of the kind {', '.join(sorted(kinds))}"
    step = 7 % config.vocab_size or 1
    prompt = [number * step % config.vocab_size for number in range(5)]
    rows = [
        Rendered([*prompt, 3, 1], [False] * 5 + [True] * 2),
        Rendered([*prompt, 2, 0, 1], [False] * 5 + [True] * 3),
    ]
    probe = pack(rows).to(compute.device)
    try:
        found = read(module, probe, False).last_hidden_state
    except Exception as error:  # a foreign module given what it may not know can raise anything
        return f"its attention cannot be replaced ({type(error).__name__})"
    wanted = read(module, probe, True).last_hidden_state
    close = (found[spots(probe, probe.at, False)] - wanted[spots(probe, probe.at, True)]).abs().max()
    if not close <= 1e-3 * wanted.abs().max():
        return "it finds other states in packed tokens than in padded ones"
    return None
