"""The fused decoder for GPUs: a step is recorded once for each shape and then played as one, which spares its launches.

What is recorded must not move or grow, so each row has its whole text in a place of its own, prompts included, and
every shape is rounded up: rows to powers of two, columns to blocks.
"""

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from concord.sampling.fused import Fused
from concord.sampling.memory import enlarged
from concord.sampling.weights import Weights

LEAST, BLOCK = 8, 128
"""Fewest rows of a recorded step, and the columns that its reach is a multiple of."""
WARM = 2
"""Steps before one is recorded, in which libraries choose their ways."""
Step = Callable[[], Tensor]
Record = Callable[[Step], Step]


class Recorded(Fused):
    """Decodes as `Fused` does, each row for itself; steps are played from what was recorded of the first of a shape."""

    def __init__(self, weights: Weights, device: torch.device, record: Record | None = None) -> None:
        self.record = record or Graphs(device)
        super().__init__(weights, device)

    def rest(self) -> None:
        """Begin with no memory at all."""
        weights, device = self.weights, self.device
        shape = (len(weights.stages), 2, 0, weights.kv_heads, 0, weights.head_dim)
        self.texts = torch.zeros(shape, dtype=weights.head.dtype, device=device)
        self.tokens, self.ends = torch.zeros(2, 0, dtype=torch.int64, device=device)
        self.sizes: list[int] = []  # of each row's text so far
        self.played: dict[tuple[int, int], Step] = {}

    def admit(self, prompts: Sequence[tuple[int, ...]], rooms: Sequence[int]) -> Tensor:
        """Begin new rows; each distinct prompt of them is read once."""
        longest = max(len(prompt) + room for prompt, room in zip(prompts, rooms, strict=True))
        self._widen(longest)
        first = len(self.sizes)
        self._enlarge(first + len(prompts), longest)
        number = {prompt: place for place, prompt in enumerate(dict.fromkeys(prompts))}
        self.asked = [number[prompt] for prompt in prompts]
        self.last = torch.zeros(len(number), self.weights.embedding.shape[1], device=self.device)
        self._read_all(list(number), number)
        self.sizes += map(len, prompts)
        self.ends[first : len(self.sizes)] = torch.tensor(self.sizes[first:], device=self.device) - 1
        return self._expect(self.last[self.asked])

    def go_on(self, tokens: Tensor) -> Tensor:
        """Add a token to every row, and expect the next."""
        rows = len(tokens)
        self.sizes = [size + 1 for size in self.sizes]
        self.tokens[:rows] = tokens
        self.ends[:rows] += 1
        shape = min(len(self.tokens), _power(rows)), -(-max(self.sizes) // BLOCK) * BLOCK
        if shape not in self.played:
            self.played[shape] = self._recorded(lambda: self._step(*shape))
        return self.played[shape]()[:rows].clone()

    def keep(self, rows: Sequence[int]) -> None:
        """Only these rows go on."""
        moved = [(row, place) for place, row in enumerate(rows) if row != place]
        if moved:
            sources, targets = (torch.tensor(side, device=self.device) for side in zip(*moved, strict=True))
            reach = max(self.sizes)
            self.texts[:, :, targets, :, :reach] = self.texts[:, :, sources, :, :reach]
            self.ends[targets] = self.ends[sources]
        self.sizes = [self.sizes[row] for row in rows]

    def _keep_prompt(self, layer: int, places: Tensor, keys: Tensor, values: Tensor) -> None:
        """[N, S, T, D] of prompts read side by side, into every new row that asks one of them."""
        first, width, found = len(self.sizes), keys.shape[2], places.tolist()
        pairs = [(first + row, found.index(place)) for row, place in enumerate(self.asked) if place in found]
        rows, sources = (torch.tensor(side, device=self.device) for side in zip(*pairs, strict=True))
        for half, read in zip(self.texts[layer], (keys, values), strict=True):
            half[rows, :, :width] = read[sources].to(half.dtype)

    def _enlarge(self, rows: int, longest: int) -> None:
        """Room for so many rows and columns; what was recorded of a smaller place is void."""
        have = self.texts.shape[2], self.texts.shape[4]
        size = max(have[0], _power(rows)), max(have[1], -(-longest // BLOCK) * BLOCK)
        if size == have:
            return
        layers, _, _, heads, _, width = self.texts.shape
        self.texts = enlarged(self.texts, (layers, 2, size[0], heads, size[1], width), 2)
        more = len(self.texts[0, 0]) - len(self.ends)
        self.tokens, self.ends = (torch.cat([one, one.new_zeros(more)]) for one in (self.tokens, self.ends))
        self.played.clear()

    def _widen(self, longest: int) -> None:
        before = self.turns
        super()._widen(longest)
        if self.turns is not before:
            self.played.clear()

    def _recorded(self, step: Step) -> Step:
        """The step as it is played from now on."""
        try:
            return self.record(step)
        except RuntimeError as error:
            warnings.warn(
                f"The steps of sampling could not be recorded ({error}); they are launched one by one.",
                stacklevel=2,
            )
            self.record = lambda step: step
            return step

    def _step(self, rows: int, reach: int) -> Tensor:
        """[rows, V] what each row expects after its new token; nothing here depends on what the tensors hold."""
        weights, ends = self.weights, self.ends[:rows]
        heads, kv, width = weights.heads, weights.kv_heads, weights.head_dim
        turn = self.turns.new_ones(rows, heads + 2 * kv, width // 2)
        turn[:, : heads + kv] = self.turns[ends][:, None]
        gap = ends[:, None] - torch.arange(reach, device=self.device)
        hidden = {stage.window: _hidden(gap, stage.window) for stage in weights.stages}
        line = torch.arange(rows, device=self.device)
        states = self._embed(self.tokens[:rows])
        for layer, stage in enumerate(weights.stages):
            mixed = self._mix(stage, states, turn)
            queries, *said = torch.split(mixed, [heads, kv, kv], dim=1)
            for half, new in zip(self.texts[layer], said, strict=True):
                half[line, :, ends] = new.to(half.dtype)
            keys, values = (half[:rows, :, :reach].flatten(0, 1) for half in self.texts[layer])
            asked = queries.reshape(rows * kv, -1, width).to(keys.dtype)
            scores = torch.bmm(asked, keys.mT).float().view(rows, heads, reach)
            shares = scores.add_(hidden[stage.window]).softmax(-1).to(keys.dtype)
            attended = torch.bmm(shares.view(rows * kv, -1, reach), values).float()
            self._finish(stage, states, attended.view(rows, -1))
        return self._expect(states)


class Graphs:
    """Records steps as CUDA graphs in one pool of memory: what one finds is copied before another is played."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.pool: Any = None

    def __call__(self, step: Step) -> Step:
        """The same step, played."""
        with torch.cuda.device(self.device):
            if self.pool is None:
                self.pool = torch.cuda.graph_pool_handle()
            beside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
            beside.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(beside):
                for _ in range(WARM):
                    step()
            torch.cuda.current_stream().wait_stream(beside)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph, pool=self.pool):
                found = step()

        def played() -> Tensor:
            graph.replay()
            return found

        return played


def _hidden(gap: Tensor, window: int | None) -> Tensor:
    """[N, 1, T] minus infinity where a row must not look: what comes after its new token, or is too far back."""
    seen = gap >= 0 if window is None else (gap >= 0) & (gap < window)
    return torch.zeros(gap.shape, device=gap.device).masked_fill_(~seen, float("-inf"))[:, None]


def _power(rows: int) -> int:
    """The next power of two, so that few counts of rows come up."""
    return max(LEAST, 1 << (rows - 1).bit_length())
