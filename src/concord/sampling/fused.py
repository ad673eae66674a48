"""A decoder of our own for families that are known from inside: few large products, prompts read once."""

from collections.abc import Iterator, Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from concord.sampling.memory import Memory
from concord.sampling.product import ROWS
from concord.sampling.weights import Stage, Weights, turns

READ, FILLED = 4096, 512
"""Most tokens of prompts that are read side by side, what fills the short ones up included, and most that fill up."""


class Fused:
    """Decodes with a copy of the weights, made when it is made: void once the network learns."""

    refills = True

    def __init__(self, weights: Weights, device: torch.device) -> None:
        self.weights, self.device = weights, device
        self.turns = torch.ones(0, weights.head_dim // 2, dtype=torch.complex64, device=device)
        self.rest()

    def rest(self) -> None:
        """Begin with no memory at all."""
        weights, windows = self.weights, {stage.window for stage in self.weights.stages}
        sizes = len(weights.stages), weights.heads, weights.kv_heads, weights.head_dim
        self.memory = Memory(*sizes, windows, self.device)
        self.last = torch.zeros(0, weights.embedding.shape[1], device=self.device)

    def admit(self, prompts: Sequence[tuple[int, ...]], rooms: Sequence[int]) -> Tensor:
        """Begin new rows; a prompt that is known is not read again."""
        self._widen(max(len(prompt) + room for prompt, room in zip(prompts, rooms, strict=True)))
        fresh = self.memory.settle(prompts, max(rooms))
        places = self.memory.places
        spare = self.memory.shared.shape[2] - len(self.last)
        self.last = F.pad(self.last, (0, 0, 0, max(0, spare)))
        self._read_all(fresh, places)
        return self._expect(self.last[[places[prompt] for prompt in prompts]])

    def go_on(self, tokens: Tensor) -> Tensor:
        """Add a token to every row, and expect the next."""
        weights, memory = self.weights, self.memory
        view = memory.step()
        rows, turned = len(tokens), weights.heads + weights.kv_heads
        spare = -rows % ROWS  # rows of nothing, so that few counts of rows come up
        turn = self.turns.new_ones(rows + spare, turned + weights.kv_heads, weights.head_dim // 2)
        turn[:rows, :turned] = self.turns[view.positions][:, None]
        states = self._embed(F.pad(tokens, (0, spare)))
        for layer, stage in enumerate(weights.stages):
            mixed = self._mix(stage, states, turn)[:rows]
            memory.write(layer, mixed[:, weights.heads :].reshape(-1, weights.head_dim), view)
            queries = mixed[:, : weights.heads].contiguous()
            attended = memory.attend(layer, queries, view, stage.window)
            self._finish(stage, states, F.pad(attended, (0, 0, 0, spare)) if spare else attended)
        return self._expect(states)[:rows]

    def keep(self, rows: Sequence[int]) -> None:
        """Only these rows go on."""
        self.memory.keep(rows)

    def _widen(self, longest: int) -> None:
        """Turns for texts of so many tokens."""
        if longest > len(self.turns):
            self.turns = turns(self.weights.rotary, max(longest, 2 * len(self.turns)), self.device)

    def _keep_prompt(self, layer: int, places: Tensor, keys: Tensor, values: Tensor) -> None:
        """[N, S, T, D] of prompts read side by side, into their places."""
        width = keys.shape[2]
        self.memory.shared[layer, 0, places, :, :width] = keys
        self.memory.shared[layer, 1, places, :, :width] = values

    def _read_all(self, prompts: Sequence[tuple[int, ...]], places: Mapping[tuple[int, ...], int]) -> None:
        """Read prompts, those of like length side by side."""
        for portion in _portions(sorted(prompts, key=len)):
            self._read(portion, torch.tensor([places[prompt] for prompt in portion], device=self.device))

    def _read(self, prompts: Sequence[tuple[int, ...]], places: Tensor) -> None:
        """Prompts side by side from the left: what fills the short ones up comes after all that looks back."""
        weights = self.weights
        rows, width = len(prompts), len(prompts[-1])
        tokens = torch.zeros(rows, width, dtype=torch.int64)
        for row, prompt in enumerate(prompts):
            tokens[row, : len(prompt)] = torch.tensor(prompt)
        ends = torch.tensor([len(prompt) - 1 for prompt in prompts], device=self.device)
        turned = weights.heads + weights.kv_heads
        turn = self.turns.new_ones(width, turned + weights.kv_heads, weights.head_dim // 2)
        turn[:, :turned] = self.turns[:width, None]
        turn = turn.repeat(rows, 1, 1)
        states = self._embed(tokens.to(self.device).reshape(-1))
        line = torch.arange(rows, device=self.device) * width + ends
        for layer, stage in enumerate(weights.stages):
            mixed = self._mix(stage, states, turn).view(rows, width, -1, weights.head_dim).transpose(1, 2)
            queries, keys, values = torch.split(
                mixed, [weights.heads, weights.kv_heads, weights.kv_heads], dim=1
            )
            self._keep_prompt(layer, places, keys, values)
            attended = (
                _look_back(queries, keys, values, stage.window).transpose(1, 2).reshape(len(states), -1)
            )
            if layer == len(weights.stages) - 1:  # of the last layer, only each prompt's last token is needed
                states, attended = states[line], attended[line]
            self._finish(stage, states, attended)
        self.last[places] = states

    def _embed(self, tokens: Tensor) -> Tensor:
        found = self.weights.embedding[tokens].float()
        return found if self.weights.embedding_scale == 1 else found * self.weights.embedding_scale

    def _mix(self, stage: Stage, states: Tensor, turn: Tensor) -> Tensor:
        """[N, heads + 2 kv_heads, D] queries, keys and values, the first two turned to their places."""
        weights = self.weights
        normed = F.rms_norm(states, states.shape[-1:], None, stage.mix_eps)
        mixed = stage.mix(normed).view(len(states), -1, weights.head_dim)
        if stage.head_scale is not None:
            turned = mixed[:, : len(stage.head_scale)]
            turned.copy_(F.rms_norm(turned, turned.shape[-1:], None, stage.head_eps) * stage.head_scale)
        torch.view_as_complex(mixed.view(*mixed.shape[:2], -1, 2)).mul_(turn)
        return mixed

    def _finish(self, stage: Stage, states: Tensor, attended: Tensor) -> None:
        """The rest of a layer, added to the states in place."""
        states.add_(stage.output(attended))
        both = stage.gate_up(F.rms_norm(states, states.shape[-1:], None, stage.gate_eps))
        gate, up = both.chunk(2, dim=-1)
        states.add_(stage.down(self.weights.activation(gate).mul_(up)))

    def _expect(self, states: Tensor) -> Tensor:
        weights = self.weights
        normed = F.rms_norm(states, states.shape[-1:], weights.last_scale, weights.last_eps)
        return weights.head(normed)


def _look_back(queries: Tensor, keys: Tensor, values: Tensor, window: int | None) -> Tensor:
    """[N, H, T, D] attention of each token to those before it and itself, as far back as the window reaches."""
    width = queries.shape[2]
    ratio = queries.shape[1] // keys.shape[1]
    if ratio > 1:
        keys, values = keys.repeat_interleave(ratio, 1), values.repeat_interleave(ratio, 1)
    if window is None or width <= window:
        return F.scaled_dot_product_attention(queries, keys, values, is_causal=True, scale=1.0)
    places = torch.arange(width, device=queries.device)
    back = places[:, None] - places
    seen = (back >= 0) & (back < window)
    return F.scaled_dot_product_attention(queries, keys, values, attn_mask=seen, scale=1.0)


def _portions(prompts: Sequence[tuple[int, ...]]) -> Iterator[Sequence[tuple[int, ...]]]:
    """Prompts of rising length, cut into what is read side by side."""
    start = tokens = 0
    for end, prompt in enumerate(prompts):
        size = (end + 1 - start) * len(prompt)
        if end > start and (size > READ or size - tokens - len(prompt) > FILLED):
            yield prompts[start:end]
            start, tokens = end, 0
        tokens += len(prompt)
    if prompts:
        yield prompts[start:]
