"""The next round: what its recipe says, and what it refuses."""

from pathlib import Path

import pytest
import yaml

from concord.cli.main import main
from concord.errors import StoreError
from concord.records import manifest
from concord.records.files import write_json, write_text
from concord.runs import load
from concord.runs.recipe import resolved
from concord.runs.round import made, next_round, numbered, spoken
from concord.settings import GRPO, Recipe, SimPO


def a_run(folder: Path, recipe: str, *overrides: str) -> Path:
    """A run folder as far as the next round looks at it."""
    origin, run = folder / "data" / "recipe.yaml", folder / "runs" / "first"
    write_text(origin, recipe)
    loaded = load(origin, overrides)
    for name in ("rank", "align"):
        write_text(run / name / "something", name)
        manifest.seal(run / name, {"key": name})
    write_json(run / "run.json", {"recipe": str(origin)})
    write_text(run / "resolved.yaml", resolved(loaded.recipe))
    return run


@pytest.mark.parametrize("base", ["starter", "models/ours", "../runs/zeroth/align/model"])
def test_the_next_round_begins_where_the_last_one_ended(base: str, tmp_path: Path) -> None:
    """Not where the last one began, whatever that was: the round before it, or a model of one's own."""
    text = f"base: {base}\n"
    text += "sft: {epochs: 5}\nrank: {by: panel}\nalign: {method: grpo}\nrivals: {d: {method: dpo}}\n"
    run = a_run(tmp_path, text, "seed=7", "align.kl=0.3")
    found = next_round(run)
    assert found.path == tmp_path / "data" / "recipe-2.yaml"
    assert yaml.safe_load(found.path.read_text(encoding="utf-8")) == {
        "base": "../runs/first/align/model",
        "rank": {"by": "panel", "rankings": "../runs/first/rank/rankings.jsonl"},
        "align": {"method": "grpo", "kl": 0.3},
        "seed": 8,
        "sft": {"epochs": 0},
    }
    recipe = load(found.path).recipe
    assert isinstance(recipe.align, GRPO) and recipe.align.kl == 0.3 and not recipe.rivals
    assert not found.notes


def test_after_a_file_of_rankings_people_are_asked(tmp_path: Path) -> None:
    run = a_run(tmp_path, "rank: {rankings: ranked.jsonl}\n")
    found = next_round(run, tmp_path / "data" / "again.yaml")
    recipe = load(found.path).recipe
    assert recipe.rank.by == "people" and recipe.rank.rankings == "../runs/first/rank/rankings.jsonl"
    assert len(found.notes) == 1 and "people are asked" in found.notes[0]


def test_nothing_is_written_over_and_nothing_half_done_is_gone_on_from(tmp_path: Path) -> None:
    run = a_run(tmp_path, "rank: {by: panel}\n")
    next_round(run)
    with pytest.raises(StoreError, match=r"recipe-2\.yaml exists already"):
        next_round(run)
    (run / "align" / "something").write_text("other", encoding="utf-8")
    with pytest.raises(StoreError, match=r"finish .*first"):
        next_round(run, tmp_path / "data" / "third.yaml")
    (tmp_path / "data" / "recipe.yaml").unlink()
    with pytest.raises(StoreError, match="not there any more"):
        made(run)
    with pytest.raises(StoreError, match="not a run folder"):
        made(tmp_path)


def test_the_next_recipe_stands_where_its_file_names_count_from(tmp_path: Path) -> None:
    run = a_run(tmp_path, "rank: {by: panel}\n")
    (tmp_path / "else").mkdir()
    with pytest.raises(StoreError, match="file names in a recipe count from its own"):
        next_round(run, tmp_path / "else" / "two.yaml")
    assert not list((tmp_path / "else").iterdir())


def test_demonstrations_that_are_shown_in_context_are_not_forgotten(tmp_path: Path) -> None:
    text = "rank: {by: panel}\nsft: {demonstrations: mine.jsonl, epochs: 5}\nevaluate: {in_context: 2}\n"
    recipe = load(next_round(a_run(tmp_path, text)).path).recipe
    assert (recipe.sft.demonstrations, recipe.sft.epochs, recipe.evaluate.in_context) == ("mine.jsonl", 0, 2)


def test_recipes_are_numbered() -> None:
    names = ("a/recipe.yaml", "a/recipe-2.yaml", "b/gpt-9.yml")
    assert [str(numbered(Path(name))) for name in names] == [
        "a/recipe-2.yaml",
        "a/recipe-3.yaml",
        "b/gpt-10.yml",
    ]


def test_a_recipe_is_spoken_by_what_differs_from_the_defaults() -> None:
    assert spoken(Recipe()) == {}
    recipe = Recipe.model_validate(
        {"align": {"method": "simpo"}, "gate": {"at_least": {"harm.refused": 0.9}}}
    )
    assert isinstance(recipe.align, SimPO)
    assert spoken(recipe) == {"align": {"method": "simpo"}, "gate": {"at_least": {"harm.refused": 0.9}}}
    for whole in (recipe, Recipe.model_validate({"align": {"method": "ppo", "loss": {"form": "dual-clip"}}})):
        assert Recipe.model_validate(spoken(whole)) == whole


def test_the_verb_says_what_to_give_next(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = a_run(tmp_path, "rank: {by: panel}\n")
    assert main(["next", str(run)]) == 0
    told = capsys.readouterr().out
    assert "recipe-2.yaml" in told and "concord run" in told
    assert main(["next", str(tmp_path / "none")]) == StoreError.exit_code
