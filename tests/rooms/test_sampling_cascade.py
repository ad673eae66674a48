"""Samplers of samplers: a cascade saves large calls, a vote outvotes (T9); how varied a list is (T31); PGR (T8)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from concord.errors import RecordError
from concord.evaluation import best_of_n
from concord.evaluation.weak_to_strong import recovered, told
from concord.maths.statistics import distinct
from concord.records import Completion, Message, Prompt
from concord.sampling import Cascade, Vote

PROMPTS = [Prompt((Message("user", str(number)),), str(number)) for number in range(10)]


@dataclass
class Knows:
    """Answers the numbers below a bound right and surely, the rest wrong and unsurely."""

    bound: int
    asked: int = 0

    def sample(self, prompts: Sequence[Prompt], k: int) -> list[Completion]:
        self.asked += len(prompts)
        return [
            Completion(
                prompt,
                f"{prompt.id}!" if int(prompt.id) < self.bound else "?",
                logprobs=(math.log(0.9),) * 3
                if int(prompt.id) < self.bound
                else (math.log(0.9), math.log(0.1)),
            )
            for prompt in prompts
            for _ in range(k)
        ]


@dataclass
class Says:
    """Gives its answers in turn."""

    texts: Sequence[str]

    def sample(self, prompts: Sequence[Prompt], k: int) -> list[Completion]:
        return [Completion(prompt, self.texts[place]) for prompt in prompts for place in range(k)]


def right(said: Sequence[Completion]) -> int:
    return sum(one.text == f"{one.prompt.id}!" for one in said)


def test_t9_a_cascade_saves_large_calls_at_equal_quality() -> None:
    """The small one knows 7 of 10: 70 % of the large calls are saved, every answer is right, all in their order."""
    small, large = Knows(7), Knows(10)
    cascade = Cascade(small, large, sure=0.5)
    said = cascade.sample(PROMPTS, 2)
    assert [one.prompt.id for one in said] == [prompt.id for prompt in PROMPTS for _ in range(2)]
    assert right(said) == 20 and right(Knows(7).sample(PROMPTS, 2)) == 14
    assert (small.asked, large.asked, cascade.asked, cascade.passed_on) == (10, 3, 10, 3)
    cascade.sample(PROMPTS[:7], 1)
    assert (large.asked, cascade.asked, cascade.passed_on) == (3, 17, 3)


def test_t9_confidence_is_the_mean_probability() -> None:
    """sqrt(.9 x .1) = .3: beside a bound of .3 both sides are seen; none noted down is refused."""
    for sure, passed in ((0.29, 0), (0.31, 3)):
        cascade = Cascade(Knows(7), Knows(10), sure)
        cascade.sample(PROMPTS, 1)
        assert cascade.passed_on == passed
    with pytest.raises(RecordError, match="comes without log-probabilities"):
        Cascade(Says(["a"]), Knows(10), 0.5).sample(PROMPTS[:1], 1)


def test_t9_the_majority_stands() -> None:
    """Two of three say b; with two voices once each, the first said stands; k answers vote apart."""
    assert [one.text for one in Vote([Says(["a", "b", "b "])], 3).sample(PROMPTS[:2], 1)] == ["b", "b"]
    assert [one.text for one in Vote([Says("x"), Says("y")]).sample(PROMPTS[:1], 1)] == ["x"]
    assert [one.text for one in Vote([Says("x"), Says("y"), Says("y")]).sample(PROMPTS[:1], 1)] == ["y"]
    assert [one.text for one in Vote([Says("aabccb")], 3).sample(PROMPTS[:1], 2)] == ["a", "c"]


def test_t31_how_varied_a_list_is() -> None:
    """Runs of two words: "a b", "b a" of "a b a", and "a b" again: two of three differ; the curve tells the mean."""
    assert distinct(["a b a", "a b"], 2) == pytest.approx(2 / 3)
    assert distinct(["a b a", "a b"], 1) == pytest.approx(2 / 5)
    assert math.isnan(distinct(["a", ""], 2))
    one = {"prompt_id": "p", "proxy": [1.0, 2.0], "gold": [1.0, 2.0], "texts": ["a b a", "a b"]}
    other = {"prompt_id": "q", "proxy": [1.0, 2.0], "gold": [1.0, 2.0], "texts": ["a b", "c d"]}
    found = best_of_n([one, other])
    assert found is not None and found["distinct"]["value"] == pytest.approx((2 / 3 + 1) / 2)
    # T31: with its bound on drift, and a reward that never falls with n
    assert [point["kl"] for point in found["points"]] == pytest.approx([0.0, math.log(2) - 0.5])
    assert found["points"][0]["proxy"]["value"] < found["points"][1]["proxy"]["value"]


def test_t8_performance_gap_recovered() -> None:
    """From judged answers: weak 1, student 2.5, ceiling 3 on average make .75."""
    marks = {"weak": (0.5, 1.5), "student": (2.0, 3.0), "ceiling": (3.0, 3.0)}
    rows = [
        {"policy": name, "temperature": 0.7, "prompt_id": f"p{place}", "gold": gold}
        for name, golds in marks.items()
        for place, gold in enumerate(golds)
    ]
    found = recovered(rows, "weak", "student", "ceiling", 0.7)
    assert found["value"] == pytest.approx(0.75) and found["n"] == 2
    # without p0: 1.5 of 1.5; without p1: 1.5 of 2.5. The jackknife's error is .2, t of one degree 12.7062
    assert (found["low"], found["high"]) == pytest.approx(
        (0.75 - 12.7062 * 0.2, 0.75 + 12.7062 * 0.2), abs=1e-3
    )
    assert told(found).startswith("performance gap recovered: 0.750 [")
    with pytest.raises(RecordError, match="no gap to recover"):
        recovered(rows, "ceiling", "student", "weak", 0.7)
    with pytest.raises(RecordError, match="The policies are weak, student, ceiling"):
        recovered(rows, "weak", "student", "strong", 0.7)
