"""Rows of tokens end to end: no padding, and a prompt that several rows share stands once.

Shapes: N rows, S scored tokens of a row, P packed tokens, Z slots. Rows that begin with the same unscored
tokens are a family: those tokens once, then what each row says after them. A token sees the tokens of its
own row that come before it, wherever they stand.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from concord.batches.order import cut
from concord.batches.template import Rendered

STEP = 64
"""Packed tokens come in multiples of this: a processor's library compiles a product anew for every other shape."""
ROUND = 8
"""Lengths inside attention come in multiples of this, for the same reason."""
LEAST = 4
"""Fewer tokens than this are not worth sharing."""
WASTE, SLACK = 1.4, 2**15
"""Families stand side by side in attention while that makes it so many times the work, or so many pairs more.

So many pairs more are also what products of their own would cost those rests of a family that are shorter."""
LARGEST = 2**18
"""Most pairs of tokens that attention weighs at once for one head, so that they stay in the processor's cache."""


def even(size: int, step: int) -> int:
    """The next multiple."""
    return -(-size // step) * step


@dataclass(frozen=True)
class Family:
    """A prompt and what follows it, as places among the packed tokens."""

    start: int
    length: int
    rest: tuple[tuple[int, int], ...] = ()
    """Start and length of what each row says after the shared tokens; none if nothing is shared."""

    @property
    def longest(self) -> int:
        """The length of the longest rest."""
        return max((length for _, length in self.rest), default=0)

    @property
    def work(self) -> int:
        """How many pairs of tokens attention has to weigh."""
        return self.length**2 + sum(length * (self.length + length) for _, length in self.rest)


@dataclass(frozen=True)
class Block:
    """Families of like size side by side, each padded to the longest of them: for attention alone."""

    start: int
    """The first of its slots: G x Lp of the shared tokens, then G x K x Lc of each sort of rests."""
    families: int
    length: int
    rests: tuple[tuple[int, int], ...]
    """The sorts: how many rests of a family, K, are padded to which length, Lc; long ones first."""
    lengths: Tensor
    """[G] how many tokens each family shares."""

    @property
    def size(self) -> int:
        """The slots of one family."""
        return self.length + sum(count * long for count, long in self.rests)

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many slots the shared tokens have, and how many each sort of rests."""
        return tuple(self.families * one for one in (self.length, *(k * long for k, long in self.rests)))


@dataclass(frozen=True)
class Layout:
    """Who sees whom among the packed tokens."""

    slots: Tensor
    """[Z] the token in each slot of the blocks; 0 where there is none."""
    places: Tensor
    """[P] the slot of each token."""
    empty: Tensor
    """The slots that hold no token."""
    blocks: tuple[Block, ...]
    families: tuple[Family, ...]
    memory: dict[object, Any] = field(default_factory=dict, compare=False)
    """What attention works out once and needs again in every layer."""
    windows: set[int | None] = field(default_factory=set, compare=False)
    """How far back the layers were seen to look; None for everything."""

    def to(self, device: torch.device) -> "Layout":
        """The same layout on another device."""
        blocks = tuple(replace(block, lengths=block.lengths.to(device)) for block in self.blocks)
        return Layout(
            self.slots.to(device), self.places.to(device), self.empty.to(device), blocks, self.families
        )


def families(rows: Sequence[Rendered]) -> list[tuple[int, list[int]]]:
    """Which rows begin alike: the number of tokens shared, and the rows; in order of their first row."""
    alike: dict[tuple[int, ...], list[int]] = {}
    for number, row in enumerate(rows):
        opening = row.opening
        name = row.tokens[:opening] if opening >= LEAST else (-1, number)
        alike.setdefault(tuple(name), []).append(number)
    return [(rows[members[0]].opening, members) for members in alike.values()]


def cost(rows: Sequence[Rendered]) -> int:
    """How many tokens the rows are once packed."""
    return sum(
        shared + sum(len(rows[number]) - shared for number in members) for shared, members in families(rows)
    )


def parts(rows: Sequence[Rendered], most: int) -> list[list[int]]:
    """All rows in groups of at most so many packed tokens, a family in one group if it fits, longest first."""
    pieces: list[tuple[int, list[int]]] = []
    for shared, members in families(rows):
        left = most
        for number in sorted(members, key=lambda number: (-len(rows[number]), number)):
            own = len(rows[number]) - shared
            if left < most and own <= left:
                left -= own
                pieces[-1] = (pieces[-1][0] + own, [*pieces[-1][1], number])
            else:
                left = most - shared - own
                pieces.append((shared + own, [number]))
    return [
        [number for piece in group for number in pieces[piece][1]]
        for group in cut([size for size, _ in pieces], most)
    ]


def blocks_of(found: Sequence[Family]) -> list[list[Family]]:
    """Families in groups that attention takes at once: as many rests, like lengths, bounded work."""
    groups: list[list[Family]] = []
    done = length = longest = 0
    for family in sorted(found, key=lambda one: (-len(one.rest), -one.length, -one.longest, one.start)):
        if groups and len(groups[-1][0].rest) == len(family.rest):
            wide, far = max(length, family.length), max(longest, family.longest)
            padded = area(len(groups[-1]) + 1, even(wide, ROUND), even(far, ROUND), len(family.rest))
            real = done + family.work
            if padded <= LARGEST and padded <= max(WASTE * real, real + SLACK):
                groups[-1].append(family)
                done, length, longest = real, wide, far
                continue
        groups.append([family])
        done, length, longest = family.work, family.length, family.longest
    return groups


def area(families: int, length: int, longest: int, rests: int) -> int:
    """The pairs of tokens that a block weighs, padding included."""
    return families * length**2 + beyond(families, length, longest, rests)


def beyond(families: int, length: int, longest: int, rests: int) -> int:
    """Those of them that rests weigh."""
    return families * rests * longest * (length + longest)


def sorts(group: Sequence[Family], length: int) -> tuple[tuple[int, int], ...]:
    """How many rests of each family are padded to which length: as many sorts as pay, the long ones first."""
    ordered = [sorted((count for _, count in family.rest), reverse=True) for family in group]
    lengths = [
        even(max(1, *column), ROUND) for column in zip(*ordered, strict=True)
    ]  # room for what is empty, too
    last = len(lengths)
    ends = [end for end in range(1, last + 1) if end == last or lengths[end] < lengths[end - 1]]
    best: dict[int, tuple[int, tuple[tuple[int, int], ...]]] = {0: (0, ())}  # of the first so many rests
    for end in ends:
        best[end] = min(
            (
                work + SLACK + beyond(len(group), length, lengths[start], end - start),
                (*before, (end - start, lengths[start])),
            )
            for start, (work, before) in best.items()
        )
    return best[last][1]


def lay_out(found: Sequence[Family], size: int) -> Layout:
    """The layout of families that fill `size` packed tokens."""
    slots: list[np.ndarray] = []
    blocks: list[Block] = []
    start = 0
    for group in blocks_of(found):
        length = even(max(family.length for family in group), ROUND)
        rests = sorts(group, length)
        roots = np.full((len(group), length), -1, dtype=np.int64)
        after = [np.full((len(group), *sort), -1, dtype=np.int64) for sort in rests]
        for number, family in enumerate(group):
            roots[number, : family.length] = np.arange(family.start, family.start + family.length)
            spare = sorted(range(len(family.rest)), key=lambda turn: -family.rest[turn][1])
            for sort in after:
                turns, spare = spare[: sort.shape[1]], spare[sort.shape[1] :]
                for place, turn in enumerate(sorted(turns)):
                    begin, count = family.rest[turn]
                    sort[number, place, :count] = np.arange(begin, begin + count)
        lengths = torch.tensor([family.length for family in group])
        blocks.append(Block(start, len(group), length, rests, lengths))
        slots += [part.reshape(-1) for part in (roots, *after)]
        start += sum(blocks[-1].sizes)
    flat = np.concatenate(slots)
    places = np.zeros(size, dtype=np.int64)
    filled = np.flatnonzero(flat >= 0)
    places[flat[filled]] = filled
    return Layout(
        torch.from_numpy(np.maximum(flat, 0)),
        torch.from_numpy(places),
        torch.from_numpy(np.flatnonzero(flat < 0)),
        tuple(blocks),
        tuple(found),
    )
