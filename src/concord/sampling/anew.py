"""A decoder that remembers nothing: every row is read whole for each token, which is slow and right for any network."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from concord.models import Compute
from concord.sampling.whole import Whole

READ = 16
"""Rows that are read side by side."""


class Anew:
    """For networks whose own memory is not that of rows side by side, such as states that take in pads."""

    refills = True

    def __init__(self, network: nn.Module, compute: Compute) -> None:
        self.network, self.compute, self.device = network, compute, compute.device
        self.rows: list[list[int]] = []

    def admit(self, prompts: Sequence[tuple[int, ...]], rooms: Sequence[int]) -> Tensor:
        """New rows come after those that are there."""
        new = [list(prompt) for prompt in prompts]
        self.rows += new
        return self._expect(new)

    def go_on(self, tokens: Tensor) -> Tensor:
        """Add a token to every row, and expect the next."""
        for row, token in zip(self.rows, tokens.tolist(), strict=True):
            row.append(token)
        return self._expect(self.rows)

    def rest(self) -> None:
        """Nothing is kept of rows that are gone."""

    def keep(self, rows: Sequence[int]) -> None:
        """Only these rows go on."""
        self.rows = [self.rows[row] for row in rows]

    def _expect(self, rows: Sequence[list[int]]) -> Tensor:
        """[N, V] logits after each row's last token; pads come after it, where nothing looks back from."""
        found = []
        for start in range(0, len(rows), READ):
            part = rows[start : start + READ]
            tokens, mask = torch.zeros(2, len(part), max(map(len, part)), dtype=torch.int64)
            for number, row in enumerate(part):
                tokens[number, : len(row)], mask[number, : len(row)] = torch.tensor(row), 1
            with self.compute.precision():
                output = self.network(
                    input_ids=tokens.to(self.device), attention_mask=mask.to(self.device), use_cache=False
                )
            ends = mask.sum(-1) - 1
            found.append(output.logits[torch.arange(len(part)), ends.to(self.device)])
        return torch.cat(found)


@torch.inference_mode()
def remembers(network: nn.Module, compute: Compute) -> bool:
    """Whether a network's own memory serves rows side by side: tried on two prompts of unequal length."""
    size = int(network.config.vocab_size)  # type: ignore[union-attr, arg-type]
    prompts = [tuple(token % size for token in row) for row in ([1, 8, 15], [2, 9, 16, 23, 30, 37])]
    tokens = torch.tensor([3 % size, 4 % size], device=compute.device)
    exact = replace(compute, dtype=torch.float32)
    found = []
    for way in (Whole(network, exact), Anew(network, exact)):
        try:
            found.append(torch.stack([way.admit(prompts, [2, 2]), way.go_on(tokens), way.go_on(tokens)]))
        except (AttributeError, TypeError, ValueError, RuntimeError):  # its memory is of a kind nobody knows
            return False
    return bool((found[0] - found[1]).abs().max() <= 1e-3 * found[1].abs().max())
