"""A key-value cache in which a step costs a write, not a copy of all that went before, and rows come and go."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor
from transformers.cache_utils import Cache, DynamicCache, DynamicLayer


class Room(DynamicLayer):  # type: ignore[misc]
    """One layer's keys and values in a place made large enough at the start; all rows end in one column."""

    def __init__(self, capacity: int) -> None:
        super().__init__()
        self.capacity = capacity
        self.filled = 0
        self.rows = 0

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        self.dtype, self.device = key_states.dtype, key_states.device
        self.rows, heads, _, width = key_states.shape
        self.keys = key_states.new_zeros(self.rows, heads, self.capacity, width)
        self.values = value_states.new_zeros(self.rows, heads, self.capacity, value_states.shape[-1])
        self.is_initialized = True

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        end = self.filled + key_states.shape[-2]
        self.keys[: self.rows, :, self.filled : end] = key_states
        self.values[: self.rows, :, self.filled : end] = value_states
        self.filled = end
        return self.keys[: self.rows, :, :end], self.values[: self.rows, :, :end]

    def get_seq_length(self) -> int:
        return self.filled

    def move(self, sources: Tensor, targets: Tensor, rows: int) -> None:
        """Some rows take the place of others, and the first `rows` remain."""
        if len(sources):
            self.keys[targets, :, : self.filled] = self.keys[sources, :, : self.filled]
            self.values[targets, :, : self.filled] = self.values[sources, :, : self.filled]
        self.rows = rows

    def joined(self, other: "Room", rows: Tensor, used: int, capacity: int) -> "Room":
        """The last `used` columns of what stands here, and below it the given rows of the other, in a new place."""
        new = Room(capacity)
        new.filled, new.rows = max(used, other.filled), self.rows + len(rows)
        new.dtype, new.device, new.is_initialized = other.dtype, other.device, True
        for name in ("keys", "values"):
            mine, theirs = getattr(self, name), getattr(other, name)
            place = theirs.new_zeros(new.rows, theirs.shape[1], capacity, theirs.shape[-1])
            if self.rows:
                place[: self.rows, :, new.filled - used : new.filled] = mine[
                    : self.rows, :, self.filled - used : self.filled
                ]
            place[self.rows :, :, new.filled - other.filled : new.filled] = theirs[rows, :, : other.filled]
            setattr(new, name, place)
        return new


def roomy(config: Any, capacity: int) -> Cache:
    """A cache for `capacity` tokens; families with layers of another kind keep their own."""
    if has_rooms(config):
        return Cache(layers=[Room(capacity) for _ in range(config.num_hidden_layers)])
    return DynamicCache(config=config)


def has_rooms(config: Any) -> bool:
    """Whether all layers keep keys and values of every token, so that rows may come and go."""
    kinds = set(getattr(config, "layer_types", None) or ["full_attention"])
    return kinds <= {"full_attention", "sliding_attention"}


def keep(cache: Cache, rows: Sequence[int], moves: tuple[Tensor, Tensor], places: Tensor) -> None:
    """Only these rows of every layer: moved where there is room to move in, copied elsewhere."""
    for layer in cache.layers:
        if isinstance(layer, Room):
            layer.move(*moves, len(rows))
        else:
            layer.reorder_cache(
                places
            )  # unlike batch_select_indices, also where layers keep states of their own
