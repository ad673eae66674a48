"""Rows end to end: every token in its place, a shared prompt once, and nobody sees another row."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from concord.batches import Rendered, Sequences, pack
from concord.batches import packing as room
from concord.batches.packing import LEAST, Family, blocks_of, cost, families, lay_out, parts, sorts


def row(prompt: list[int], said: list[int], silent: tuple[int, ...] = ()) -> Rendered:
    """A prompt and what was said; of that, the numbers in `silent` bear no loss."""
    return Rendered(
        prompt + said, [False] * len(prompt) + [number not in silent for number in range(len(said))]
    )


PROMPT = [10, 11, 12, 13]
ROWS = [row(PROMPT, [20, 21]), row([30, 31], [32]), row(PROMPT, [22, 23, 24], silent=(1,))]


def test_packed_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """The family of the first prompt, then the row that stands alone, then what fills up."""
    monkeypatch.setattr(room, "STEP", 5)
    batch = pack(ROWS)
    assert batch.tokens.tolist() == [10, 11, 12, 13, 20, 21, 22, 23, 24, 30, 31, 32, 0, 0, 0]
    assert batch.positions.tolist() == [0, 1, 2, 3, 4, 5, 4, 5, 6, 0, 1, 2, 0, 0, 0]
    assert batch.scored.tolist() == [[True, True], [True, False], [True, True]]
    assert batch.at.tolist() == [[4, 5], [11, 0], [6, 8]]
    assert batch.before.tolist() == [[3, 4], [10, 0], [3, 7]]  # both answers follow the one prompt's end
    assert batch.said.tolist() == [[20, 21], [32, 10], [22, 24]]
    assert batch.rows == tuple(ROWS) and len(batch) == 3
    assert batch.size == cost(ROWS) == 4 + 2 + 3 + 3
    assert batch.weight == 5.0
    assert batch.describe() == {"tokens": [one.tokens for one in ROWS]}
    assert batch.layout.families == (Family(0, 4, ((4, 2), (6, 3))), Family(9, 3), Family(12, 3))


def test_laid_out_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slots: a prompt of 4 and rests of 2 and 3 in room for 4; the row of 3 beside the filler of 3, in room for 4."""
    monkeypatch.setattr(room, "ROUND", 2)
    found = lay_out([Family(0, 4, ((4, 2), (6, 3))), Family(9, 3), Family(12, 3)], 15)
    first, second = found.blocks
    assert (first.start, first.families, first.length, first.rests) == (0, 1, 4, ((2, 4),))
    assert (second.start, second.families, second.length, second.rests) == (12, 2, 4, ())
    assert first.lengths.tolist() == [4] and second.lengths.tolist() == [3, 3]
    assert [block.sizes for block in found.blocks] == [(4, 8), (8,)]
    assert [block.size for block in found.blocks] == [12, 4]
    assert found.slots.tolist() == [0, 1, 2, 3, 4, 5, 0, 0, 6, 7, 8, 0, 9, 10, 11, 0, 12, 13, 14, 0]
    assert found.empty.tolist() == [6, 7, 11, 15, 19]
    assert found.places.tolist() == [0, 1, 2, 3, 4, 5, 8, 9, 10, 12, 13, 14, 16, 17, 18]


def test_room_for_prompts_and_rests_is_that_of_the_longest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two families side by side: prompts of 5 and 4 in room for 6, rests of 1, 3, 2, 2 in room for 4."""
    monkeypatch.setattr(room, "ROUND", 2)
    found = lay_out([Family(0, 4, ((4, 1), (5, 3))), Family(8, 5, ((13, 2), (15, 2)))], 17)
    (block,) = found.blocks
    assert (block.families, block.length, block.rests) == (2, 6, ((2, 4),))
    assert block.lengths.tolist() == [5, 4]  # the longer prompt first
    gone = {slot: -1 for slot in found.empty.tolist()}
    slots = [gone.get(slot, token) for slot, token in enumerate(found.slots.tolist())]
    assert slots[:12] == [8, 9, 10, 11, 12, -1, 0, 1, 2, 3, -1, -1]
    assert slots[12:20] == [13, 14, -1, -1, 15, 16, -1, -1]
    assert slots[20:] == [4, -1, -1, -1, 5, 6, 7, -1]


UNLIKE = [Family(0, 4, ((4, 1), (5, 7), (12, 2))), Family(14, 3, ((17, 2), (19, 2), (21, 8)))]


@pytest.mark.parametrize(
    ("slack", "rests"), [(2**15, ((3, 8),)), (337, ((3, 8),)), (335, ((1, 8), (2, 2))), (0, ((1, 8), (2, 2)))]
)
def test_rests_of_unlike_length_get_products_of_their_own_where_it_pays(
    slack: int, rests: tuple[tuple[int, int], ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two families in room for 4: one sort is 2 x 3 x 8 x 12 pairs, two are 2 x (8 x 12 + 2 x 2 x 6), 336 less."""
    monkeypatch.setattr(room, "ROUND", 2)
    monkeypatch.setattr(room, "SLACK", slack)
    assert sorts(UNLIKE, 4) == rests


def test_sorts_of_rests_laid_out_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """First both families' prompts, then the longest rest of each, then the others in their order."""
    monkeypatch.setattr(room, "ROUND", 2)
    monkeypatch.setattr(room, "blocks_of", lambda found: [list(found)])
    monkeypatch.setattr(room, "SLACK", 0)
    found = lay_out(UNLIKE, 29)
    (block,) = found.blocks
    assert block.sizes == (8, 16, 8) and block.size == 16
    gone = {slot: -1 for slot in found.empty.tolist()}
    slots = [gone.get(slot, token) for slot, token in enumerate(found.slots.tolist())]
    assert slots[:8] == [0, 1, 2, 3, 14, 15, 16, -1]
    assert slots[8:24] == [5, 6, 7, 8, 9, 10, 11, -1, 21, 22, 23, 24, 25, 26, 27, 28]
    assert slots[24:] == [4, -1, 12, 13, 17, 18, 19, 20]


def test_three_sorts_laid_out_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 2, 6 and 4 tokens the second stands first, then the third, then the first."""
    monkeypatch.setattr(room, "ROUND", 2)
    monkeypatch.setattr(room, "SLACK", 0)
    found = lay_out([Family(0, 4, ((4, 2), (6, 6), (12, 4)))], 16)
    assert found.blocks[0].rests == ((1, 6), (1, 4), (1, 2)) and not len(found.empty)
    assert found.slots.tolist() == [0, 1, 2, 3, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 4, 5]


def test_no_rests_are_no_sorts_and_empty_ones_have_room() -> None:
    assert sorts([Family(0, 4), Family(4, 8)], 8) == ()
    assert sorts([Family(0, 4, ((4, 0), (4, 0)))], 8) == ((2, 8),)
    assert sorts([Family(0, 8, ((8, 900), (908, 0)))], 8) == ((1, 904), (1, 8))
    one = Family(0, 8, tuple((8 + 16 * turn, 16) for turn in range(500)))
    assert sorts([one], 8) == ((500, 16),)


def test_what_is_shared() -> None:
    """The same tokens before the first scored one, all of them and at least four; in order of their first row."""
    alike = [row([1, 2, 3, 4], [5]), row([1, 2, 3], [5]), row([1, 2, 3], [6]), row([1, 2, 3, 4], [6, 7])]
    assert LEAST == 4
    assert families(alike) == [(4, [0, 3]), (3, [1]), (3, [2])]
    assert cost(alike) == (4 + 1 + 2) + 4 + 4
    # an opening that goes on is another opening, and so is one that differs in its last token
    assert families([row([1, 2, 3, 4], [5]), row([1, 2, 3, 4, 5], [5]), row([1, 2, 3, 5], [5])]) == [
        (4, [0]),
        (5, [1]),
        (4, [2]),
    ]
    # an earlier turn of the assistant ends what is shared, though the same words follow it
    turns = [row([1, 2, 3, 4], [9, 5, 6, said], silent=(1, 2)) for said in (7, 8)]
    assert families(turns) == [(4, [0, 1])] and cost(turns) == 12
    # a row without a scored token is all opening
    assert families([row([1, 2, 3, 4], []), row([1, 2, 3, 4], [5])]) == [(4, [0, 1])]
    assert cost([row([1, 2, 3, 4], []), row([1, 2, 3, 4], [5])]) == 5
    # the same row twice is said twice
    assert cost([alike[3]] * 3) == 4 + 3 * 2


def test_a_first_token_cannot_be_scored() -> None:
    with pytest.raises(ValueError, match="first token"):
        pack([row([1], [2]), row([], [3, 4])])


def test_a_family_beyond_the_budget_is_split_and_its_prompt_repeated() -> None:
    """By hand: a prompt of 4 and rests of 3 within 10 tokens: two answers a group, each with the prompt."""
    rows = [row(PROMPT, [n, n, n]) for n in (1, 2, 3, 4)]
    assert parts(rows, 16) == [[0, 1, 2, 3]] and cost(rows) == 16
    assert parts(rows, 15) == [[0, 1, 2], [3]]
    assert parts(rows, 10) == parts(rows, 12) == [[0, 1], [2, 3]]
    assert parts(rows, 9) == parts(rows, 1) == [[0], [1], [2], [3]]
    assert [pack(rows).some(group).tokens[:10].tolist() for group in parts(rows, 10)] == [
        [*PROMPT, 1, 1, 1, 2, 2, 2],
        [*PROMPT, 3, 3, 3, 4, 4, 4],
    ]


def test_parts_by_hand() -> None:
    """Whole families first by size, longer answers first within; a row beyond the budget goes alone."""
    rows = [
        row([1, 2], [3]),  # alone: 3
        row(PROMPT, [5]),
        row([7] * 9, [8] * 9),  # alone: 18
        row(PROMPT, [5, 6, 7]),  # with the first: 4 + 1 + 3 = 8
        row([1, 2], [4, 5]),  # alone, for its prompt is short: 4
    ]
    assert parts(rows, 12) == [[2], [3, 1, 4], [0]]
    assert parts(rows, 15) == [[2], [3, 1, 4, 0]]
    assert parts(rows, 33) == [[2, 3, 1, 4, 0]]
    assert pack(rows).parts(12) == parts(rows, 12)
    assert parts([], 12) == []


def test_attention_holds_no_more_than_it_should(monkeypatch: pytest.MonkeyPatch) -> None:
    """Families side by side as long as their pairs stay in bounds; other numbers of rests never."""
    found = [Family(start, 8) for start in range(0, 80, 8)]
    assert [len(group) for group in blocks_of(found)] == [10]
    monkeypatch.setattr(room, "LARGEST", 3 * 64)
    assert [len(group) for group in blocks_of(found)] == [3, 3, 3, 1]
    monkeypatch.setattr(room, "LARGEST", 1)
    assert [len(group) for group in blocks_of(found)] == [1] * 10  # what is too large alone goes alone
    monkeypatch.undo()
    mixed = [Family(0, 8), Family(8, 8, ((16, 2), (18, 2))), Family(20, 8, ((28, 3), (31, 3), (34, 3)))]
    assert blocks_of(mixed) == [[mixed[2]], [mixed[1]], [mixed[0]]]


def test_another_device_gets_everything() -> None:
    batch = pack(ROWS)
    assert batch.to(torch.device("cpu")) is batch
    moved = batch.to(torch.device("meta"))
    tensors = [moved.tokens, moved.positions, moved.scored, moved.at, moved.before]
    tensors += [moved.layout.slots, moved.layout.places, moved.layout.empty]
    tensors += [block.lengths for block in moved.layout.blocks]
    assert {tensor.device.type for tensor in tensors} == {"meta"}
    assert moved.rows == batch.rows and moved.layout.families == batch.layout.families
    assert not moved.layout.memory


prompts = st.sampled_from([[1], [1, 2, 3], [1, 2, 3, 4], [1, 2, 3, 4, 5], [9] * 11])
spoken = st.lists(st.tuples(st.integers(0, 9), st.booleans()), max_size=12)
rendered = st.builds(
    lambda prompt, said: Rendered(
        prompt + [token for token, _ in said], [False] * len(prompt) + [mark for _, mark in said]
    ),
    prompts,
    spoken,
)
several = st.lists(rendered, min_size=1, max_size=9)


def sight(batch: Sequences) -> dict[int, list[int]]:
    """For each packed token, the places of those it sees, first to last: told from slots and blocks alone."""
    layout, seen = batch.layout, {}
    empty = set(layout.empty.tolist())
    token = {slot: place for slot, place in enumerate(layout.slots.tolist()) if slot not in empty}
    for block in layout.blocks:
        after = block.start + block.families * block.length
        for family in range(block.families):
            first = block.start + family * block.length
            length = int(block.lengths[family])
            prompt = [token[slot] for slot in range(first, first + length)]
            assert not any(slot in token for slot in range(first + length, first + block.length))
            seen.update({place: prompt[: number + 1] for number, place in enumerate(prompt)})
            start = after
            for count, longest in block.rests:
                for turn in range(count):
                    first = start + (family * count + turn) * longest
                    own = [token[slot] for slot in range(first, first + longest) if slot in token]
                    seen.update({place: prompt + own[: number + 1] for number, place in enumerate(own)})
                start += block.families * count * longest
    return seen


@settings(max_examples=200, deadline=None)
@given(rows=several, slack=st.sampled_from([0, room.SLACK]))
@pytest.mark.slow
def test_every_token_sees_its_own_row_and_nothing_else(rows: list[Rendered], slack: int) -> None:
    """Whatever is packed: a scored token sees its row up to itself, the place before it all that came before."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(room, "SLACK", slack)
        batch = pack(rows)
    seen = sight(batch)
    for number, one in enumerate(rows):
        marks = [place for place, own in enumerate(one.scored) if own]
        assert int(batch.scored[number].sum()) == len(marks)
        assert bool(batch.scored[number, : len(marks)].all())  # left-aligned
        for turn, place in enumerate(marks):
            at, before = int(batch.at[number, turn]), int(batch.before[number, turn])
            assert batch.tokens[seen[at]].tolist() == one.tokens[: place + 1]
            assert batch.positions[seen[at]].tolist() == list(range(place + 1))
            assert seen[before] == seen[at][:-1]
    hidden = batch.scored.logical_not()
    assert not batch.at[hidden].any() and not batch.before[hidden].any()


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(rows=several)
def test_packing_costs_what_it_says_and_filler_belongs_to_nobody(rows: list[Rendered]) -> None:
    """Real tokens first, as many as the cost; the rest is filler that sees itself alone and is seen by nobody."""
    batch = pack(rows)
    real, whole = cost(rows), len(batch.tokens)
    assert batch.size == real <= sum(map(len, rows))
    assert whole % room.STEP == 0 and whole - real < room.STEP
    seen = sight(batch)
    assert sorted(seen) == list(range(whole))  # every place has its slot
    for place, others in seen.items():
        assert all((other < real) == (place < real) for other in others) and place in others
    assert not batch.tokens[real:].any() and not batch.positions[real:].any()
    assert not batch.scored.any() or int(batch.at.max()) < real
    # there and back again through the slots, nothing is lost
    assert torch.equal(batch.layout.slots[batch.layout.places], torch.arange(whole))


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(rows=several, most=st.integers(1, 60))
def test_parts_hold_every_row_once_within_the_budget(rows: list[Rendered], most: int) -> None:
    """A group beyond the budget is a single row; a family that fits is in one group."""
    groups = parts(rows, most)
    assert sorted(number for group in groups for number in group) == list(range(len(rows)))
    for group in groups:
        assert cost([rows[number] for number in group]) <= most or len(group) == 1
    for _, members in families(rows):
        if cost([rows[number] for number in members]) <= most:
            assert sum(1 for group in groups if set(group) & set(members)) == 1
    assert len(parts(rows, cost(rows))) == 1


@settings(max_examples=50, deadline=None)
@given(rows=several, most=st.integers(1, 60))
def test_packing_is_a_function_of_the_rows(rows: list[Rendered], most: int) -> None:
    """Twice the same rows are twice the same tensors and groups: results can be reproduced to the bit."""
    one, other = pack(rows), pack([Rendered(list(row.tokens), list(row.scored)) for row in rows])
    for name in ("tokens", "positions", "scored", "at", "before"):
        assert torch.equal(getattr(one, name), getattr(other, name))
    assert torch.equal(one.layout.slots, other.layout.slots)
    assert one.layout.families == other.layout.families
    assert parts(rows, most) == parts(list(rows), most)
    every = one.some(range(len(rows)))
    assert every.rows == one.rows and torch.equal(every.tokens, one.tokens)
