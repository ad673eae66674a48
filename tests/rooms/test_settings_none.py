"""The word none in a recipe: none wherever a setting may be none, and a word elsewhere."""

from pathlib import Path

import pytest

from concord.errors import SettingsError
from concord.runs import load


def test_none_is_none_where_a_setting_may_be_none(tmp_path: Path) -> None:
    """As the page of settings writes it; numbers, texts, and a section's own keys."""
    recipe = tmp_path / "r.yaml"
    recipe.write_text(
        "sft: {general: none}\ngate: {reward: {accuracy: none, shorter: null}}\nevaluate: {system: none}\n",
        "utf-8",
    )
    read = load(recipe, ["learning.watch.judge=none", "gate.reward.ece=none"]).recipe
    assert read.sft.general is None and read.learning.watch.judge is None
    limits = read.gate.reward
    assert (limits.accuracy, limits.shorter, limits.ece) == (None, None, None)
    assert limits.identity == 1.0 and read.evaluate.system == "none"


def test_none_is_no_number_where_there_must_be_one(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text("align: {kl: none}\n", "utf-8")
    with pytest.raises(SettingsError, match=r"`align.kl` is 'none'"):
        load(tmp_path / "r.yaml")
