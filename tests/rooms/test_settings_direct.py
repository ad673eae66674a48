"""Losses, divergences, references and teachers in a recipe: closed, named where they are wrong, part of the key."""

from pathlib import Path

import pytest

from concord.errors import SettingsError
from concord.runs import Run, load
from concord.settings import DPO, MPO, Plain
from concord.stages.demo import init
from concord.stages.plan import key, plan


def recipe(folder: Path, align: str) -> Path:
    path = folder / "recipe.yaml"
    path.write_text(f"rank: {{by: panel}}\nalign: {align}\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("align", "words"),
    [
        ("{method: dpo, loss: {method: robust, smoothing: 0.5}}", "`align.loss.smoothing` is 0.5"),
        ("{method: dpo, loss: {method: nca, smoothing: 0.1}}", "`align.loss.smoothing` is not a setting"),
        ("{method: dpo, loss: {method: siggmoid}}", "Did you mean `sigmoid`"),
        ("{method: dpo, reference: {method: renewed, evry: 3}}", "Did you mean `every`"),
        ("{method: dpo, divergence: {method: alpha, order: 1.0}}", "`align.divergence.order` is 1.0"),
        ("{method: orpo, beta: 0.1}", "`align.beta` is not a setting of ORPO"),
        ("{method: distill}", "`align.teacher`"),
    ],
)
def test_a_wrong_loss_is_named(tmp_path: Path, align: str, words: str) -> None:
    """With its place in the recipe, and the nearest right one; a setting of another loss is an error."""
    with pytest.raises(SettingsError, match=f"recipe.yaml:2: .*{words}"):
        load(recipe(tmp_path, align))


def test_a_loss_is_chosen_from_the_command_line_too(tmp_path: Path) -> None:
    """By its dotted name; the default is what DPO always was."""
    path = recipe(tmp_path, "{method: dpo}")
    align = load(path).recipe.align
    assert (
        isinstance(align, DPO) and align.loss == Plain(method="sigmoid") and align.reference.method == "fixed"
    )
    align = load(path, ["align.loss.method=mpo", "align.loss.quality=0.3", "align.nll=1"]).recipe.align
    assert isinstance(align, DPO) and align.loss == MPO(preference=0.8, quality=0.3) and align.nll == 1


def test_t8_another_teacher_makes_a_stage_anew(tmp_path: Path) -> None:
    """The teacher's folder is an input: what it holds is part of what a stage follows from."""
    init(tmp_path / "first")
    teacher = tmp_path / "first" / "teacher"
    teacher.mkdir()
    (teacher / "config.json").write_text("{}", encoding="utf-8")
    loaded = load(
        recipe(tmp_path / "first", "{method: distill, teacher: teacher}"), ["rivals.kto={method: kto}"]
    )
    tasks = {task.name: task for task in plan(loaded)}
    assert teacher in tasks["align"].files and teacher not in tasks["rivals/kto"].files

    class Done(Run):
        def finished(self, name: str) -> dict[str, str]:  # type: ignore[override]
            return {"key": name}

    run = Done(tmp_path / "run")
    before = {name: key(task, loaded, run) for name, task in tasks.items()}
    (teacher / "config.json").write_text('{"a": 1}', encoding="utf-8")
    after = {name: key(task, loaded, run) for name, task in tasks.items()}
    assert {name for name in tasks if before[name] != after[name]} == {"align"}
