"""What stands under names of one's own: criteria and acceptances of the gate, alarms of the watch."""

from pathlib import Path

import pytest

from concord.errors import SettingsError
from concord.runs import load
from concord.settings import Accepted, Criterion

RECIPE = """\
gate:
  at_least: {harm.refused: 0.9}
  criteria:
    refusals: {metric: refused, kind: harm, not_below: reference, margin: 0.02}
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "r.yaml"
    path.write_text(RECIPE, encoding="utf-8")
    return path


def test_names_with_dots_can_be_reached_from_the_command_line(recipe: Path) -> None:
    words = [
        "gate.accept.harm.refused.by= Ada ",
        "gate.accept.harm.refused.reason=a filter, for now",
        "gate.criteria.refusals.margin=0.05",
        "gate.criteria.new.metric=suites.privacy.leaked",
        "gate.criteria.new.at_most=0.1",
    ]
    gate = load(recipe, words).recipe.gate
    assert gate.accept == {"harm.refused": Accepted(by="Ada", reason="a filter, for now")}
    assert gate.criteria["refusals"].margin == 0.05
    assert gate.criteria["new"] == Criterion(metric="suites.privacy.leaked", at_most=0.1)
    assert gate.names() == ("win_rate", "kl", "harm.refused", "refusals", "new")


@pytest.mark.parametrize(
    ("word", "told"),
    [
        (
            "gate.accept={refusal: {by: Ada, reason: x}}",
            "there is no criterion refusal; the nearest is refusals",
        ),
        ("gate.accept={zzz: {by: Ada, reason: x}}", "there are win_rate, kl, harm.refused, refusals"),
        (
            "gate.accept={kl: {by: Ada, reason: '  '}}",
            "`gate.accept.kl.reason` is '  '; string should have at least 1",
        ),
        ("gate.accept={kl: {by: Ada}}", "`gate.accept.kl.reason`"),
        ("gate.criteria.refusals.at_least=0.5", "has one limit, at_least and not_below are given"),
        ("gate.criteria={x: {metric: ok}}", "has one limit, none is given; give one of at_least, at_most"),
        (
            "gate.criteria={x: {metric: ok, at_least: 1, margin: 0.1}}",
            "a margin belongs to not_below or not_above",
        ),
        ("gate.criteria={kl: {metric: kl, at_most: 1}}", "kl is asked for already under that name"),
        ("gate.criteria.refusals.not_below=release", "so `gate.against` must name its run"),
        (
            "gate.criteria.refusals.not_below=sft",
            "`gate.criteria.refusals.not_below` is 'sft'; input should be",
        ),
        ("gate.criteria={x: {metrik: ok, at_most: 1}}", "Did you mean `metric`?"),
    ],
)
def test_what_cannot_be_asked_is_told_with_a_way_out(recipe: Path, word: str, told: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(recipe, [word])
    assert told in str(caught.value)


def test_alarms_can_be_reached_by_their_names(recipe: Path) -> None:
    recipe.write_text("learning: {watch: {alarms: {drift: {limit: 3}}}}\n", encoding="utf-8")
    words = ["learning.watch.every=2", "learning.watch.alarms.group-spread.limit=0.2"]
    words += ["learning.watch.alarms.drift.action=roll-back"]
    alarms = load(recipe, words).recipe.learning.watch.alarms
    assert (alarms["group-spread"].limit, alarms["group-spread"].action) == (0.2, "warn")
    assert (alarms["drift"].limit, alarms["drift"].action) == (3.0, "roll-back")
    with pytest.raises(SettingsError, match="Did you mean `limit`") as told:
        load(recipe, ["learning.watch.alarms.drift.limits=3"])
    assert "`learning.watch.alarms.drift.limits`" in str(told.value)
