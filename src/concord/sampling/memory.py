"""Keys and values of rows that grow: a prompt's stand once for all its rows, each row's own in its place.

Letters: N rows, G prompts, S heads of keys and values, r heads of queries to each, D numbers a head, P tokens of
the longest prompt, O own tokens of the longest row. What a row sees are the P columns of its prompt and its O own.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

BLOCK = 32
"""Own tokens stand in blocks of so many columns without gaps: a processor reads on ahead only where there is none."""


@dataclass(frozen=True)
class View:
    """What one step sees: the same for all layers but for their windows."""

    positions: Tensor
    """[N] where in its text each row's new token stands."""
    writes: Tensor
    """[N * 2 S] where its key and its value go, as rows of a layer's own memory."""
    prompt: int
    own: int
    hidden: dict[int | None, Tensor | None]
    """[N, 1, P + O] minus infinity where a row must not look, for each window there is; None: all look at all."""


class Memory:
    """Grows with what is asked of it; rows are numbered from 0 without gaps."""

    def __init__(
        self,
        layers: int,
        heads: int,
        kv_heads: int,
        head_dim: int,
        windows: set[int | None],
        device: torch.device,
    ) -> None:
        self.layers, self.heads, self.kv_heads, self.head_dim = layers, heads, kv_heads, head_dim
        self.windows, self.device = windows, device
        self.own = torch.zeros(layers, 0, 2, 0, kv_heads, BLOCK, head_dim, device=device)
        self.shared = torch.zeros(layers, 2, 0, kv_heads, 0, head_dim, device=device)
        self.places: dict[tuple[int, ...], int] = {}  # of prompts, those whose rows all ended included
        self.place_of: list[int] = []  # of each row, that of its prompt
        self.born: list[int] = []  # of each row, the step before its first
        self.now = 0

    def settle(self, prompts: Sequence[tuple[int, ...]], room: int) -> list[tuple[int, ...]]:
        """Give new rows a place; the prompts that are new and must be read into theirs."""
        known = {prompt: self.places[prompt] for prompt in prompts if prompt in self.places}
        fresh = [prompt for prompt in dict.fromkeys(prompts) if prompt not in known]
        taken = {*self.place_of, *known.values()}
        free = (place for place in range(len(taken) + len(fresh)) if place not in taken)
        names = {place: prompt for prompt, place in self.places.items()}
        for prompt, place in zip(fresh, free, strict=False):
            if place in names:
                del self.places[names[place]]
            self.places[prompt] = place
        rows, blocks = len(self.place_of) + len(prompts), -(-room // BLOCK)
        longest, deepest = max(map(len, prompts)), max(self.places.values()) + 1
        self.own = enlarged(self.own, (self.layers, blocks, 2, rows, self.kv_heads, BLOCK, self.head_dim), 3)
        self.shared = enlarged(
            self.shared, (self.layers, 2, deepest, self.kv_heads, longest, self.head_dim), 2
        )
        self.place_of += [self.places[prompt] for prompt in prompts]
        self.born += [self.now] * len(prompts)
        self._arrange()
        return fresh

    def keep(self, rows: Sequence[int]) -> None:
        """Row rows[i] becomes row i; the others are gone."""
        moved = [(row, place) for place, row in enumerate(rows) if row != place]
        if moved:
            sources, targets = (torch.tensor(side, device=self.device) for side in zip(*moved, strict=True))
            used = -(-(self.now - self.eldest) // BLOCK)
            self.own[:, :used, :, targets] = self.own[:, :used, :, sources]
        self.place_of = [self.place_of[row] for row in rows]
        self.born = [self.born[row] for row in rows]
        self._arrange()

    def _arrange(self) -> None:
        """Everything that stays the same until rows come or go."""
        rows, device = len(self.place_of), self.device
        if not rows:
            return
        lengths = np.zeros(max(self.places.values()) + 1, dtype=np.int64)
        lengths[list(self.places.values())] = [len(prompt) for prompt in self.places]
        place, born = np.array(self.place_of), np.array(self.born)
        sizes = np.bincount(place)
        self.groups, self.crowd = len(sizes), int(sizes.max())
        order = np.argsort(place, kind="stable")
        number = np.empty_like(place)  # of each row among those that ask the same prompt
        number[order] = np.arange(rows) - (sizes.cumsum() - sizes)[place[order]]
        back = place * self.crowd + number
        members = np.zeros(self.groups * self.crowd, dtype=np.int64)
        members[back] = np.arange(rows)
        self.straight = rows == len(members) and bool((back == np.arange(rows)).all())
        before = lengths[place]
        self.prompt, self.eldest = int(before.max()), int(born.min())
        self.longest = int((before - born).max())
        self.alike = int(before.min()) == self.prompt and int(born.max()) == self.eldest
        self.back, self.members, self.before, self.since = (
            torch.from_numpy(array).to(device) for array in (back, members, before, born)
        )
        self.half = self.own.shape[3] * self.kv_heads * BLOCK  # of a block: its keys, or its values
        places = torch.arange(rows * self.kv_heads, device=device).view(rows, 1, -1) * BLOCK
        self.first = places + torch.arange(2, device=device)[:, None] * self.half

    def step(self) -> View:
        """Every row will have one more token: where it goes, and what it may look at."""
        said = self.now - self.since
        self.now += 1
        own = self.now - self.eldest
        positions = self.before + said
        reach = self.longest + self.now  # of the row that is longest, its text with the new token
        return View(
            positions,
            (self.first + (said // BLOCK * 2 * self.half + said % BLOCK)[:, None, None]).view(-1),
            self.prompt,
            own,
            {window: self._hidden(window, own, said, positions, reach) for window in self.windows},
        )

    def _hidden(
        self, window: int | None, own: int, said: Tensor, positions: Tensor, reach: int
    ) -> Tensor | None:
        narrow = reach if window is None else window
        if self.alike and reach <= narrow:
            return None
        columns = torch.arange(max(self.prompt, own), device=self.device)
        theirs, mine = columns[: self.prompt].expand(len(said), -1), columns[:own].expand(len(said), -1)
        hidden = torch.cat([theirs >= self.before[:, None], mine > said[:, None]], dim=-1)
        if reach > narrow:
            where = torch.cat([theirs, mine + self.before[:, None]], dim=-1)
            hidden |= where <= (positions - narrow)[:, None]
        return torch.zeros(hidden.shape, device=self.device).masked_fill_(hidden, float("-inf"))[:, None]

    def write(self, layer: int, both: Tensor, view: View) -> None:
        """Keep each row's new key and value, [N * 2 S, D]."""
        self.own[layer].view(-1, self.head_dim).index_copy_(0, view.writes, both)

    def attend(self, layer: int, queries: Tensor, view: View, window: int | None) -> Tensor:
        """[N, H, D] queries, scaled already -> [N, H * D] what each row makes of what it may see."""
        rows, ratio, prompt = len(queries), self.heads // self.kv_heads, view.prompt
        said_keys, said_values = self.shared[layer, :, : self.groups].flatten(1, 2)[:, :, :prompt]
        mine = queries.view(rows * self.kv_heads, ratio, -1)
        theirs = self._stacked(queries.view(rows, self.kv_heads, ratio, -1))
        found = self._unstacked(torch.bmm(theirs, said_keys.transpose(1, 2))).flatten(0, 1)
        blocks = [
            block.flatten(1, 2)[:, : len(mine), : view.own - start]
            for start, block in zip(range(0, view.own, BLOCK), self.own[layer], strict=False)
        ]
        scores = torch.cat([found, *(torch.bmm(mine, keys.transpose(1, 2)) for keys, _ in blocks)], dim=-1)
        hidden = view.hidden[window]
        if hidden is not None:
            scores.view(rows, self.heads, -1).add_(hidden)
        weights = scores.softmax(-1)
        mine = torch.zeros_like(mine)
        for start, (_, values) in zip(range(prompt, prompt + view.own, BLOCK), blocks, strict=True):
            mine.baddbmm_(weights[:, :, start : start + BLOCK], values)
        theirs = self._stacked(weights.view(rows, self.kv_heads, ratio, -1)[..., :prompt])
        seen = self._unstacked(torch.bmm(theirs, said_values))
        return mine.view(rows, self.kv_heads, ratio, -1).add_(seen).view(rows, -1)

    def _stacked(self, of_rows: Tensor) -> Tensor:
        """[N, S, r, *] -> [G * S, crowd * r, *], all that ask one prompt in one block; short crowds are filled up."""
        if not self.straight:
            of_rows = of_rows[self.members]
        _, heads, ratio, size = of_rows.shape
        blocks = of_rows.reshape(self.groups, self.crowd, heads, ratio, size).transpose(1, 2)
        return blocks.reshape(self.groups * heads, self.crowd * ratio, size)

    def _unstacked(self, blocks: Tensor) -> Tensor:
        """The way back: [G * S, crowd * r, *] -> [N, S, r, *]."""
        size = blocks.shape[-1]
        parted = blocks.view(self.groups, self.kv_heads, self.crowd, -1, size).transpose(1, 2)
        of_rows = parted.reshape(self.groups * self.crowd, self.kv_heads, -1, size)
        return of_rows if self.straight else of_rows[self.back]


def enlarged(old: Tensor, asked: tuple[int, ...], rows: int) -> Tensor:
    """What is kept, in a place at least as large as asked; the dimension of rows gets some to spare."""
    size = [max(have, want) for have, want in zip(old.shape, asked, strict=True)]
    if size == list(old.shape):
        return old
    if old.shape[rows] and size[rows] > old.shape[rows]:
        size[rows] = max(size[rows], old.shape[rows] * 3 // 2)
    new = old.new_zeros(size)
    new[tuple(slice(have) for have in old.shape)] = old
    return new
