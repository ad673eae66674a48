"""YAML as the house reads it: of words two alone are truths, and where words are asked for nothing else is read."""

from pathlib import Path

import pytest

from concord.errors import SettingsError
from concord.runs import load
from concord.runs.lines import Place, read


def write(folder: Path, text: str) -> Path:
    """A recipe."""
    (folder / "r.yaml").write_text(text, encoding="utf-8")
    return folder / "r.yaml"


def test_a_word_is_no_truth_but_true_and_false(tmp_path: Path) -> None:
    """`off` is a setting's value, and `no` and `on` are words, as YAML 1.2 has it."""
    recipe = load(write(tmp_path, "learning: {watch: {fall: off, alarms: {drift: {action: off}}}}")).recipe
    assert recipe.learning.watch.fall == "off" and recipe.learning.watch.alarms["drift"].action == "off"
    assert load(write(tmp_path, "rank: {rankings: no}")).recipe.rank.rankings == "no"
    for word, truth in (("false", False), ("True", True)):
        assert load(write(tmp_path, f"rank: {{judge: {{screen: {word}}}}}")).recipe.rank.judge.screen is truth


def test_where_words_are_asked_for_numbers_and_truths_stay_as_they_are_written() -> None:
    text = "[yes, true, 007, 1e3, 12:30, '5', ~]"
    assert read(text, lambda line: Place(line, "x"), words=True).values == [
        *("yes", "true", "007", "1e3", "12:30", "5"),
        None,
    ]
    assert read(text, lambda line: Place(line, "x")).values[:2] == ["yes", True]


def told(recipe: Path, *overrides: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load(recipe, overrides)
    return [line.removeprefix(f"{recipe}:") for line in str(caught.value).splitlines()]


def test_items_of_a_list_are_counted_as_they_stand_though_one_could_not_be_read(tmp_path: Path) -> None:
    rules = "rank:\n  rules:\n    - .nan\n    - {method: length, most: 5}\n    - {method: lenght}\n"
    first, second = told(write(tmp_path, rules))
    assert first.startswith("3: `rank.rules.0` is .nan;")
    assert second.startswith("5: `rank.rules.2.method` is 'lenght'; methods are ")
    file, line = told(write(tmp_path, rules), "rank.rules=[{method: length}, {method: lenght}]")
    assert file == first and line.startswith("command line, 'rank.rules=[")
    assert "`rank.rules.1.method` is 'lenght'" in line


def test_a_method_that_a_section_does_not_have_is_an_unknown_setting(tmp_path: Path) -> None:
    first, second = told(write(tmp_path, "reward: {typo: 1}"), "reward.method=dpo")
    assert first.startswith("1: `reward.typo` is not a setting of Reward")
    assert second.startswith("command line, 'reward.method=dpo': `reward.method` is not a setting of Reward")
