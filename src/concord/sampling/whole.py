"""A decoder around any Hugging Face network as it is, with its own cache: for families not known from inside."""

import inspect
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from concord.models import Compute
from concord.models.adapters import inside
from concord.sampling.cache import Room, has_rooms, keep, roomy


class Whole:
    """Rows side by side whose texts all end in the same column: those that are shorter begin later."""

    def __init__(self, network: nn.Module, compute: Compute) -> None:
        self.network, self.compute, self.device = network, compute, compute.device
        config: Any = network.config
        self.refills = has_rooms(config)
        known = inspect.signature(inside(network).forward).parameters
        self.memory = "past_key_values" if "past_key_values" in known else "cache_params"
        self.cache: Any = None
        self.mask = torch.zeros(0, 0, dtype=torch.int64, device=self.device)
        self.rooms: list[int] = []  # how many more tokens each row may have

    def admit(self, prompts: Sequence[tuple[int, ...]], rooms: Sequence[int]) -> Tensor:
        """Each distinct prompt is read once; its keys and values are then shared out to all its rows."""
        distinct = list(dict.fromkeys(prompts))
        width = max(map(len, distinct))
        tokens, mask = torch.zeros(2, len(distinct), width, dtype=torch.int64)
        for row, prompt in enumerate(distinct):
            tokens[row, width - len(prompt) :] = torch.tensor(prompt)
            mask[row, width - len(prompt) :] = 1
        mask = mask.to(self.device)
        cache = roomy(self.network.config, width)
        positions = (mask.cumsum(-1) - 1).clamp_min(0)
        logits = self._forward(tokens.to(self.device), mask, positions, cache)
        number = {prompt: row for row, prompt in enumerate(distinct)}
        rows = torch.tensor([number[prompt] for prompt in prompts], device=self.device)
        self._join(cache, mask, rows, max([*self.rooms, *rooms]))
        self.rooms += rooms
        return logits[rows]

    def _join(self, cache: Any, mask: Tensor, rows: Tensor, room: int) -> None:
        """The new rows come below those that grow; all are shifted so that they end in one column."""
        if not self.refills:
            cache.reorder_cache(rows)
            self.cache, self.mask = cache, mask[rows]
            return
        used = int(self.mask.sum(-1).max()) if len(self.mask) else 0
        width = max(used, mask.shape[1])
        old = self.cache.layers if self.cache else [Room(0) for _ in cache.layers]
        self.cache = type(cache)(
            layers=[
                layer.joined(other, rows, used, width + room)
                for layer, other in zip(old, cache.layers, strict=True)
            ]
        )
        new = mask.new_zeros(len(self.mask) + len(rows), width)
        new[: len(self.mask), width - used :] = self.mask[:, self.mask.shape[1] - used :]
        new[len(self.mask) :, width - mask.shape[1] :] = mask[rows]
        self.mask = new

    def _forward(self, tokens: Tensor, mask: Tensor, positions: Tensor, cache: Any) -> Tensor:
        # a memory of states alone has taken pads in as nothing; told of them again, it would take them for tokens
        seen = None if self.memory == "cache_params" and tokens.shape[1] == 1 else mask
        with self.compute.precision():
            output = self.network(
                input_ids=tokens,
                attention_mask=seen,
                position_ids=positions,
                use_cache=True,
                logits_to_keep=1,
                **{self.memory: cache},
            )
        logits: Tensor = output.logits[:, -1]
        return logits

    def go_on(self, tokens: Tensor) -> Tensor:
        """Add a token to every row, and expect the next."""
        self.mask = torch.cat([self.mask, self.mask.new_ones(len(tokens), 1)], dim=-1)
        self.rooms = [room - 1 for room in self.rooms]
        return self._forward(tokens[:, None], self.mask, self.mask.sum(-1, keepdim=True) - 1, self.cache)

    def rest(self) -> None:
        """Nothing is kept of rows that are gone."""

    def keep(self, rows: Sequence[int]) -> None:
        """Only these rows go on."""
        if not rows:
            self.cache, self.mask, self.rooms = None, self.mask[:0], []
            return
        moved = [(row, place) for place, row in enumerate(rows) if row != place]
        sources, targets = (
            torch.tensor(moved, dtype=torch.int64, device=self.device).reshape(-1, 2).unbind(-1)
        )
        places = torch.tensor(rows, dtype=torch.int64, device=self.device)
        keep(self.cache, rows, (sources, targets), places)
        self.mask = self.mask[places]
        self.rooms = [self.rooms[row] for row in rows]
