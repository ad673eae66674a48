"""YAML as the house reads it: of words two alone are truths, and where words are asked for nothing else is read."""

from pathlib import Path

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
