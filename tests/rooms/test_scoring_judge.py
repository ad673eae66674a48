"""The AI judge: both orders, soft labels, hostile answers, verdicts that cannot be read."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.rooms import endpoint as mock
from tests.rooms.judges import answers, graded, judge, prompt

from concord.endpoints import Question, Reply
from concord.endpoints.chat import Token
from concord.endpoints.memory import Memory
from concord.errors import JudgeError, SettingsError
from concord.records import Completion, Prompt, Ranking
from concord.scoring import Judge, Ordered, Rubric
from concord.scoring.audit import audit
from concord.scoring.judge import Reading
from concord.scoring.ranked import by_points, by_scores
from concord.scoring.verdicts import chances, order
from concord.scoring.voices import Remembered, Spoken
from concord.scoring.wording import LETTERS
from concord.settings import Judging


@pytest.fixture
def there() -> Iterator[Any]:
    with mock.running() as endpoint:
        yield endpoint


@pytest.mark.parametrize("manner", ["pairs", "list", "points"])
def test_t29_an_honest_judge_gives_the_true_order(there: Any, manner: str) -> None:
    asker = judge(there, manner=manner, weight=0.5)
    ranking = asker.rank(prompt("p"), graded("p", 1, 3, 0, 2))
    assert ranking.tiers == ((1,), (3,), (0,), (2,))
    assert (ranking.by, ranking.source, ranking.weight) == ("judge:m", "ai", 0.5)
    assert len(there.heard) == {"pairs": 12, "list": 2, "points": 4}[manner]
    orders, shown = asker.settings.orders(4)
    assert (orders, shown) == (len(there.heard), {"pairs": 2, "list": 4, "points": 1}[manner])
    assert {body["max_tokens"] for body in there.heard} == {asker.settings.room(shown)}
    assert asker.settings.room(shown) == (16 if manner != "list" else 16 + 4 * 8)
    if manner != "points":
        assert ranking.chances == (
            (0, 1, 0.0), (0, 2, 1.0), (0, 3, 0.0), (1, 2, 1.0), (1, 3, 1.0), (2, 3, 0.0),
        )  # fmt: skip


def test_t29_chances_are_a_softmax_over_the_labels(there: Any) -> None:
    """A .6, B .2, others .2: .75 for A. Shown the other way round A .3, B .5: .625. Their mean is .6875."""
    said = {"one": ("A", {"A": 0.6, "B": 0.2, "C": 0.2}), "two": ("B", {"B": 0.5, "A": 0.3, "x": 0.2})}
    there.speak = lambda body: said[mock.shown(body)["A"]]
    ranking = judge(there).rank(prompt("p"), answers("p", "one", "two"))
    assert ranking.chances == ((0, 1, 0.6875),)
    assert ranking.tiers == ((0,), (1,))


def tops(**chances: float) -> tuple[tuple[str, float], ...]:
    return tuple((name, math.log(chance)) for name, chance in chances.items())


def test_t29_a_label_beyond_the_likeliest_tokens_gets_their_bound() -> None:
    reply = Reply("A", "stop", (Token("A", -0.1, tops(A=0.8, C=0.1)),))
    assert chances(reply, LETTERS, False) == pytest.approx({"A": 8 / 9, "B": 1 / 9})
    before = (Token("I like ", 0), Token("A", 0, tops(A=1)), Token(".\nVerdict:", 0))
    reasoned = Reply("I like A.\nVerdict: B", "stop", (*before, Token(" B", -1, tops(B=0.6, A=0.4))))
    assert chances(reasoned, LETTERS, True) == pytest.approx({"A": 0.4, "B": 0.6})
    assert chances(Reply("A", "stop", (Token("A", -0.1),)), LETTERS, False) == {"A": 1.0, "B": 0.0}


def test_the_chances_are_those_of_the_verdict_and_not_of_what_is_said_after_it() -> None:
    """At the verdict A has .9 and B .1; a later A, where B was likelier, is no verdict."""
    sure, unsure = tops(A=0.9, B=0.1), tops(A=0.15, B=0.75)
    said = (Token("Verdict:", 0), Token(" A", -0.1, sure), Token("\n\nB is shorter, yet ", 0))
    text = "Verdict: A\n\nB is shorter, yet A"
    whole = (*said, Token("A", -1.9, unsure), Token("<end>", 0))
    assert chances(Reply(text, "stop", whole), LETTERS, True) == pytest.approx({"A": 0.9, "B": 0.1})
    torn = (*said[:-1], Token("A", -1.9, unsure))  # nobody knows which of them is the verdict
    assert chances(Reply(text, "stop", torn), LETTERS, True) == {"A": 1.0, "B": 0.0}


@pytest.mark.parametrize(
    "text", ["", "AB", "Answer A is better", "C", "a", "A or B", "Verdict: C", "1", "{}"]
)
def test_t29_what_cannot_be_read_is_no_verdict(text: str) -> None:
    assert chances(Reply(text, "stop"), LETTERS, False) is None
    assert chances(Reply(f"{text}\nVerdict: maybe", "stop"), LETTERS, True) is None
    assert chances(Reply(text, "stop"), LETTERS, True) is None


@pytest.mark.parametrize(
    ("text", "tiers"),
    [
        ("2 > 1 = 3", [1, 0, 1]),
        ("3>2>1", [2, 1, 0]),
        ("1 = 2 = 3", [0, 0, 0]),
        ("2 > 1", None),
        ("2 > 1 > 1", None),
        ("1 > 2 > 4", None),
        ("first, second", None),
        ("1 > 2 > 3 > 4", None),
    ],
)
def test_an_order_names_each_answer_once(text: str, tiers: list[int] | None) -> None:
    assert order(Reply(text, "stop"), 3, False) == tiers


def test_t29_a_judge_that_always_says_a_ties_everything_and_is_told_to(there: Any) -> None:
    there.speak = lambda body: "A"
    asker = judge(there)
    ranking = asker.rank(prompt("p"), graded("p", 1, 3, 0, 2))
    assert ranking.tiers == ((0, 1, 2, 3),)
    assert {chance for _, _, chance in ranking.chances} == {0.5}
    card = audit(asker.heard, [ranking])
    assert card["position_consistency"]["value"] == 0
    assert card["first_share"]["value"] == 1
    assert card["comparisons"] == 6


def test_t29_an_unreadable_verdict_goes_back_to_the_queue_and_never_becomes_a_default(there: Any) -> None:
    said: list[int] = []

    def moody(body: dict[str, Any]) -> str:
        two = "about two." in body["messages"][-1]["content"]
        said.extend([1] if two else [])
        return "Both are lovely!" if two and len(said) < 3 else mock.honest(body)

    there.speak = moody
    asker = judge(there)
    lists = [graded(name, 0, 1) for name in ("two", "one", "three")]
    found = asker.rank_all(lists)
    assert [one.tiers if one else None for one in found] == [((1,), (0,))] * 3
    assert [(one.prompt.id, one.attempt, one.invalid) for one in asker.heard] == [
        ("two", 0, 2), ("one", 0, 0), ("three", 0, 0), ("two", 1, 0),
    ]  # fmt: skip
    card = audit(asker.heard, [one for one in found if one])
    assert (card["invalid_replies"], card["asked_again"], card["lists"], card["ranked"]) == (2, 1, 3, 3)

    there.speak = lambda body: "Both are lovely!"
    assert judge(there).rank_all(lists) == [None] * 3
    with pytest.raises(
        JudgeError, match="no verdict on the answers to prompt one that can be read, asked 3 times"
    ):
        judge(there).rank(prompt("one"), lists[1])
    with pytest.raises(JudgeError, match="gave 2 of 2 answers no readable mark"):
        judge(there).score(lists[0])


def test_t26_a_model_taken_off_the_shelf_is_a_scorer(there: Any) -> None:
    asker = judge(there, manner="points")
    assert asker.score(graded("p", 0, 4, 20)) == [1.0, 5.0, 9.0]
    there.speak = lambda body: ("5", {"5": 0.5, "7": 0.25, "9": 0.25})
    # bounded labels: the six digits that are not told get .25 each, as the least likely told one
    expected = (5 * 0.5 + 0.25 * (1 + 2 + 3 + 4 + 6 + 7 + 8 + 9)) / (0.5 + 0.25 * 8)
    assert asker.score(answers("q", "x")) == pytest.approx([expected])
    ranked = Ordered(asker, "marks", "ai").rank(prompt("q"), answers("q", "x", "y"))
    assert ranked.tiers == ((0, 1),)


def test_principles_are_drawn_by_seed_and_recorded(there: Any, tmp_path: Path) -> None:
    file = tmp_path / "constitution.txt"
    file.write_text("Be fair.\n\n" + "".join(f"- Principle {n}.\n" for n in range(8)), encoding="utf-8")
    rubric = Rubric.read(file)
    assert (rubric.opening, len(rubric.principles)) == ("Be fair.", 8)
    asker = judge(there, rubric, principles=3)
    for name in ("a", "b", "c"):
        asker.rank(prompt(name), graded(name, 0, 1))
    drawn = [one.principles for one in asker.heard]
    assert all(len(one) == 3 for one in drawn) and len(set(drawn)) > 1
    for one, body in zip(drawn, there.heard[::2], strict=True):
        told = body["messages"][0]["content"]
        assert [n for n in range(8) if f"Principle {n}." in told] == list(one)
    again = judge(there, rubric, principles=3)
    again.rank(prompt("b"), graded("b", 0, 1))
    assert again.heard[0].principles == drawn[1]
    with pytest.raises(SettingsError, match="is not there"):
        Rubric.read(tmp_path / "nowhere.txt")


def test_examples_of_other_prompts_are_shown_first(there: Any) -> None:
    shots = [Ranking(prompt(name), tuple(graded(name, 1, 0)), ((0,), (1,))) for name in ("x", "y", "z", "p")]
    judge(there, examples=shots).rank(prompt("p"), graded("p", 0, 1))
    turns = there.heard[0]["messages"]
    assert [one["role"] for one in turns] == ["system", *["user", "assistant"] * 3, "user"]
    assert [one["content"] for one in turns if one["role"] == "assistant"] == ["A", "B", "A"]
    assert "about p." not in "".join(one["content"] for one in turns[:-1])
    with pytest.raises(SettingsError, match="from which marks cannot be shown"):
        judge(there, examples=shots, manner="points")


def test_reasons_are_allowed_before_the_verdict(there: Any) -> None:
    there.speak = lambda body: f"Let me think. A is longer.\nVerdict: {mock.honest(body)}"
    ranking = judge(there, reasons=True).rank(prompt("p"), graded("p", 0, 2, 1))
    assert ranking.tiers == ((1,), (2,), (0,))
    assert there.heard[0]["max_tokens"] == 512


def test_any_sampler_can_be_a_judge() -> None:
    class Longest:
        """A sampler that likes long answers."""

        def sample(self, prompts: Sequence[Prompt], k: int) -> list[Completion]:
            said = []
            for one in prompts:
                texts = mock.shown({"messages": [{"content": one.messages[-1].content}]})
                said.append(Completion(one, max(texts, key=lambda name: len(texts[name]))))
            return said

    asker = Judge(Spoken(Longest()), "judge:local", Judging())
    assert asker.rank(prompt("p"), answers("p", "a", "aaa", "aa")).tiers == ((1,), (2,), (0,))
    card = audit(asker.heard, [], [])
    assert card["position_consistency"]["value"] == 1 and card["first_share"]["value"] == 0.5


def test_lists_have_bounds(there: Any) -> None:
    with pytest.raises(SettingsError, match="has 10 answers; lists are judged up to 9"):
        judge(there, manner="list").rank(prompt("p"), graded("p", *range(10)))
    assert not there.heard


def test_numbers_become_tiers() -> None:
    assert by_scores([1.0, 3.0, 1.0, 2.0]) == ((1,), (3,), (0, 2))
    assert by_scores([1.0, 3.0, 1.4, 2.0], tie=0.5) == ((1,), (3,), (0, 2))
    circle = [Reading(0, 1, 1, 1), Reading(1, 2, 1, 1), Reading(0, 2, 0, 0)]
    assert by_points(3, circle)[0] == ((0, 1, 2),)  # each beats one: nobody is above anybody
    assert by_points(2, [Reading(1, 0, 0.9, 0.7)]) == (((1,), (0,)), ((0, 1, 0.2),))
    assert by_points(2, [Reading(0, 1, 0.6, 0.55)], tie=0.1) == (((0, 1),), ((0, 1, 0.575),))
    assert Reading(0, 1, 0.9, 0.4).outcome == 0.5


def test_what_a_voice_said_is_remembered_and_not_asked_again(tmp_path: Path) -> None:
    asked: list[int] = []

    class Sure:
        """Gives labels with their probabilities, and counts its questions."""

        def ask(self, questions: Sequence[Question], labels: Sequence[str]) -> list[Reply]:
            asked.append(len(questions))
            tops = ((labels[0], -0.1), (labels[1], -2.4))
            return [Reply(labels[0], "stop", (Token(labels[0], -0.1, tops),)) for _ in questions]

    def judged(of: str, *names: str) -> list[Ranking | None]:
        voice = Remembered(Sure(), Memory(tmp_path / "said.jsonl"), of)
        return Judge(voice, "judge:local", Judging()).rank_all([graded(name, 0, 1) for name in names])

    first = judged("one", "a")
    assert judged("one", "a", "b")[0] == first[0] and first[0] is not None and first[0].tiers == ((0, 1),)
    assert asked == [2, 2]  # both orders of a, then of b alone
    judged("another", "a")
    assert asked == [2, 2, 2]
