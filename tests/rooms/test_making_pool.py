"""A pool that a model grows, and the choice of what is worth learning from: each attempt accounted for."""

import json
import math
import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array
from tests.rooms.families import asked

from concord import formats
from concord.cli.main import main
from concord.errors import SettingsError, StoreError
from concord.making.choice import best_places, best_share, marks_of, ranks
from concord.making.likeness import rouge_l, words
from concord.making.pool import Growth, grow, rarest
from concord.records import Completion, Demonstration, Prompt

WHO = {"model": "a writer", "temperature": 1.0}
SEEDS = [
    Demonstration(asked("Name a river in France."), "The Loire"),
    Demonstration(asked("How many legs has a spider?"), "eight"),
    Demonstration(asked("Which colour has the sky at noon?"), "blue"),
]
WORDS = [
    "mountain",
    "lake",
    "bird",
    "fish",
    "poet",
    "king",
    "street",
    "dance",
    "cheese",
    "wine",
    "coat",
    "shoe",
]
WORDS += [
    "Spain",
    "Peru",
    "Japan",
    "Kenya",
    "Norway",
    "Chile",
    "Egypt",
    "India",
    "Cuba",
    "Fiji",
    "walks",
    "sings",
]


def of_words(number: int) -> str:
    """Some words in an order that no other number has."""
    return " ".join(random.Random(number).sample(WORDS, 6)) + "?"


class Writer:
    """A sampler that writes tasks of its own, some of them bad, and answers whatever is asked."""

    def __init__(self, occasion: int) -> None:
        self.occasion = occasion

    def sample(self, prompts: Sequence[Prompt], k: int) -> list[Completion]:
        assert k == 1
        return [self.answer(prompt, self.occasion * 31 + place) for place, prompt in enumerate(prompts)]

    def answer(self, prompt: Prompt, number: int) -> Completion:
        text = prompt.messages[-1].content
        if not text.startswith("Here are some"):
            return Completion(prompt, "" if number % 11 == 0 else f"answer {number}", finish="stop")
        kinds = [of_words(number), "Name a river in Spain.", "Why?", of_words(-number)]
        return Completion(prompt, kinds[number % 4], finish="length" if number % 13 == 0 else "stop")


def lines(path: Path) -> list[dict[str, Any]]:
    """The attempts on record; its first line says who made them."""
    return [json.loads(line) for line in path.read_text().splitlines()][1:]


def test_t5_a_pool_grows_and_refuses_what_it_has(tmp_path: Path) -> None:
    """Seeds stay first; no two prompts are more alike than .7 by ROUGE-L; each attempt has its reason."""
    growth = Growth(size=20)
    pool = grow(SEEDS, growth, Writer, tmp_path / "a.jsonl", lambda line: None, WHO)
    assert pool.items[:3] == SEEDS and len(pool.items) == 20
    said = [words(one.prompt.messages[-1].content) for one in pool.items]
    assert max(rouge_l(a, b) for place, a in enumerate(said) for b in said[:place]) <= 0.7
    record = lines(tmp_path / "a.jsonl")
    assert Counter(row["outcome"] for row in record) == pool.outcomes
    assert pool.outcomes["added"] == 17 and {"too alike", "too short", "cut off"} <= set(pool.outcomes)
    alike = [
        row for row in record if row["prompt"] == "Name a river in Spain." and row["outcome"] != "cut off"
    ]
    assert alike and {row["outcome"] for row in alike} <= {"too alike", "no answer", "full"}
    assert all(row["completion"] for row in record if row["outcome"] == "added")


@pytest.mark.parametrize("torn", [0, 1, 37, 400, 1500])
def test_t5_a_pool_goes_on_after_a_kill(torn: int, tmp_path: Path) -> None:
    """Whatever is torn off the end of its record, the same pool comes of it, attempt for attempt."""
    growth = Growth(size=16, seed=4)
    whole = grow(SEEDS, growth, Writer, tmp_path / "a.jsonl", lambda line: None, WHO)
    raw = (tmp_path / "a.jsonl").read_bytes()
    (tmp_path / "b.jsonl").write_bytes(raw[: len(raw) - torn])
    said: list[str] = []
    again = grow(SEEDS, growth, Writer, tmp_path / "b.jsonl", said.append, WHO)
    assert again.items == whole.items and (tmp_path / "b.jsonl").read_bytes() == raw
    assert said[0].startswith("goes on after")


def test_t5_a_record_of_another_pool_is_refused(tmp_path: Path) -> None:
    grow(SEEDS, Growth(size=8), Writer, tmp_path / "a.jsonl", lambda line: None, WHO)
    with pytest.raises(StoreError, match="was made with other seeds or settings"):
        grow(SEEDS, Growth(size=8, alike=0.1), Writer, tmp_path / "a.jsonl", lambda line: None, WHO)


def test_t5_a_pool_of_another_size_is_told_so_with_the_way_out(tmp_path: Path) -> None:
    """The first round adds more than one item, so a pool of 4 is full within it."""
    record = tmp_path / "a.jsonl"
    pool = grow(SEEDS, Growth(size=4), Writer, record, lambda line: None, WHO)
    assert len(pool.items) == 4 and pool.outcomes["full"]
    with pytest.raises(StoreError, match=r"holds 4 items and was not to be one of 9\. Give --size 4"):
        grow(SEEDS, Growth(size=9), Writer, record, lambda line: None, WHO)
    larger = grow(pool.items, Growth(size=9), Writer, tmp_path / "b.jsonl", lambda line: None, WHO)
    assert larger.items[:4] == pool.items and len(larger.items) == 9
    with pytest.raises(StoreError, match="Give --size 9 to have it as it is"):
        grow(pool.items, Growth(size=8), Writer, tmp_path / "b.jsonl", lambda line: None, WHO)


def test_t5_one_process_at_a_time_grows_a_pool(tmp_path: Path) -> None:
    refused: list[str] = []

    class Two(Writer):
        """While it speaks, somebody else gives the same command."""

        def sample(self, prompts: Sequence[Prompt], k: int) -> list[Completion]:
            with pytest.raises(
                StoreError, match=r"a\.jsonl is in use by process .* file with --out"
            ) as caught:
                grow(SEEDS, Growth(size=8), Writer, tmp_path / "a.jsonl", lambda line: None, WHO)
            refused.append(str(caught.value))
            return super().sample(prompts, k)

    pool = grow(SEEDS, Growth(size=8), Two, tmp_path / "a.jsonl", lambda line: None, WHO)
    again = grow(SEEDS, Growth(size=8), Writer, tmp_path / "a.jsonl", lambda line: None, WHO)
    assert refused and again.items == pool.items


@pytest.mark.parametrize(
    ("other", "growth"), [({"model": "b"}, {}), ({"temperature": 0.5}, {}), ({}, {"seed": 9})]
)
def test_t5_nobody_else_goes_on_with_a_record(
    other: dict[str, Any], growth: dict[str, Any], tmp_path: Path
) -> None:
    """Its rows alone do not tell: another model's attempts would be judged the same."""
    record = tmp_path / "a.jsonl"
    grow(SEEDS, Growth(size=8), Writer, record, lambda line: None, WHO)
    before = record.read_bytes()
    with pytest.raises(StoreError, match="the attempts were made with another"):
        grow(SEEDS, Growth(size=8, **growth), Writer, record, lambda line: None, {**WHO, **other})
    assert record.read_bytes() == before


def test_t5_answers_first_balances_classes(tmp_path: Path) -> None:
    """Input inversion: the rarest answer is asked for next, so a lopsided pool comes out even."""
    assert rarest(Counter({"yes": 4, "no": 1}), 5) == ["no", "no", "no", "no", "yes"]
    seeds = [Demonstration(asked(of_words(place)), "no" if place else "yes") for place in range(6)]
    heard: list[str] = []

    class Inverted(Writer):
        def answer(self, prompt: Prompt, number: int) -> Completion:
            heard.append(prompt.messages[-1].content)
            return Completion(prompt, of_words(1000 + number), finish="stop")

    growth = Growth(size=14, inverted=True, round=4)
    pool = grow(seeds, growth, Inverted, tmp_path / "a.jsonl", lambda line: None, WHO)
    assert pool.classes == {"yes": 7, "no": 7}
    assert heard[0].splitlines()[0] == "Here are some questions whose right answer is: yes"
    assert f"1. {of_words(0)}" in heard[0] and of_words(1) not in heard[0]


def test_t5_a_model_without_ideas_is_an_error(tmp_path: Path) -> None:
    class Dull(Writer):
        def answer(self, prompt: Prompt, number: int) -> Completion:
            return Completion(prompt, "Name a river in France!", finish="stop")

    with pytest.raises(StoreError, match=r"3 rounds in a row have added nothing \(24 too alike\)"):
        grow(SEEDS, Growth(size=8, idle=3), Dull, tmp_path / "a.jsonl", lambda line: None, WHO)
    with pytest.raises(StoreError, match="3 rounds in a row"):  # nor does it begin again for ever
        grow(SEEDS, Growth(size=8, idle=3), Dull, tmp_path / "a.jsonl", lambda line: None, WHO)


def test_t5_a_model_that_is_cut_off_needs_more_room(tmp_path: Path) -> None:
    class Endless(Writer):
        def answer(self, prompt: Prompt, number: int) -> Completion:
            return Completion(prompt, f"And so {number}", finish="length")

    with pytest.raises(StoreError, match=r"\(24 cut off\).* a larger --longest, and another --out"):
        grow(SEEDS, Growth(size=8, idle=3), Endless, tmp_path / "a.jsonl", lambda line: None, WHO)


def test_t6_what_a_choice_adds_by_hand() -> None:
    """Facility location: worth times how much better the rest is stood for; by hand over four items."""
    # likenesses: 0 and 1 are the same, 2 is half like both, 3 is like nothing
    half = math.sqrt(0.5)
    marks = csr_array(np.array([[1, 0, 0], [1, 0, 0], [half, half, 0], [0, 0, 1]]))
    even = [1.0] * 4
    # first adds: 2 + half, 2 + half, 1 + 2 half, 1; then of the rest 0, 1 - half, 1; then 0, 1 - half
    assert best_places(even, marks, 0.25) == [0]
    assert best_places(even, marks, 0.5) == [0, 3]
    assert best_places(even, marks, 0.75) == [0, 3, 2]
    # ranks 1/4, 2/4, 3/4, 1: 0.68, 1.35, 1.81, 1; then 0 adds .25 * 2 * (1 - half), 1 twice that, 3 adds 1
    assert best_places([1, 2, 3, 4], marks, 0.75) == [2, 3, 1]
    assert best_places([-5, 0, 5, 5], marks, 0.25) == [2]  # equals share the better rank
    assert len(best_places(even, marks, 1)) == 4 and len(best_places(even, marks, 0.001)) == 1
    for share in (0, 1.1):
        with pytest.raises(SettingsError, match="The share is"):
            best_places(even, marks, share)
    with pytest.raises(SettingsError, match="no demonstrations to choose from"):
        best_share([], [], 0.5)
    with pytest.raises(SettingsError, match="no number"):
        best_places([1, 2, math.nan, 3], marks, 0.5)


def test_t6_lazy_is_greedy() -> None:
    """Working out few figures anew takes what working out all of them takes."""
    some = [Demonstration(asked(of_words(place)), of_words(-place - 1)) for place in range(60)]
    marks, worth = marks_of(some), [float(hash_of(place)) for place in range(60)]
    like = (marks @ marks.T).toarray()
    assert np.allclose(like.diagonal(), 1)
    rank, stood, plain = ranks(worth), np.zeros(60), []
    for _ in range(12):
        adds = [0 if p in plain else rank[p] * np.maximum(like[p] - stood, 0).sum() for p in range(60)]
        plain.append(int(np.argmax(adds)))
        stood = np.maximum(stood, like[plain[-1]])
    assert best_places(worth, marks, 0.2) == plain
    kept = best_share(some, worth, 0.2)
    assert kept == [some[place] for place in sorted(plain)]


def hash_of(place: int) -> int:
    return place * 7919 % 61


@pytest.mark.slow
def test_t5_t6_with_the_bundled_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The whole way: a pool that the small model grows, then the share of it that is worth most."""
    seeds, out = tmp_path / "seeds.jsonl", tmp_path / "pool.jsonl"
    formats.write_demonstrations(seeds, SEEDS)
    words = ["make", "pool", str(seeds), "--out", str(out), "--size", "8", "--longest", "24", "--json"]
    assert main(words) == 0
    first = json.loads(capsys.readouterr().out)["make"]
    assert first["written"] == 8 and first["attempts"]["added"] == 5 and Path(first["record"]).is_file()
    text = out.read_text()
    assert main(words) == 0 and out.read_text() == text
    found = [(one.prompt, one.text) for one in formats.read_demonstrations(out).records[:3]]
    assert found == [(one.prompt, one.text) for one in SEEDS]
    capsys.readouterr()
    for by in ("coverage", "difficulty", "likelihood"):
        assert (
            main(
                [
                    "make",
                    "choice",
                    str(out),
                    "--out",
                    str(tmp_path / "c.jsonl"),
                    "--share",
                    "0.5",
                    "--by",
                    by,
                    "--json",
                ]
            )
            == 0
        )
        found = json.loads(capsys.readouterr().out)["make"]
        assert found["written"] == 4 and found["of"] == 8 and found["by"] == by
