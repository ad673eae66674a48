"""Records as tensors: what does not fit is counted and said; steps are cut by a budget, in an order that follows."""

import pytest
import torch
from tests.rooms import families
from tests.rooms.families import asked

from concord.batches import Experience, Rendered, Template, collate, order, pack
from concord.batches.order import cut, permutation, reading, steps_of
from concord.errors import RecordError
from concord.records import Completion, Demonstration, Ranking

TEMPLATE = Template(families.tokenizer("chatml"))


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


def test_lists_stand_in_one_batch_and_their_prompt_once() -> None:
    """What the lists cost is what a network reads of them; the answers' tokens are theirs whoever shares a prompt."""
    two = collate.rankings([ranking(((1,), (0,)), "a", "b b b")], TEMPLATE, 96, print)[0]
    prompt = TEMPLATE.prompt(asked("which?"))
    said = [TEMPLATE.said(Completion(asked("which?"), text, finish="stop")) for text in ("a", "b b b")]
    assert len(two) == len(prompt) + sum(map(len, said))
    batch = collate.lists([two, two]).sequences
    assert batch.size == len(prompt) + 2 * sum(map(len, said))
    assert [batch.said[n][batch.scored[n]].tolist() for n in range(4)] == said * 2


def test_some_rows_are_packed_anew_and_keep_their_numbers() -> None:
    """Pain 11: what is known of a token stays with it, whatever rows it stands among and whatever ids they hold."""
    rows = [
        Rendered([5, 0, 0], [False, True, True]),
        Rendered([7] * 20, [False] * 16 + [True] * 4),
        Rendered([7] * 16 + [0], [False] * 16 + [True]),
    ]
    batch = pack(rows)
    assert batch.weight == 7.0 and len(batch) == 3
    one = batch.some([0])
    assert one.rows == (rows[0],) and one.said.tolist() == [[0, 0]] and one.scored.tolist() == [[True, True]]
    numbers = torch.arange(12.0).reshape(3, 4)
    parts = [numbers + 100 * part for part in range(7)]
    part = Experience(batch, *parts).some([2, 0])
    assert part.sequences.rows == (rows[2], rows[0]) and part.weight == 3.0
    assert part.sequences.scored.tolist() == [[True, False], [True, True]]
    assert [found.tolist() for found in (part.logprobs, part.advantages, part.values, part.returns)] == [
        [[8.0 + more, 9.0 + more], [more, 1.0 + more]] for more in (0.0, 100.0, 200.0, 300.0)
    ]
    again = part.some([1])
    assert again.sequences.rows == (rows[0],) and again.returns.tolist() == [[300.0, 301.0]]


def test_cut_keeps_to_its_budget_and_loses_nobody() -> None:
    sizes = [3, 9, 4, 4, 1, 9]
    groups = cut(sizes, 12)
    assert sorted(item for group in groups for item in group) == list(range(6))
    assert groups == [[1], [5], [2, 3, 0, 4]]
    assert [sum(sizes[item] for item in group) for group in groups] == [9, 9, 12]
    assert cut(sizes, 11) == [[1], [5], [2, 3, 0], [4]]
    assert cut([50], 12) == [[0]]  # what is too large for any group goes alone
    assert cut([50, 1, 60], 12) == [[2], [0], [1]]
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


def test_an_answer_of_nothing_is_an_error_that_names_its_prompt() -> None:
    """Cut off before its first token, it has none that could bear loss, however long its siblings are."""
    prompt = asked("which?")
    nothing = Ranking(
        prompt, (Completion(prompt, "a b c"), Completion(prompt, "", finish="length")), ((0,), (1,))
    )
    with pytest.raises(RecordError, match=f"prompt {prompt.id} is empty"):
        collate.rankings([nothing], TEMPLATE, 96, print)
