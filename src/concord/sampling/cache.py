"""A key-value cache in which a step costs a write, not a copy of all that went before."""

from typing import Any

from torch import Tensor
from transformers.cache_utils import Cache, DynamicCache, DynamicLayer


class Room(DynamicLayer):  # type: ignore[misc]
    """One layer's keys and values in a place made large enough at the start."""

    def __init__(self, capacity: int) -> None:
        super().__init__()
        self.capacity = capacity
        self.filled = 0

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        self.dtype, self.device = key_states.dtype, key_states.device
        rows, heads, _, width = key_states.shape
        self.keys = key_states.new_zeros(rows, heads, self.capacity, width)
        self.values = value_states.new_zeros(rows, heads, self.capacity, value_states.shape[-1])
        self.is_initialized = True

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        end = self.filled + key_states.shape[-2]
        self.keys[:, :, self.filled : end] = key_states
        self.values[:, :, self.filled : end] = value_states
        self.filled = end
        return self.keys[:, :, :end], self.values[:, :, :end]

    def get_seq_length(self) -> int:
        return self.filled

    def keep(self, rows: Tensor) -> None:
        """Only these rows, in this order; a row may come more than once."""
        keys, values = self.keys, self.values
        self.keys = keys.new_zeros(len(rows), *keys.shape[1:])
        self.values = values.new_zeros(len(rows), *values.shape[1:])
        self.keys[:, :, : self.filled] = keys[rows, :, : self.filled]
        self.values[:, :, : self.filled] = values[rows, :, : self.filled]


def roomy(config: Any, capacity: int) -> Cache:
    """A cache for `capacity` tokens; families with layers of another kind keep their own."""
    kinds = set(getattr(config, "layer_types", None) or ["full_attention"])
    if kinds <= {"full_attention", "sliding_attention"}:
        return Cache(layers=[Room(capacity) for _ in range(config.num_hidden_layers)])
    return DynamicCache(config=config)


def keep(cache: Cache, rows: Tensor) -> None:
    """Only these rows of every layer."""
    for layer in cache.layers:
        if isinstance(layer, Room):
            layer.keep(rows)
        else:
            layer.batch_select_indices(rows)
