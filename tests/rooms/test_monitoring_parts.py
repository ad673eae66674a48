"""What explain and the doctor look with: habits, overlap, contradictions, personal data; numbers by hand."""

import math

import pytest

from concord.monitoring.contradictions import Preference, agreement, preferences
from concord.monitoring.habits import leaning, leanings, marks, repeats, tied, within
from concord.monitoring.overlap import overlap
from concord.monitoring.personal import WORDS, found, is_card, is_iban, luhn, personal


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("1. Boil it. 2. Peel it.", 2),
        ("- one\n* two\n# three", 3),
        ("**Note** and **again**", 2),
        ("In 1999 it was 3.5 - no more", 1),
        ("plain words", 0),
    ],
)
def test_marks_of_form_are_counted(text: str, count: int) -> None:
    assert marks(text) == count


@pytest.mark.parametrize(
    ("text", "count"), [("a b a b a b", 3), ("a b c d", 0), ("the the the", 1), ("one", 0), ("", 0)]
)
def test_runs_that_come_again_are_counted(text: str, count: int) -> None:
    assert repeats(text) == count


def test_scores_lean_on_a_habit_within_a_prompt_and_not_between_prompts() -> None:
    """The second prompt's answers are all longer and score less; within each prompt the longer scores more.

    Taken together: sum of products 10 - 80, of squares 10 + 200 and 10 + 32.
    """
    lengths, scores, groups = [1, 2, 3, 4, 11, 12, 13, 14], [5, 6, 7, 8, 1, 2, 3, 4], [0] * 4 + [1] * 4
    assert within(lengths, groups).tolist() == [-1.5, -0.5, 0.5, 1.5] * 2
    assert leaning(lengths, scores, groups) == pytest.approx(1.0)
    assert leaning(lengths, scores, list(range(8))) == pytest.approx(-70 / math.sqrt(210 * 42))
    assert leaning([1] * 8, scores, groups) is None


def test_prompts_whose_answers_all_score_the_same_are_counted() -> None:
    assert tied([1, 1, 2, 3, 5], [0, 0, 1, 1, 2]) == {"tied": 0.5}  # a prompt with one answer does not count
    assert tied([1, 2], [0, 1]) == {}
    notes = leanings(["a b"] * 4 + ["a b c d"] * 4, [0.0] * 4 + [1.0] * 4, [0, 1, 2, 3] * 2)
    assert notes == {"lean.length": pytest.approx(1.0), "tied": 0.0}


def test_an_overlap_is_told_once_and_at_its_worst() -> None:
    judged = ["Where is it?", "where  IS it?", "Who is the baker of the old town by the river?", "Other"]
    near = "Who is the baker of the old town by the rivers?"
    found = overlap(judged, [near, "Where is it?", "Where is it?"])
    assert (found.exact, found.plain, found.near, found.judged) == (1, 1, 1, 4)
    assert found.examples == [(judged[0], judged[0]), (judged[1], judged[0]), (judged[2], near)]
    assert overlap(judged, [near], near=None).near == 0
    assert overlap([], ["a"]).judged == 0


def test_comparisons_that_come_again_are_held_against_each_other() -> None:
    one, turned = Preference("p", "a", "b", "ann"), Preference("p", "b", "a", "bob")
    found = agreement([one, one, turned, Preference("q", "a", "b")])
    assert (found.pairs, found.compared, found.again, found.opposed, found.turned) == (4, 2, 1, 1, 0)
    assert found.examples == [("p", "a", "b")]
    assert agreement([one, turned._replace(by="ann")]).turned == 1
    unnamed = agreement([one._replace(by=""), turned._replace(by="")])
    assert (unnamed.opposed, unnamed.turned) == (1, 0)  # nobody knows whether they are one person


def test_a_ranking_compares_each_two_texts_once() -> None:
    """a over b over a again: both ways within one list; the second b compares nothing new."""
    found = list(preferences("p", ["a", "b", "b", "a"], [[0], [1, 2], [3]]))
    assert [(one.better, one.worse) for one in found] == [("a", "b"), ("b", "a")]


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("write to a.b+c@mail.ruritania.com now", {"e-mail address"}),
        ("call +49 30 123 4567 today", {"telephone number"}),
        ("(030) 123 4567", {"telephone number"}),
        ("4111 1111 1111 1111", {"card number"}),
        ("4111 1111 1111 1112", set()),
        ("DE89 3704 0044 0532 0130 00", {"bank account"}),
        ("DE88 3704 0044 0532 0130 00", set()),
        ("123-45-6789", {"social security number"}),
        ("000-45-6789", {"telephone number"}),
        ("at 81.2.69.142", {"internet address"}),
        ("version 1.2.3 of 999.1.1.1, room 12, 7 to 9, 1,200 people", set()),
    ],
)
def test_personal_data_are_found_by_form_and_check(text: str, kinds: set[str]) -> None:
    assert {WORDS[sort] for sort, held in found(text).items() if held} == kinds


def test_check_digits_are_worked_out() -> None:
    assert luhn("79927398713") and not luhn("79927398710") and not is_card("0000000000000000")
    assert is_iban("GB82 WEST 1234 5698 7654 32") and not is_iban("GB82 WEST 1234 5698 7654 33")


def test_what_was_found_is_masked() -> None:
    seen = personal([("p1", "mail ann.smith@ruritania.org"), ("p2", "nothing")])
    assert seen.texts == 2 and seen.kinds == {"e-mail address": 1}
    assert seen.examples == ["p1: e-mail address ann.*******************"]
