"""Rules as a scorer: right results, forms and words, and regular expressions that cannot hold anybody up."""

import time
from fractions import Fraction
from typing import Any

import pytest
from pydantic import TypeAdapter

from concord.errors import RecordError, SettingsError
from concord.records import Completion, Demonstration, Message, Prompt
from concord.scoring import RULES, Ordered, right_results, rules
from concord.scoring.rules import number
from concord.scoring.searching import Searcher
from concord.settings.judging import Rule

ASKED = Prompt((Message("user", "What is 6 * 7?"),), "p")


def scores(texts: list[str], *asked: dict[str, Any], right: dict[str, str] | None = None) -> list[float]:
    """The scores of some answers by some rules."""
    made = [TypeAdapter(Rule).validate_python(one) for one in asked]
    return rules(made, lambda name: right or {}).score([Completion(ASKED, text) for text in texts])


def test_every_rule_of_the_settings_is_in_the_table() -> None:
    kinds = Rule.__value__ if hasattr(Rule, "__value__") else Rule
    named = {one.model_fields["method"].default for one in kinds.__origin__.__args__}
    assert named == set(RULES)


def test_worths_of_kept_rules_add_up() -> None:
    texts = ["Sure: 42.", "no", "Sure, a very long answer indeed", ""]
    asked = (
        {"method": "matches", "pattern": r"\d+", "worth": 2},
        {"method": "length", "most": 3, "least": 1, "worth": 0.5},
        {"method": "contains", "every": ["SURE"], "none": ["long"], "worth": -1},
    )
    assert scores(texts, *asked) == [1.5, 0.5, 0.0, 0.0]


def test_a_pattern_may_be_forbidden_or_cover_the_whole() -> None:
    assert scores(["a1", "a"], {"method": "matches", "pattern": r"\d", "wanted": False}) == [0, 1]
    assert scores(["12", "12 "], {"method": "matches", "pattern": r"\d+", "whole": True}) == [1, 0]
    with pytest.raises(SettingsError, match=r"'\(' is no regular expression"):
        scores(["a"], {"method": "matches", "pattern": "("})


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("so it is 42", 42),
        ("3 then 1,234.50", Fraction("1234.5")),
        ("minus: -0.5", Fraction(-1, 2)),
        ("1/3", Fraction(1, 3)),
        ("2e3", 2000),
        (".25", Fraction(1, 4)),
        ("1/0", None),
        ("none", None),
        ("from 3-5", 5),
        ("x = -5", -5),
        ("9" * 100_000, None),
        ("1e" + "9" * 50, None),
        ("1 " * 100_000, 1),
    ],
)
def test_t30_the_last_number_is_read_exactly_and_never_slowly(text: str, value: Any) -> None:
    begin = time.perf_counter()
    assert number(text) == value
    assert time.perf_counter() - begin < 0.5


def test_t30_a_right_result_is_worth_its_reward() -> None:
    right = {"p": "The answer is 42"}
    asked = {"method": "answer", "answers": "a.jsonl", "kind": "number"}
    assert scores(["6 * 7 = 42.0", "it is 41", "42 or 43", "x"], asked, right=right) == [1, 0, 0, 0]
    marked = asked | {"after": "####"}
    assert scores(["43 #### 42", "42"], marked, right=right) == [1, 0]
    assert scores(["42.4", "42.6"], asked | {"tolerance": 0.5}, right=right) == [1, 0]
    exact = {"method": "answer", "answers": "a.jsonl"}
    assert scores([" the  answer IS 42. ", "42"], exact, right=right) == [1, 0]
    with pytest.raises(RecordError, match=r"a\.jsonl has no right result for prompt p"):
        scores(["42"], asked, right={"q": "1"})


def test_a_minus_sign_is_one_however_it_is_written() -> None:
    assert number("x = \N{MINUS SIGN}5") == number("x = -5") == Fraction(-5)


def test_a_right_result_without_a_number_is_refused_and_not_a_reward_of_nothing() -> None:
    asked = {"method": "answer", "answers": "a.jsonl", "kind": "number"}
    with pytest.raises(RecordError, match=r"a\.jsonl: the right result for prompt p is 'forty-two'"):
        scores(["42"], asked, right={"p": "forty-two"})


def test_right_results_come_from_demonstrations_and_do_not_contradict() -> None:
    shown = [Demonstration(ASKED, "42"), Demonstration(ASKED, "42")]
    assert right_results(shown, "f") == {"p": "42"}
    with pytest.raises(RecordError, match="f gives prompt p two right results"):
        right_results([*shown, Demonstration(ASKED, "43")], "f")


def test_json_is_json() -> None:
    texts = ['{"a": 1, "b": [2]}', '{"a": 1}', "[1]", "{'a': 1}", '{"a": NaN, "b": 1}', "[" * 5000, "5 {}"]
    assert scores(texts, {"method": "json"}) == [1, 1, 1, 0, 0, 0, 0]
    assert scores(texts, {"method": "json", "keys": ["a", "b"]}) == [1, 0, 0, 0, 0, 0, 0]


@pytest.mark.slow
def test_s18_a_search_without_end_is_killed_counted_and_goes_on() -> None:
    asked = {"method": "matches", "pattern": r"(a+)+$", "seconds": 0.3}
    made = rules([TypeAdapter(Rule).validate_python(asked)], lambda name: {})
    begin = time.monotonic()
    found = made.score([Completion(ASKED, text) for text in ("aaa", "a" * 40 + "!", "bca", "a" * 40 + "!")])
    assert found == [1.0, 0.0, 1.0, 0.0]
    assert time.monotonic() - begin < 4
    assert made.unfinished == {"1 (matches)": 2}


def test_s18_a_search_takes_long_texts_and_leaves_no_process_behind() -> None:
    searcher = Searcher()
    assert searcher.search("z$", "a\n" * 400_000 + "z", False, 5) is True
    process = searcher._process
    assert process is not None and process.poll() is None
    assert searcher.search("(x+x+)+y", "x" * 40, False, 0.1) is None
    assert process.poll() is not None and searcher.killed == 1
    assert searcher.search("a", "b", False, 5) is False
    again = searcher._process
    searcher.close()
    assert again is not None and again.poll() is not None


def test_impossible_rules_are_refused() -> None:
    with pytest.raises(SettingsError, match="at least 5 and at most 3 cannot be"):
        scores(["a"], {"method": "length", "least": 5, "most": 3})
    with pytest.raises(SettingsError, match="no rules to score by"):
        scores(["a"])


def test_rules_rank() -> None:
    made = rules([TypeAdapter(Rule).validate_python({"method": "length", "most": 2})], lambda name: {})
    ranking = Ordered(made, "rules", "rule").rank(ASKED, [Completion(ASKED, t) for t in ("a b c", "a", "b")])
    assert (ranking.tiers, ranking.source, ranking.by) == (((1, 2), (0,)), "rule", "rules")
