"""In which order data is read: a pure function of seed and counter, so that resuming never loses its place."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from concord.records import seed_of


def shuffled(count: int, *names: object) -> Tensor:
    """[count] the numbers below `count`, shuffled by whatever names the occasion: seed, stage, epoch."""
    return torch.randperm(count, generator=torch.Generator().manual_seed(seed_of(*names)))


def permutation(count: int, *names: object) -> list[int]:
    """The same order as plain numbers, for what is small."""
    order: list[int] = shuffled(count, *names).tolist()
    return order


def cut(lengths: Sequence[int], most: int) -> list[list[int]]:
    """Rows as groups of like length, longest first, each within a budget of places, padding included."""
    groups: list[list[int]] = []
    width = 0
    for row in sorted(range(len(lengths)), key=lambda row: (-lengths[row], row)):
        if groups and width * (len(groups[-1]) + 1) <= most:
            groups[-1].append(row)
        else:
            groups.append([row])
            width = lengths[row]
    return groups


def steps_of(count: int, batch: int, epochs: int) -> int:
    """How many optimiser steps it takes to read `count` items `epochs` times."""
    return epochs * -(-count // batch)


def reading(count: int, batch: int, epochs: int, *names: object, done: int = 0) -> Iterator[list[int]]:
    """The items of each step, epoch after epoch in a fresh order, going on after `done` steps."""
    per_epoch = -(-count // batch)
    order, made = torch.empty(0, dtype=torch.int64), -1
    for step in range(done, epochs * per_epoch):
        epoch, part = divmod(step, per_epoch)
        if epoch != made:
            order, made = shuffled(count, *names, epoch), epoch
        yield order[part * batch : (part + 1) * batch].tolist()
