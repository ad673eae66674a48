"""The doctor looks for everybody whom a recipe names, as a run does in its first second."""

import json
from pathlib import Path

import pytest
from tests.rooms import families
from tests.rooms.test_stages_doctor import of, said, sound, user
from transformers import AutoModelForCausalLM, GraniteConfig

from concord.cli.main import main


@pytest.mark.parametrize(
    ("asked", "where"),
    [
        ("base=nowhere", "base"),
        ("evaluate.judge=nowhere", "evaluate.judge"),
        ("evaluate.contestants={a: {folder: nowhere}}", "evaluate.contestants.a.folder"),
        ("rank={by: scorer, scorer: nowhere}", "rank.scorer"),
        ("learning.watch={every: 1, judge: nowhere}", "learning.watch.judge"),
        ("align={method: distill, teacher: nowhere}", "align.teacher"),
    ],
)
def test_a_model_that_is_not_there_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], asked: str, where: str
) -> None:
    recipe = sound(tmp_path)
    found = [one for one in of(said(recipe, asked), "model", "error") if one.where == where]
    assert (
        len(found) == 1
        and f"`{where}` is nowhere, but {tmp_path / 'nowhere'} is not a folder" in found[0].what
    )
    assert main(["doctor", str(recipe), asked, "--run", str(tmp_path / "run")]) == 4


def test_prompts_that_nobody_of_the_starter_world_knows_are_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = sound(tmp_path)
    (found,) = of(said(recipe, "evaluate.judge=starter"), "judge", "error")[:1]
    assert found.what.startswith("10 of 10 prompts are not of the starter world")
    assert len(found.examples) == 3 and "`evaluate.judge` is starter" in found.what
    assert main(["doctor", str(recipe), "evaluate.judge=starter", "--run", str(tmp_path / "run")]) == 7


def test_a_base_of_which_no_reward_model_can_be_made_is_told_beforehand(tmp_path: Path) -> None:
    recipe, words = sound(tmp_path), families.tokenizer("chatml")
    asked = {**families.SMALL, **families.HEADS, "vocab_size": len(words), "pad_token_id": None}
    AutoModelForCausalLM.from_config(GraniteConfig(**asked)).save_pretrained(str(tmp_path / "granite"))
    words.save_pretrained(str(tmp_path / "granite"))
    (found,) = of(said(recipe, "base=granite"), "model", "error")
    assert "family granite, of which transformers makes no classifier" in found.what
    assert not of(said(recipe, "base=starter"), "model", "error")


def test_a_template_that_refuses_a_dialogue_is_one_remark_beside_the_others(tmp_path: Path) -> None:
    """Two turns of the assistant in a row, which some families' templates do not allow."""
    turns = [("user", "hi"), ("assistant", "yes?"), ("assistant", "well?"), ("user", "Where is the mill?")]
    odd = {"messages": [{"role": role, "content": text} for role, text in turns]}
    recipe = sound(tmp_path, prompts=[user("Where is the shop?"), odd])
    words = families.tokenizer("gemma")
    alternate = (
        "{% for m in messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}"
        "{{ raise_exception('roles must alternate') }}{% endif %}{% endfor %}"
    )
    words.chat_template = alternate + families.GEMMA
    families.folder(tmp_path / "gemma", "gemma")
    words.save_pretrained(str(tmp_path / "gemma"))
    found = said(recipe, "base=gemma")
    (told,) = of(found, "template", "error")
    assert "roles must alternate" in told.what and "it refuses 1: " in told.what and "('hi')" in told.what
    assert of(found, "signal") or of(found, "arithmetic")
    json.dumps(told.lines())
