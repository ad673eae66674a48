"""In which order data is read: a pure function of seed and counter, so that resuming never loses its place."""

from collections.abc import Iterator, Sequence

import torch

from concord.records import seed_of


def permutation(count: int, *names: object) -> list[int]:
    """The numbers below `count`, shuffled by whatever names the occasion: seed, stage, epoch."""
    generator = torch.Generator().manual_seed(seed_of(*names))
    return [int(number) for number in torch.randperm(count, generator=generator)]


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
    for step in range(done, epochs * per_epoch):
        epoch, part = divmod(step, per_epoch)
        yield permutation(count, *names, epoch)[part * batch : (part + 1) * batch]
