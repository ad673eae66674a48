"""Records side by side: what does not fit is counted and said, and padding is nobody's business."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest
import torch

from concord.batches import Experience, Template, beside, collate, order
from concord.batches.order import cut, permutation, reading, steps_of
from concord.errors import RecordError
from concord.records import Completion, Demonstration, Ranking

SPEC = importlib.util.spec_from_file_location("families", Path(__file__).parent / "families.py")
families: Any = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(families)

TEMPLATE = Template(families.tokenizer("chatml"))
asked = families.asked


def ranking(tiers: tuple[tuple[int, ...], ...], *texts: str) -> Ranking:
    prompt = asked("which?")
    return Ranking(prompt, tuple(Completion(prompt, text) for text in texts), tiers)


def test_what_is_too_long_is_left_out_and_said() -> None:
    """Pain 8: rows beyond the context are never cut; they are counted, with an example."""
    short, long = Demonstration(asked("hi"), "yes"), Demonstration(asked("hi"), "no " * 60)
    size = len(TEMPLATE.demonstration(short, True))
    said: list[str] = []
    rows = collate.demonstrations([short, long, short], TEMPLATE, size, True, said.append)
    assert [len(row) for row in rows] == [size, size]
    count = len(TEMPLATE.demonstration(long, True))
    assert said == [
        f"1 of 3 demonstrations are longer than the model's context of {size} tokens and were left out, "
        f"such as {long.prompt.id} ({count} tokens)."
    ]
    with pytest.raises(RecordError, match=f"No demonstrations are left.*context of {size - 1} tokens"):
        collate.demonstrations([short, long], TEMPLATE, size - 1, True, said.append)


def test_rankings_become_lists() -> None:
    """T12: tiers and ties survive, the unranked are not read, one long candidate drops its list."""
    said: list[str] = []
    kept = collate.rankings(
        [
            ranking(((2,), (0, 1)), "a", "b", "c", "never read"),
            ranking(((0, 1),), "a", "b"),
            ranking(((0,), (1,)), "a", "b " * 200),
        ],
        TEMPLATE,
        96,
        said.append,
    )
    assert [(candidate.tiers, len(candidate.rows)) for candidate in kept] == [([1, 1, 0], 3)]
    texts = [
        TEMPLATE.decode([t for t, own in zip(row.tokens, row.scored, strict=True) if own])
        for row in kept[0].rows
    ]
    assert texts == ["a", "b", "c"]
    assert [line.split(" rankings")[0] for line in said] == ["1 of 3", "1 of 2"]
    assert "one tier" in said[0] and "longer than" in said[1]


def test_rankings_that_all_say_nothing_are_an_error_with_its_true_reason() -> None:
    with pytest.raises(RecordError, match="one tier"):
        collate.rankings([ranking(((0, 1),), "a", "b")], TEMPLATE, 96, print)


def test_lists_find_their_rows() -> None:
    """Each candidate's value is found at its list and place; absent places are marked by tier -1."""
    two, three = (
        collate.rankings([ranking(tiers, *texts)], TEMPLATE, 96, print)[0]
        for tiers, texts in ((((1,), (0,)), ("a", "b")), (((0,), (1, 2)), ("c", "d", "e")))
    )
    lists = collate.lists([two, three])
    assert lists.weight == 2.0
    assert lists.tiers.tolist() == [[1, 0, -1], [0, 1, 1]]
    found = lists.by_list(torch.tensor([10.0, 11.0, 12.0, 13.0, 14.0]))
    assert found[0, :2].tolist() == [10.0, 11.0] and found[1].tolist() == [12.0, 13.0, 14.0]
    assert lists.reference.isnan().all()


def test_beside_pads_on_the_right_and_rows_take_it_off() -> None:
    """Pain 11: padding is told by a mask, whatever ids stand in a row."""
    batch = beside([[5, 0, 0], [7] * 20], [[False, True, True], [False] * 19 + [True]])
    assert batch.real.sum(-1).tolist() == [3, 20]
    assert batch.weight == 3.0
    one = batch.rows(torch.tensor([0]))
    assert one.tokens.shape[1] < batch.tokens.shape[1]
    assert one.tokens[one.real].tolist() == [5, 0, 0] and one.scored[one.real].tolist() == [False, True, True]
    numbers = torch.arange(batch.tokens.numel()).reshape(batch.tokens.shape).float()
    part = Experience(batch, *[numbers] * 4).rows(torch.tensor([1, 0]))
    assert part.values[1, :3].tolist() == [0.0, 1.0, 2.0] and part.values.shape == part.sequences.tokens.shape


def test_cut_keeps_to_its_budget_and_loses_nobody() -> None:
    lengths = [3, 9, 4, 4, 1, 9]
    groups = cut(lengths, 12)
    assert sorted(row for group in groups for row in group) == list(range(6))
    assert groups == [[1], [5], [2, 3, 0], [4]]
    assert all(len(group) * max(lengths[row] for row in group) <= 12 for group in groups)
    assert cut([50], 12) == [[0]]  # what is too long for any group goes alone
    assert cut([], 12) == []


def test_reading_goes_through_everything_once_an_epoch_and_goes_on_where_it_stood() -> None:
    """Pain 20: the order is a function of seed and counter."""
    steps = list(reading(7, 3, 2, 11))
    assert [len(step) for step in steps] == [3, 3, 1, 3, 3, 1] and len(steps) == steps_of(7, 3, 2)
    for epoch in (steps[:3], steps[3:]):
        assert sorted(item for step in epoch for item in step) == list(range(7))
    assert steps[:3] != steps[3:]
    for done in range(7):
        assert list(reading(7, 3, 2, 11, done=done)) == steps[done:]
    assert permutation(50, 1) != permutation(50, 2)


def test_orders_stay_what_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that was begun with an earlier version goes on with the same rows; an epoch is shuffled once."""
    assert permutation(10, 3, "a") == [2, 7, 0, 6, 3, 8, 9, 1, 4, 5]
    made = []
    shuffled = order.shuffled
    monkeypatch.setattr(order, "shuffled", lambda *what: made.append(what) or shuffled(*what))
    assert [row for step in reading(10, 4, 2, 3, done=1) for row in step][:6] == permutation(10, 3, 0)[4:]
    assert made[:-1] == [(10, 3, 0), (10, 3, 1)]
