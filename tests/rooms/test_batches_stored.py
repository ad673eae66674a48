"""Rows on disk are the rows in memory, made once, found again, and never half of them."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.rooms import families
from tests.rooms.families import asked

from concord.algorithms import references
from concord.algorithms.feeds import Reading
from concord.batches import Rendered, Template, collate, stored
from concord.batches.blocks import Blocks
from concord.errors import RecordError, StoreError
from concord.models import Policy
from concord.records import Completion, Demonstration, Message, Prompt, Ranking, Stream

TEMPLATE = Template(families.tokenizer("chatml"))


def ranking(name: str, tiers: tuple[tuple[int, ...], ...], *texts: str) -> Ranking:
    prompt = Prompt((Message("user", name),), name)
    return Ranking(prompt, tuple(Completion(prompt, text) for text in texts), tiers)


RANKINGS = [
    ranking("a", ((2,), (0, 1)), "one", "two", "three", "not ranked"),
    ranking("b", ((0, 1),), "tied", "tied too"),
    ranking("c", ((1,), (0,)), "x", "x y z"),
    ranking("d", ((0,), (1,)), "short", "far too long " * 40),
    ranking("e", ((0,), (1,)), "p q", "r"),
]


class Counted:
    """Records that count how often they are gone through."""

    def __init__(self, records: list[Any]) -> None:
        self.records, self.times = records, 0

    def __call__(self) -> Iterator[Any]:
        self.times += 1
        return iter(self.records)


def test_stored_lists_are_the_lists_in_memory(tmp_path: Path) -> None:
    """Whatever was dropped is said in the same words, also when the rows are found again."""
    read, said, again = Counted(RANKINGS), [], []
    plain_words: list[str] = []
    plain = collate.rankings(RANKINGS, TEMPLATE, 96, plain_words.append)
    found = collate.rankings(Stream(read, "n", tmp_path), TEMPLATE, 96, said.append)
    assert list(found) == list(plain) and len(found) == 3 and found[-1] == plain[-1]
    assert found[:2] == plain[:2]
    assert said == plain_words and len(said) == 2 and read.times == 1
    twice = collate.rankings(Stream(read, "n", tmp_path), TEMPLATE, 96, again.append)
    assert list(twice) == list(plain) and again == said and read.times == 1
    assert found.store.lengths.tolist() == [len(row) for one in plain for row in one.rows]  # type: ignore[attr-defined]
    with pytest.raises(IndexError):
        found[3]


def test_stored_demonstrations_keep_every_turn_that_is_scored(tmp_path: Path) -> None:
    records = [Demonstration(asked("hi", "yes", "and?"), "no more"), Demonstration(asked("hm"), "so")]
    plain = collate.demonstrations(records, TEMPLATE, 96, True, print)
    found = collate.demonstrations(Stream(Counted(records), "n", tmp_path), TEMPLATE, 96, True, print)
    assert list(found) == list(plain)
    assert sum(a != b for a, b in zip(found[0].scored, found[0].scored[1:], strict=False)) >= 3
    last = collate.demonstrations(Stream(Counted(records), "n", tmp_path), TEMPLATE, 96, False, print)
    assert list(last) == list(collate.demonstrations(records, TEMPLATE, 96, False, print))
    assert len(list(tmp_path.glob("demonstrations-*"))) == 2


def test_a_store_holds_any_rows(tmp_path: Path) -> None:
    """Rows that begin alike or not, scored from the first token on, ids beyond 65,535."""
    lists = [
        ([Rendered([70_000, 2, 3], [True, False, True]), Rendered([70_000, 9], [True, True])], [1, 0]),
        ([Rendered([5, 6, 7], [False, False, True]), Rendered([5, 6, 8, 9], [False, False, True, True])], [0, 0]),
        ([Rendered([1, 2, 3], [False, False, True]), Rendered([4, 2], [False, True])], [0, 1]),
    ]  # fmt: skip

    def fill(draft: stored.Draft) -> dict[str, Any]:
        for rows, tiers in lists:
            draft.add(rows, tiers)
        return {}

    store = stored.made(tmp_path / "s", False, fill)
    assert [store.rendered(place) for place in range(3)] == [rows for rows, _ in lists]
    # 3 + 2, then 3 + 2 without the prompt of two tokens, then 3 + 2: they do not begin alike
    assert store.rows.tolist() == [0, 3, 5, 8, 10, 13, 15]
    assert store.tiers.tolist() == [1, 0, 0, 0, 0, 1] and store.lists.tolist() == [0, 2, 4, 6]


def test_nothing_half_made_is_left_or_taken(tmp_path: Path) -> None:
    def broken() -> Iterator[Ranking]:
        yield RANKINGS[0]
        raise RecordError("row 2 cannot be read")

    with pytest.raises(RecordError, match="row 2"):
        collate.rankings(Stream(broken, "n", tmp_path), TEMPLATE, 96, print)
    assert list(tmp_path.iterdir()) == []
    silent = Stream(Counted(RANKINGS[1:2]), "n", tmp_path)
    with pytest.raises(RecordError, match="one tier"):
        collate.rankings(silent, TEMPLATE, 96, print)
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_store_is_made_again(tmp_path: Path) -> None:
    read = Counted(RANKINGS)
    collate.rankings(Stream(read, "n", tmp_path), TEMPLATE, 96, print)
    (folder,) = tmp_path.iterdir()
    raw = bytearray((folder / "tokens.npy").read_bytes())
    raw[-1] ^= 1
    (folder / "tokens.npy").write_bytes(raw)
    again = collate.rankings(Stream(read, "n", tmp_path), TEMPLATE, 96, print)
    assert read.times == 2 and list(again) == list(collate.rankings(RANKINGS, TEMPLATE, 96, print))
    assert list(tmp_path.iterdir()) == [folder]


def test_a_store_cut_off_while_it_is_read_is_an_error(tmp_path: Path) -> None:
    rows = collate.rankings(Stream(Counted(RANKINGS), "n", tmp_path), TEMPLATE, 96, print)
    (folder,) = tmp_path.iterdir()
    os.truncate(folder / "tokens.npy", 140)
    with pytest.raises(StoreError, match="was cut off"):
        rows[2]


def test_a_full_disk_is_said_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(column: stored.Column) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(stored.Column, "flush", full)
    with pytest.raises(StoreError, match="The disk is full"):
        collate.rankings(Stream(Counted(RANKINGS), "n", tmp_path), TEMPLATE, 96, print)
    assert list(tmp_path.iterdir()) == []


def test_another_tokenizer_limit_or_content_is_another_store(tmp_path: Path) -> None:
    other = Template(families.tokenizer("llama3"))
    assert TEMPLATE.digest() == Template(families.tokenizer("chatml")).digest() != other.digest()
    for name, template, limit in (
        ("n", TEMPLATE, 96),
        ("m", TEMPLATE, 96),
        ("n", other, 96),
        ("n", TEMPLATE, 95),
    ):
        collate.rankings(Stream(Counted(RANKINGS), name, tmp_path), template, limit, print)
    assert len(list(tmp_path.iterdir())) == 4


def test_two_processes_may_make_the_same_store(tmp_path: Path) -> None:
    """The second finds the first's in its place, and takes it."""

    def fill(draft: stored.Draft) -> dict[str, Any]:
        draft.add([Rendered([1], [True])], [0])
        return {}

    def fill_late(draft: stored.Draft) -> dict[str, Any]:
        stored.made(tmp_path / "s", True, fill)
        return fill(draft)

    assert stored.made(tmp_path / "s", True, fill_late).rendered(0) == [Rendered([1], [True])]
    assert [path.name for path in tmp_path.iterdir()] == ["s"]


def test_columns_are_what_numpy_reads(tmp_path: Path) -> None:
    with (tmp_path / "x").open("wb"):
        pass
    column = stored.Column(tmp_path / "x.npy", "<u2")
    column.add(range(100_000 % 65_536))
    column.end()
    column.file.close()
    assert np.array_equal(np.load(tmp_path / "x.npy", allow_pickle=False), np.arange(34_464, dtype="<u2"))


def test_a_feed_of_stored_lists_gives_the_same_batches(tmp_path: Path) -> None:
    def batches(items: Any, done: int) -> list[Any]:
        feed = Reading(items, 2, 2, 7, collate.lists, 64)
        feed.restore({"done": done})
        return [part.sequences.tokens.tolist() for step in feed for part in step]

    plain = collate.rankings(RANKINGS, TEMPLATE, 96, print)
    found = collate.rankings(Stream(Counted(RANKINGS), "n", tmp_path), TEMPLATE, 96, print)
    assert batches(plain, 0) == batches(found, 0)
    assert batches(plain, 3) == batches(found, 3)


def test_the_reference_is_asked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Block after block, the same numbers as in memory; damage is computed anew, other weights are other files."""
    policy = Policy.load(families.folder(tmp_path / "model", "llama"), families.CPU)
    cache = tmp_path / "cache"
    monkeypatch.setattr(references, "BLOCK", 2)
    plain = collate.rankings(RANKINGS, policy.template, 96, print)
    lists = collate.rankings(Stream(Counted(RANKINGS), "n", cache), policy.template, 96, print)
    expected = [references.with_reference([one], policy, 8192)[0].reference for one in plain]
    first = references.with_reference(lists, policy, 8192)
    for one, values in zip(first, expected, strict=True):
        assert one.reference == pytest.approx(values, rel=1e-5)
    (folder,) = cache.glob("reference-*")
    assert len(list(folder.iterdir())) == 2

    def refuse(*_: Any) -> list[float]:
        raise AssertionError("computed again")

    kept = references.sums
    monkeypatch.setattr(references, "sums", refuse)
    assert [one.reference for one in references.with_reference(lists, policy, 8192)] == [
        one.reference for one in first
    ]
    file = max(folder.iterdir())
    file.write_bytes(file.read_bytes()[:-1] + b"\0")
    with pytest.raises(AssertionError, match="computed again"):
        references.with_reference(lists, policy, 8192)
    monkeypatch.setattr(references, "sums", kept)
    references.with_reference(lists, policy, 8192)
    with torch.no_grad():
        next(policy.network.parameters())[0, 0] += 1
    references.with_reference(lists, policy, 8192)
    assert len(list(cache.glob("reference-*"))) == 2


def test_blocks_are_read_only_as_they_were_written(tmp_path: Path) -> None:
    blocks = Blocks(tmp_path / "b")
    assert blocks.read(0) is None
    assert blocks.write(0, [0.5, -1.25]).tolist() == blocks.read(0).tolist() == [0.5, -1.25]
    (file,) = (tmp_path / "b").iterdir()
    file.write_bytes(file.read_bytes()[:-8] + bytes(8))
    assert blocks.read(0) is None
    assert blocks.write(0, [2.0]).tolist() == [2.0]  # what is damaged gives way
    # who comes second gets what the first has written, to the bit, and both read the same ever after
    assert Blocks(tmp_path / "b").write(0, [2.5]).tolist() == blocks.read(0).tolist() == [2.0]
    assert len(list((tmp_path / "b").iterdir())) == 1
