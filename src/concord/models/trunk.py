"""The part that every network shares: a Hugging Face model that turns packed tokens into hidden states."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from concord.batches import Rendered, Sequences, pack
from concord.errors import ModelError
from concord.models import attention, fused
from concord.models.adapters import inside
from concord.models.anatomy import Anatomy, anatomy
from concord.models.compute import Compute

SEEN = {"full_attention", "sliding_attention"}
"""The kinds of layers through which tokens see each other by attention alone."""


def backbone(network: nn.Module) -> nn.Module:
    """The network without its head, adapters included."""
    inner = inside(network)
    found = getattr(inner, inner.base_model_prefix, None)
    if not isinstance(found, nn.Module):
        raise ModelError(
            f"{type(inner).__name__} keeps its layers where Concord does not find them. Use a causal language "
            "model of plain text; families that also see or hear are not supported."
        )
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


@dataclass
class Trunk:
    """A network without its head, and the fastest way to read packed tokens with it that finds the same."""

    network: nn.Module
    compute: Compute
    padded: str | None = None
    """Why rows are padded instead of packed, if they are."""
    anatomy: Anatomy | None = None
    """What a pass of our own works on; without it the Hugging Face module itself runs."""

    @classmethod
    def of(cls, network: nn.Module, compute: Compute) -> "Trunk":
        """A network just loaded, tried out on a few tokens."""
        trunk = cls(network, compute, why_padded(network))
        parts, _ = anatomy(network)
        if parts is not None and not trunk.padded and close_enough(network, parts):
            trunk.anatomy = parts
        return trunk

    def states(self, sequences: Sequences, which: Tensor, before: bool) -> Tensor:
        """[M, width] the hidden states at some scored tokens, or just before them; `which` [N, S] says at which."""
        ours = self.anatomy
        if ours is not None and not (self.network.training and ours.dropout):
            dtype = ours.embedding.dtype if self.compute.dtype is torch.float32 else self.compute.dtype
            return fused.states(ours, sequences, spots(sequences, which, before, False)[1], dtype)
        padded = self.padded is not None
        with self.compute.precision():
            found: Tensor = read(backbone(self.network), sequences, padded).last_hidden_state
        return found[spots(sequences, which, before, padded)]


def spots(sequences: Sequences, which: Tensor, before: bool, padded: bool) -> tuple[Tensor, Tensor]:
    """Row and column, in what `read` gives, of some scored tokens [N, S], or of the tokens before them."""
    if not padded:
        found = (sequences.before if before else sequences.at)[which]
        return torch.zeros_like(found), found
    columns = torch.zeros(which.shape, dtype=torch.int64)
    for number, row in enumerate(sequences.rows):
        places = [place - before for place, mark in enumerate(row.scored) if mark]
        columns[number, : len(places)] = torch.tensor(places, dtype=torch.int64)
    return which.nonzero(as_tuple=True)[0], columns.to(which.device)[which]


def precise(values: Tensor) -> Tensor:
    """The same values in float32, or in the float64 that they are in."""
    return values.to(torch.promote_types(values.dtype, torch.float32))


def spread(values: Tensor, sequences: Sequences) -> Tensor:
    """[N, S] the scored tokens' values [M] in their grid, 0 elsewhere."""
    empty = torch.zeros(sequences.scored.shape, dtype=values.dtype, device=values.device)
    return empty.masked_scatter(sequences.scored, values)


def probe(network: nn.Module) -> Sequences:
    """Two rows with one prompt, of whatever tokens there are."""
    size = int(backbone(network).config.vocab_size)  # type: ignore[union-attr, arg-type]
    prompt, rests = [1, 8, 15, 22, 29], ([3, 1], [2, 0, 1])
    rows = [
        Rendered([token % size for token in prompt + rest], [False] * len(prompt) + [True] * len(rest))
        for rest in rests
    ]
    return pack(rows).to(next(network.parameters()).device)


def alike(found: Tensor, wanted: Tensor) -> bool:
    """Whether two ways find the same states, but for rounding."""
    return bool((found - wanted).abs().max() <= 1e-3 * wanted.abs().max())


@torch.no_grad()
def why_padded(network: nn.Module) -> str | None:
    """Why this network cannot read packed tokens, or None if it can: it is tried on two rows with one prompt."""
    module = backbone(network)
    config: Any = module.config
    kinds = set(getattr(config, "layer_types", None) or ())
    if kinds - SEEN:
        return f"it has layers of the kind {', '.join(sorted(kinds - SEEN))}"
    rows = probe(network)
    try:
        found = read(module, rows, False).last_hidden_state
    except Exception as error:  # a foreign module given what it may not know can raise anything
        return f"its attention cannot be replaced ({type(error).__name__})"
    wanted = read(module, rows, True).last_hidden_state
    if not alike(
        found[spots(rows, rows.scored, False, False)], wanted[spots(rows, rows.scored, False, True)]
    ):
        return "it finds other states in packed tokens than in padded ones"
    window = getattr(config, "sliding_window", None) if getattr(config, "use_sliding_window", True) else None
    slides = window is not None and ("sliding_attention" in kinds or not kinds)
    if slides and window not in rows.layout.windows:
        return "its sliding window is kept by a mask that attention is not told of"
    return None


@torch.no_grad()
def close_enough(network: nn.Module, parts: Anatomy) -> bool:
    """Whether the pass of our own finds what the network finds."""
    rows = probe(network)
    row, column = spots(rows, rows.scored, False, False)
    wanted = read(backbone(network), rows, False).last_hidden_state[row, column]
    return alike(fused.states(parts, rows, column, wanted.dtype), wanted)
