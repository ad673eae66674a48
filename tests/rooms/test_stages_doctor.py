"""The doctor of recipes: each fault that is planted is told, with where and what to do; a sound recipe has no error."""

import json
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from concord.cli.main import main
from concord.monitoring.remark import Remark
from concord.records import Message, Prompt
from concord.runs import Run, load
from concord.scoring import Rubric
from concord.scoring.wording import dialogue
from concord.stages.doctor import checkup
from concord.stages.plan import bundled

RECIPE = "rank: {by: file, rankings: data/rankings.jsonl}\nevaluate: {judge: other}\n"
LONG = " ".join(["the mill"] * 200)


def user(text: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}]}


def rows(folder: Path, name: str, some: Sequence[Any]) -> None:
    (folder / "data" / f"{name}.jsonl").write_text(
        "".join(json.dumps(row) + "\n" for row in some), encoding="utf-8"
    )


def ranking(prompt: str, *texts: str, by: str = "ann", **more: Any) -> dict[str, Any]:
    """A ranking of answers, the best first; `more` may change it."""
    tiers = [[place] for place in range(len(texts))]
    return {
        "prompt": user(prompt),
        "completions": [{"text": text} for text in texts],
        "tiers": tiers,
        "by": by,
    } | more


def sound(folder: Path, **files: Sequence[Any]) -> Path:
    """A recipe with sound data, but for the files that are given."""
    (folder / "data").mkdir(parents=True)
    (folder / "other").mkdir()
    (folder / "other" / "config.json").write_text("{}", encoding="utf-8")
    (folder / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
    spelled = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
    data: Mapping[str, Sequence[Any]] = {
        "prompts": [user(f"Where is the shop of {name}?") for name in spelled],
        "demonstrations": [
            {"prompt": user(f"Who is {name}?"), "completion": f"A {name}."} for name in spelled * 4
        ],
        "rankings": [
            ranking(f"Where is the shop of {name}?", f"By the {name} mill.", f"I say {name} no.")
            for name in spelled
        ],
        "held_out": [user(f"When does the baker called {name} wake?") for name in spelled],
    }
    for name, some in {**data, **files}.items():
        rows(folder, name, some)
    return folder / "recipe.yaml"


def said(recipe: Path, *overrides: str) -> list[Remark]:
    return checkup(load(recipe, overrides), Run(recipe.parent / "run"))


def of(remarks: Sequence[Remark], check: str, *levels: str) -> list[Remark]:
    return [one for one in remarks if one.check == check and (not levels or one.level in levels)]


def model(folder: Path, change: Any) -> str:
    """A copy of the bundled model with another chat template."""
    shutil.copytree(bundled(), folder)
    file = folder / "chat_template.jinja"
    file.write_text(change(file.read_text(encoding="utf-8")), encoding="utf-8")
    return str(folder)


def test_a_sound_recipe_has_no_error_and_tells_what_it_will_cost(tmp_path: Path) -> None:
    found = said(sound(tmp_path))
    assert not [one for one in found if one.level == "error"], found
    told = {one.what.partition(":")[0] for one in of(found, "cost")}
    assert {"sft", "sample", "reward", "align"} <= told


def test_what_ai_judges_will_be_asked_is_told(tmp_path: Path) -> None:
    """10 prompts, lists of 4: 2 questions each. Base, PPO and best-of-8 meet SFT on 10 prompts at 2 temperatures."""
    recipe = sound(tmp_path)
    endpoint = {"url": "http://127.0.0.1:9/v1", "model": "m", "price_read": 1e6, "price_said": 2e6}
    ranks = f"rank={{by: judge, judge: {{model: {bundled()}, manner: list}}}}"
    found = said(recipe, ranks, "sample.k=4", f"evaluate.judge={{endpoint: {json.dumps(endpoint)}}}")
    first, second = [one.what for one in of(found, "arithmetic") if ".judge" in one.what]
    assert "at most 10 lists of 4 answers are shown to " in first and ", 20 questions, " in first
    assert second.startswith("evaluate.judge: at most 60 lists of 2 answers are shown to m, 120 questions, ")
    figures = re.findall(r"([0-9,.]+) (?:tokens|to say|by the)", second.replace(",", ""))
    read, spoken, cost = map(float, figures)
    assert (spoken, cost) == (120 * 16, pytest.approx(read + 2 * spoken, abs=1))
    prompt = Prompt((Message("user", "When does the baker called one wake?"),))
    question = dialogue("pairs", prompt, ["A one.", "A two."], Rubric().text(()), False)
    really = 120 * sum(len(turn.content) for turn in question) / 4
    assert really / 2 < read < really * 2


def test_lengths_are_kept_or_dropped_with_examples(tmp_path: Path) -> None:
    shown = [{"prompt": user("Who is one?"), "completion": text} for text in ("A man.", LONG)]
    found = of(said(sound(tmp_path, demonstrations=shown)), "lengths", "warning")
    assert found[0].what.startswith("1 of 2 rows ")
    assert "longer than the context of 256 tokens" in found[0].what and "tokens" in found[0].examples[0]
    assert "longer than `sample.longest` = 64" in found[1].what  # and it could not be said whole either


def test_a_prompt_that_leaves_no_room_is_an_error(tmp_path: Path) -> None:
    found = of(said(sound(tmp_path, prompts=[user(LONG), user("Where?")])), "lengths", "error")
    assert found[0].what.startswith("1 of 2 prompts leave less than 64 tokens")


@pytest.mark.parametrize(
    ("planted", "why"),
    [
        (ranking("Where?", "Here.", "There.", tiers=[[0, 1]]), "all tied"),
        (ranking("Where?", "Here.", "There.", "Here."), "equal texts"),
        (ranking("Where?", "Here it is.", "here  IT is."), "equal but for case and spacing"),
        (ranking("Where?", f"{LONG} left", f"{LONG} right"), "equal up to the context"),
    ],
)
def test_rankings_without_signal_are_told(tmp_path: Path, planted: Any, why: str) -> None:
    good = ranking("Who?", "A baker.", "No one knows.")
    found = of(said(sound(tmp_path, rankings=[planted, good])), "signal", "warning")
    assert found[0].what == f"1 of 2 rankings hold comparisons without signal: 1 {why}."
    assert why in found[0].examples[0]


def test_spans_without_an_end_are_told(tmp_path: Path) -> None:
    cut = ranking(
        "Where?",
        "Here.",
        "There by the",
        completions=[{"text": "Here."}, {"text": "By the", "finish": "length"}],
    )
    found = of(said(sound(tmp_path, rankings=[cut])), "terminators")
    assert found[0].level == "warning" and found[0].what.startswith("1 of 2 answers")


def test_earlier_turns_that_the_template_does_not_end_are_told(tmp_path: Path) -> None:
    """A template that ends the turns of users alone: an earlier answer is learned without an end."""
    endless = model(
        tmp_path / "model",
        lambda text: text.replace(
            "<|end|>", "{% if message['role'] != 'assistant' or loop.last %}<|end|>{% endif %}"
        ),
    )
    turns = [
        {"role": role, "content": text} for role, text in (("user", "a"), ("assistant", "b"), ("user", "c"))
    ]
    shown = [{"prompt": {"messages": turns}, "completion": "d"}]
    found = said(sound(tmp_path / "one", demonstrations=shown), f"base={endless}")
    assert of(found, "terminators", "error") or of(found, "template", "error"), found


def test_a_template_that_changes_answers_is_an_error(tmp_path: Path) -> None:
    """It trims what it renders: an answer that begins with a space is served as other ids than it was learned as."""
    trimming = model(
        tmp_path / "model", lambda text: text.replace("message['content']", "message['content'] | trim")
    )
    shown = [{"prompt": user("Who?"), "completion": text} for text in (" A man.", "A man.")]
    found = of(said(sound(tmp_path / "one", demonstrations=shown), f"base={trimming}"), "template", "error")
    assert any(one.what.startswith("1 of 2 answers are served as other ids") for one in found), found


def test_duplicates_and_contradictions_are_counted(tmp_path: Path) -> None:
    twice = [ranking("Where?", "Here.", "There.")] * 2
    turned = [ranking("Who?", "A man.", "A boy.", by="ann"), ranking("Who?", "A boy.", "A man.", by="bob")]
    found = said(sound(tmp_path, rankings=[*twice, *turned]))
    assert of(found, "duplicates")[0].what == "2 of 2 comparisons stand in it more than once."
    assert of(found, "contradictions", "warning")[0].what.startswith(
        "1 of 2 comparisons (50.0%) were made both ways, 0 of them by one and the same person."
    )


def test_one_person_who_says_both_is_an_error(tmp_path: Path) -> None:
    turned = [ranking("Who?", "A man.", "A boy."), ranking("Who?", "A boy.", "A man.")]
    assert of(said(sound(tmp_path, rankings=turned)), "contradictions", "error")


def test_three_planted_overlaps_are_found_one_by_white_space_and_one_nearly(tmp_path: Path) -> None:
    same, spaced = "When does the baker of the hill wake?", "When does  the BAKER of\tthe mill wake? "
    near = "Please tell me at which hour of the day the baker on the long road gets up"
    held = [user(same), user("When does the baker of the mill wake?"), user(near), user("Is it warm?")]
    found = of(
        said(sound(tmp_path, held_out=held, prompts=[user(same), user(spaced), user(f"{near}.")])), "overlap"
    )
    assert [one.level for one in found] == ["error"]
    assert "2 of 4 held-out prompts also stand in" in found[0].what
    assert "1 letter for letter, 1 but for case and spacing; 1 more nearly" in found[0].what
    assert len(found[0].examples) == 3


def test_overlap_with_demonstrations_and_rankings_is_told_too(tmp_path: Path) -> None:
    held = [user("Who is one?"), user("Where is the shop of two?")]
    found = of(said(sound(tmp_path, held_out=held, prompts=[user("Is it warm?")])), "overlap", "error")
    files = sorted(one.what.rpartition("stand in ")[2].partition(":")[0].rpartition("/")[2] for one in found)
    assert files == ["demonstrations.jsonl", "rankings.jsonl"]


def test_personal_data_is_told_and_masked(tmp_path: Path) -> None:
    shown = [{"prompt": user("Who?"), "completion": "Write to ann.smith@ruritania.org or call 555 123 4567."}]
    found = of(said(sound(tmp_path, demonstrations=shown)), "personal data")
    assert found[0].what == "of 2 texts: e-mail address in 1, telephone number in 1."
    assert "ann." in found[0].examples[0] and "smith" not in found[0].examples[0]


def test_what_data_hold_cannot_steer_a_terminal() -> None:
    lines = Remark("note", "x", "f", "\x1b[2J", examples=("\u202e",)).lines()
    assert lines == ["note     x: f: \\x1b[2J", "           \\x202e"]


def test_labels_that_love_length_and_people_who_rank_by_place_are_told(tmp_path: Path) -> None:
    """Thirty rankings in which the longer answer wins and stood first: both are plain."""
    some = [
        ranking(f"Where is number {n} of them?", f"By the mill at number {n}.", "No.", by="bob", shown=[0, 1])
        for n in range(30)
    ]
    found = said(sound(tmp_path, rankings=some))
    assert of(found, "length bias", "warning")[0].what.startswith(
        "the longer answer is preferred in 100% of 30"
    )
    assert of(found, "annotators", "warning")[0].where.endswith(", bob")


def test_labels_without_a_leaning_are_a_note(tmp_path: Path) -> None:
    some = [
        ranking(
            f"Where is number {n} of them?", *(("By the mill.", "No.") if n % 2 else ("No.", "By the mill."))
        )
        for n in range(30)
    ]
    assert [one.level for one in of(said(sound(tmp_path, rankings=some)), "length bias")] == ["note"]


@pytest.mark.parametrize(
    ("override", "level", "words"),
    [
        ("align={method: ppo, critic_rounds: 40}", "error", "the critic learns alone"),
        ("align={method: grpo, rollout: {samples: 1}}", "error", "but `samples` is 1"),
        ("align={method: grpo, rollout: {prompts: 3, samples: 3, updates: 2}}", "warning", "do not divide into 2"),
        ("align={method: ppo, rollout: {prompts: 8, samples: 4, updates: 4}}", "note", "= 32 completions, 8 in"),
    ],
)  # fmt: skip
def test_batch_arithmetic_is_worked_out(tmp_path: Path, override: str, level: str, words: str) -> None:
    found = of(said(sound(tmp_path), override), "arithmetic", level)
    assert any(words in one.what for one in found), found


def test_steps_are_counted_as_they_will_be(tmp_path: Path) -> None:
    """40 demonstrations, 3 passes, 32 in a step: two steps a pass, the second of 8."""
    told = [one.what for one in of(said(sound(tmp_path)), "arithmetic")]
    assert "sft reads 40 records 3 times, 32 in a step, 8 in the last of a pass: 6 steps." in told


def test_two_answers_with_the_same_words_are_a_fault_of_their_file(tmp_path: Path) -> None:
    found = of(said(sound(tmp_path, rankings=[ranking("Where?", "Here.", "Here.")])), "files", "error")
    assert "rankings.jsonl:1" in found[0].what


def test_a_file_that_cannot_be_read_is_an_error_and_the_rest_is_still_looked_at(tmp_path: Path) -> None:
    recipe = sound(tmp_path)
    (tmp_path / "data" / "rankings.jsonl").write_text('{"tiers": 3}\n', encoding="utf-8")
    found = said(recipe)
    assert of(found, "files", "error") and of(found, "lengths")


def test_the_verb_tells_and_its_exit_code_says_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = sound(tmp_path, held_out=[user("Who is one?")])
    run = ["--run", str(tmp_path / "run")]
    assert main(["doctor", str(recipe), *run]) == 3  # data
    assert capsys.readouterr().out.splitlines()[-1].endswith("notes")
    rows(tmp_path, "held_out", [user("Is it warm?")])
    assert main(["doctor", str(recipe), *run]) == 0
    capsys.readouterr()
    assert main(["doctor", str(recipe), "align.critic_rounds=40", *run, "--json"]) == 2  # settings
    value = json.loads(capsys.readouterr().out)
    assert value["remarks"][0]["level"] == "error" and value["remarks"][0]["check"] == "arithmetic"
    assert main(["doctor", str(recipe), "--exact", "x"]) == 2
