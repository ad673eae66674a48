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


def cut(sizes: Sequence[int], most: int) -> list[list[int]]:
    """Items in groups, largest first, each group within a budget unless a single item is beyond it."""
    groups: list[list[int]] = []
    left = 0
    for item in sorted(range(len(sizes)), key=lambda item: (-sizes[item], item)):
        if groups and sizes[item] <= left:
            groups[-1].append(item)
            left -= sizes[item]
        else:
            groups.append([item])
            left = most - sizes[item]
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
