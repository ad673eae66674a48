"""Alarms: each rule reads its note, counts rounds, rings once, and says what a person needs in order to look."""

import math
import re
from pathlib import Path
from typing import Any, get_args

import pytest
import torch

from concord.errors import SettingsError
from concord.runs import load
from concord.settings import Alarm, Learning, Watch
from concord.settings.watching import Rule
from concord.training import RULES, Alarms

SAID = [{"prompt": f"q{place}", "text": f"a{place}"} for place in range(5)]


class Round:
    """Whether a round is over is for the feed to say."""

    over = True


def alarms(asked: dict[str, Alarm] | None = None, limits: dict[str, float] | None = None) -> Alarms:
    return Alarms(asked or {}, lambda: True, lambda: SAID, limits or {})


def rung(rules: Alarms, *rounds: dict[str, Any]) -> list[tuple[str, int, int]]:
    """Rule, step and first step of every alarm after some rounds of a step each."""
    for number, notes in enumerate(rounds, start=1):
        rules(number, notes)
    return [(alarm["rule"], alarm["step"], alarm["first_step"]) for alarm in rules.raised]


def test_every_rule_that_a_recipe_can_name_has_a_place_in_the_table() -> None:
    assert list(RULES) == list(get_args(Rule))


def test_an_alarm_says_all_that_is_needed() -> None:
    rules = alarms(limits={"kl": 6.0})
    rules(4, {"kl": torch.tensor(7.5)})
    assert rules.raised == [
        {
            "step": 4,
            "rule": "drift",
            "value": 7.5,
            "limit": 6.0,
            "action": "warn",
            "first_step": 4,
            "samples": SAID[:3],
            "says": "screening signal: a completion has drifted by 7.5 nats",
        }
    ]


@pytest.mark.parametrize(
    ("rule", "note", "values"),
    [
        ("not-finite", "skipped", [0, 1]),
        ("drift", "kl", [9, 10, 10.1]),
        ("length", "length", [10, 20, 21, 21]),
        ("length", "length", [10, 5, 4, 4]),
        ("entropy", "surprise", [1.0, 0.5, 0.09, 0.09]),
        ("group-spread", "group_spread", [0.5, 0.06, 0.04, 0.04]),
        ("clipped", "clipped", [0.5, 0.6, 0.6]),
        ("critic", "explained", [0.3, 0.0, -0.1, -0.1, -0.1, -0.1, -0.1]),
        ("gradient", "grad_norm.policy", [0.0, 1.0, 2.0, 1.0, 19, 31]),
        ("mismatch", "moved", [0.0, 0.1, 0.11]),
        ("repetition", "repeated", [0.1, 0.31, 0.31]),
        ("sameness", "distinct", [0.8, 0.3, 0.2, 0.2]),
        ("truncated", "truncated", [0.3, 0.31, 0.4]),
        ("constant", "score_spread", [0.5, 0.0, 0.0]),
    ],
)
def test_each_rule_rings_at_its_last_value_and_not_before(rule: str, note: str, values: list[float]) -> None:
    """By hand: limits as in the table; length against the first 10, the gradient's 31 against the median 1.5."""
    rounds = [{note: value} for value in values]
    since = len(values) + 1 - RULES[rule].rounds
    assert rung(alarms(), *rounds[:-1]) == []
    assert rung(alarms(), *rounds) == [(rule, len(values), since)]


def test_it_rings_once_until_it_was_silent() -> None:
    """Beyond in rounds 2 to 4 and 6 to 7 of 2 needed: at 3, and again at 7."""
    rounds = [{"clipped": value} for value in (0.1, 0.6, 0.7, 0.8, 0.1, 0.6, 0.6)]
    assert rung(alarms(), *rounds) == [("clipped", 3, 2), ("clipped", 7, 6)]


def test_a_recipe_says_otherwise() -> None:
    asked = {
        "clipped": Alarm(limit=0.05, rounds=1, action="stop"),
        "drift": Alarm(action="roll-back"),
        "length": Alarm(action="off"),
    }
    rules = alarms(asked, {"kl": 6.0})
    assert rung(
        rules, {"clipped": 0.06, "length": 1.0}, {"clipped": 0.0, "kl": 6.5, "length": 90.0}, {"length": 90}
    ) == [
        ("clipped", 1, 1),
        ("drift", 2, 2),
    ]
    assert [alarm["action"] for alarm in rules.raised] == ["stop", "roll-back"]
    assert rules.handled() == {"clipped", "kl"}


def test_steps_of_a_round_become_one_value() -> None:
    """Two steps a round: the mean of what is clipped, the first of how far sampler and learner differ."""
    place = Round()
    rules = Alarms({}, lambda: place.over, lambda: [], {})
    for number, (clipped, moved) in enumerate([(0.4, 0.05), (0.8, 9.0), (0.3, 0.2), (0.9, 9.0)], start=1):
        place.over = number % 2 == 0
        rules(number, {"clipped": clipped, "moved": moved})
    assert [(alarm["rule"], alarm["step"], alarm["value"]) for alarm in rules.raised] == [
        ("clipped", 4, pytest.approx(0.6)),
        ("mismatch", 4, 0.2),
    ]


def test_nan_is_beyond_every_limit_and_a_refused_step_is_one_alarm() -> None:
    assert rung(alarms(), {"kl": math.nan}) == [("drift", 1, 1)]
    assert alarms_of({"kl": math.nan})["value"] == "NaN"
    refused = {"skipped": 1.0, "kl": math.nan, "grad_norm.policy": math.nan}
    assert rung(alarms(), {"grad_norm.policy": 1.0}, refused) == [("not-finite", 2, 2)]


def alarms_of(notes: dict[str, Any]) -> dict[str, Any]:
    rules = alarms()
    rules(1, notes)
    return rules.raised[0]


def test_going_on_is_the_same_as_never_having_stopped() -> None:
    rounds = [
        {"length": length, "clipped": clipped, "grad_norm.policy": norm}
        for length, clipped, norm in ((9, 0.6, 1), (30, 0.2, 2), (30, 0.7, 1.5), (31, 0.7, 90), (31, 0.1, 80))
    ]
    whole = alarms()
    rung(whole, *rounds)
    assert {alarm["rule"] for alarm in whole.raised} == {"length", "clipped", "gradient"}
    for cut in range(1, 5):
        first, second = alarms(), alarms()
        rung(first, *rounds[:cut])
        second.restore(first.state())
        for number, notes in enumerate(rounds[cut:], start=cut + 1):
            second(number, notes)
        assert second.raised == whole.raised and second.state() == whole.state()


def test_looks_are_needed_to_go_back_to() -> None:
    with pytest.raises(ValueError, match="rolls back to a look"):
        Watch(alarms={"drift": Alarm(action="roll-back")})
    with pytest.raises(ValueError, match="a judge is named"):
        Watch(judge="starter")
    assert Learning(watch=Watch(every=2, alarms={"drift": Alarm(action="roll-back")})).watch.every == 2


def test_a_recipe_names_rules_on_the_command_line_too(tmp_path: Path) -> None:
    recipe = tmp_path / "r.yaml"
    recipe.write_text("learning: {watch: {alarms: {drift: {limit: 3}}}}", encoding="utf-8")
    words = ["learning.watch.every=2", "learning.watch.alarms.group-spread.limit=0.2"]
    asked = load(
        recipe, [*words, "learning.watch.alarms.drift.action=roll-back"]
    ).recipe.learning.watch.alarms
    assert (asked["group-spread"].limit, asked["group-spread"].action) == (0.2, "warn")
    assert (asked["drift"].limit, asked["drift"].action) == (3.0, "roll-back")
    with pytest.raises(
        SettingsError, match=r"`learning\.watch\.alarms\.drift\.limits`.*Did you mean `limit`"
    ):
        load(recipe, ["learning.watch.alarms.drift.limits=3"])


def test_the_page_tells_every_rule_with_its_limit() -> None:
    page = (Path(__file__).parents[2] / "docs" / "watching.md").read_text(encoding="utf-8")
    for name, rule in RULES.items():
        row = re.search(rf"^\| `{name}` \| `{re.escape(rule.note)}` \|(.+)\|$", page, re.MULTILINE)
        assert row, name
        assert f" {rule.limit:g} " in row[1] and f" {rule.rounds} " in row[1], name
