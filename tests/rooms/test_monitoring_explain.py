"""Explaining a run: each cause is named first where it was planted, and a healthy run is called healthy."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from tests.rooms import runs_by_hand as hand

from concord.cli.main import main
from concord.errors import SettingsError, StoreError
from concord.monitoring.explain import CAUSES, explain
from concord.monitoring.explain.finding import graded

GRPO = {"align": {"method": "grpo"}}
ROUNDS = 9


def rising(first: float, last: float) -> list[float]:
    return [first + (last - first) * place / (ROUNDS - 1) for place in range(ROUNDS)]


def growing(word: str) -> list[list[str]]:
    """Answers that gain one more of a word each round."""
    return [[f"{answer} {word * number}".strip() for answer in hand.ANSWERS] for number in range(ROUNDS)]


PLANTED: list[tuple[str, dict[str, Any]]] = [
    ("dead reward", {"notes": {"score": 0.25, "score_spread": 0.0, "lean.length": None}}),
    ("answers cut off", {"finish": "length"}),
    ("sampler and learner disagree", {"notes": {"moved": 0.2, "kl": rising(2.0, 3.0)}}),
    ("wrong reference", {"notes": {"kl": rising(1.0, 2.5)}}),
    (
        "learning rate too high",
        {"notes": {"kl": [0, 0, 5, 9, 12, 20, 22, 30, 31], "score": rising(0.5, -2), "clipped": 0.7}},
    ),
    ("hacking by length", {"notes": {"lean.length": 0.9}, "answers": growing("and so on and on ")}),
    ("hacking by format", {"notes": {"lean.format": 0.9}, "answers": growing("\n- gate")}),
    ("hacking by repetition", {"notes": {"lean.repetition": 0.8}, "answers": growing("old mill ")}),
    ("advantages collapsed", {"recipe": GRPO, "notes": {"tied": 1.0, "explained": None, "grad_norm.policy": 0.0}}),
    ("critic not learning", {"notes": {"explained": 0.0, "value_loss": 0.9}}),
    (
        "price of drift too high",
        {"recipe": {"align": {"method": "ppo", "kl": 5}}, "notes": {"price": 5.0, "score": 0.2, "kl": rising(0, 0.02)}},
    ),
    (
        "price of drift too low",
        {"recipe": {"align": {"method": "ppo", "kl": 0}}, "notes": {"price": 0.0, "kl": rising(0, 6)}},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("cause", "how"), PLANTED, ids=[cause for cause, _ in PLANTED])
def test_a_planted_cause_is_named_first(tmp_path: Path, cause: str, how: dict[str, Any]) -> None:
    found = explain(hand.made(tmp_path, **how))
    assert [one.cause for one in found.findings][:1] == [cause], found.lines()
    first = found.findings[0]
    assert first.because.endswith(".") and first.signs and first.changes
    assert all((tmp_path / sign.file).exists() for sign in first.signs if not sign.file.startswith("sft"))


@pytest.mark.parametrize(("loved", "first"), [("length", "length"), ("repetition", "repetition")])
def test_of_two_habits_that_grow_together_the_one_that_scores_follow_is_the_cause(
    tmp_path: Path, loved: str, first: str
) -> None:
    """Repeated words make answers longer, and longer answers repeat more: the correlations tell which is paid for."""
    notes = {"lean.length": 0.5, "lean.repetition": 0.5} | {f"lean.{loved}": 0.95}
    found = explain(hand.made(tmp_path, notes=notes, answers=growing("old mill "))).findings
    assert found[0].cause == f"hacking by {first}"
    assert {one.cause for one in found[1:]} <= {"hacking by length", "hacking by repetition"}


def test_rankings_that_turn_each_other_round_are_named(tmp_path: Path) -> None:
    folder = hand.made(tmp_path)
    hand.ranked(
        folder, [hand.ranking(place, turned, by) for place in range(8) for turned, by in ((0, "a"), (1, "b"))]
    )
    found = explain(folder)
    assert found.findings[0].cause == "contradictory data"
    assert "8 of 8 comparisons" in found.findings[0].signs[0].what


def test_people_who_differ_as_people_do_contradict_nothing(tmp_path: Path) -> None:
    """Two of eight comparisons that were made twice came out the other way: a quarter, as is usual."""
    folder = hand.made(tmp_path)
    again = [hand.ranking(place, place < 2, "b") for place in range(8)]
    hand.ranked(folder, [*(hand.ranking(place) for place in range(8)), *again])
    assert explain(folder).healthy


def test_a_leak_is_named_whatever_its_case_and_spacing(tmp_path: Path) -> None:
    folder = hand.made(tmp_path)
    leaked = {"messages": [{"role": "user", "content": "  WHO bakes   here? "}]}
    hand.lines(folder / "data" / "prompts.jsonl", [leaked])
    found = explain(folder)
    assert found.findings[0].cause == "leaked data"
    assert found.findings[0].signs[0].what == "1 of 1 prompts of the evaluation stand in data/prompts.jsonl"


def test_files_of_other_formats_leak_nothing(tmp_path: Path) -> None:
    """Rows without a prompt of ours, and files that are no lines of JSON, are not compared: two blanks are no leak."""
    folder = hand.made(tmp_path)
    hand.lines(folder / "data" / "held_out.jsonl", [{"question": "Who?"}])
    hand.lines(folder / "data" / "prompts.jsonl", [{"question": "Where?"}])
    assert explain(folder).healthy and "leaked data" in explain(folder).unseen
    (folder / "data" / "held_out.jsonl").write_text("prompt,id\nWho?,1\n", encoding="utf-8")
    assert explain(folder).healthy and "leaked data" in explain(folder).unseen


@pytest.mark.parametrize("stage", ["sft", "reward"])
def test_a_stage_before_whose_loss_rises_is_named(tmp_path: Path, stage: str) -> None:
    """The run stopped there: nothing was aligned yet."""
    folder = hand.made(tmp_path / "run")
    shutil.rmtree(folder / "align")
    steps = [{"step": step + 1, "loss": 2.0 + 0.2 * step, "skipped": 0.0} for step in range(12)]
    hand.lines(folder / f"{stage}.partial" / "metrics.jsonl", steps)
    (folder / "reward").exists() and shutil.rmtree(folder / "reward")
    first = explain(folder).findings[0]
    assert first.cause == "learning rate too high" and first.changes[0].setting == f"{stage}.rate"
    assert first.signs[0].what == "the loss went from 2.3 to 3.9"  # means of four steps at either end
    assert first.signs[0].file == f"{stage}.partial/metrics.jsonl"


def test_a_reward_model_that_learned_of_other_things_is_named(tmp_path: Path) -> None:
    folder = hand.made(tmp_path)
    rows = [hand.ranking(place) for place in range(8)]
    for row in rows:
        row["prompt"]["messages"][0]["content"] = "Please translate a poem into French"
    hand.ranked(folder, rows)
    assert explain(folder).findings[0].cause == "reward model off its ground"


def test_an_earlier_rounds_worse_answers_are_no_measure_of_this_ones(tmp_path: Path) -> None:
    """By hand: the round begins at 0.2, its own ranked answers lie about 0, the earlier ones about -3.4."""
    folder = hand.made(tmp_path)
    held = (folder / "reward" / "held_out.jsonl").read_text()
    old = [{"texts": ["Eh?", "No."], "tiers": [[0], [1]], "scores": [-3.3, -3.5]}] * 6
    hand.lines(folder / "reward" / "held_out.jsonl", [*map(json.loads, held.splitlines()), *old])
    assert explain(folder).findings[0].cause == "reward model off its ground"
    said = [{"prompt": hand.ranking(0)["prompt"], "text": text, "finish": "stop"} for text in hand.ANSWERS]
    hand.lines(folder / "sample" / "completions.jsonl", said)
    assert explain(folder).healthy


def test_a_judge_that_is_surely_past_its_peak_is_evidence(tmp_path: Path) -> None:
    folder = hand.made(tmp_path)
    hand.lines(
        folder / "align" / "watch.jsonl", [{"step": 4, "past_peak": 0.3}, {"step": 8, "past_peak": 0.97}]
    )
    found = explain(folder).findings[0]
    assert found.cause == "price of drift too low"
    assert [sign.step for sign in found.signs if "past its peak" in sign.what] == [8]


def test_alarms_of_guards_are_told_beside_the_causes(tmp_path: Path) -> None:
    folder = hand.made(tmp_path)
    alarm = {"step": 7, "rule": "length", "value": 41.5, "limit": 40, "action": "warn", "samples": []}
    hand.lines(folder / "align" / "alarms.jsonl", [alarm])
    found = explain(folder)
    assert found.healthy and 'a guard warned: "length was 41.5, limit 40, at step 7: warn"' in found.lines()


def test_forgetting_is_read_off_the_looks(tmp_path: Path) -> None:
    folder = hand.made(tmp_path)
    (folder / "sft").mkdir()
    looks = [{"step": 0, "held_out": None, "general": 1.0}, {"step": 9, "held_out": None, "general": 1.9}]
    (folder / "sft" / "looks.json").write_text(
        json.dumps({"looks": looks, "best": looks[1]}), encoding="utf-8"
    )
    found = explain(folder).findings[0]
    assert found.cause == "forgetting"
    assert found.signs[0].what == (
        "general demonstrations surprise it by 1.900 nats a token, 90% more than at their least"
    )


WELL: list[dict[str, Any]] = [
    {},
    {"rounds": 3},
    {"recipe": GRPO, "notes": {"explained": None, "value_loss": None, "tied": 0.4}},
    {"notes": {"score": rising(0.2, 0.4)}},
    {"notes": {"lean.length": 0.9}},
    {"answers": growing("and so on and on ")},
    {"notes": {"kl": rising(-0.02, 3.0)}},
    {"done": False, "rounds": 2},
    {"notes": dict.fromkeys(("score", "score_spread", "kl", "lean.length", "moved"))},
    {
        "notes": {
            "clip_fraction": 0.05,
            "explained_variance": 0.7,
            "entropy": 0.4,
            "distinct": 0.5,
            "cut": 0.02,
        }
    },
]


@pytest.mark.parametrize("how", WELL)
def test_a_healthy_run_is_called_healthy(tmp_path: Path, how: dict[str, Any]) -> None:
    found = explain(hand.made(tmp_path, **how))
    assert found.healthy, found.lines()
    assert found.lines()[1].startswith("healthy")


def test_a_run_that_was_killed_while_it_wrote_can_be_explained(tmp_path: Path) -> None:
    """The last line of the diary is cut off, as a kill leaves it; a damaged line before it is an error."""
    folder = hand.made(tmp_path, done=False)
    diary = folder / "align.partial" / "metrics.jsonl"
    whole = diary.read_text(encoding="utf-8")
    diary.write_text(whole + '{"step": 10, "sco', encoding="utf-8")
    assert explain(folder).state == "unfinished" and explain(folder).lines()[1].startswith("healthy so far")
    diary.write_text('{"step": 1, \n' + whole, encoding="utf-8")
    with pytest.raises(StoreError, match=r"metrics\.jsonl:1 is damaged"):
        explain(folder)


def test_steps_that_were_not_finite_are_evidence_and_no_numbers(tmp_path: Path) -> None:
    folder = hand.made(
        tmp_path, done=False, notes={"skipped": [0.0] * 6 + [1.0] * 3, "score": [0.2] * 6 + ["NaN"] * 3}
    )
    first = explain(folder).findings[0]
    assert first.cause == "learning rate too high"
    assert first.signs[0].what == "3 steps were not finite and not learned" and first.signs[0].step == 7
    assert first.changes[0].told() == "change `align.rate` from 0.0002 to about 2e-05"


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="is not a run folder"):
        explain(tmp_path)


def test_a_rival_is_explained_by_its_name_and_an_unknown_one_refused(tmp_path: Path) -> None:
    folder = hand.made(tmp_path, recipe={"rivals": {"other": {"method": "grpo"}}})
    (folder / "rivals").mkdir()
    shutil.copytree(folder / "align", folder / "rivals" / "other")
    assert explain(folder, "rivals/other").stage == "rivals/other"
    with pytest.raises(SettingsError, match=r"has no rival `third`\. Its rivals: other"):
        explain(folder, "rivals/third")


def test_a_run_with_nothing_in_it_is_healthy_and_says_what_it_could_not_see(tmp_path: Path) -> None:
    hand.made(tmp_path)
    for name in ("align", "rank", "reward", "data"):
        for path in sorted((tmp_path / name).rglob("*"), reverse=True):
            path.unlink() if path.is_file() else path.rmdir()
    found = explain(tmp_path)
    assert found.healthy and set(found.unseen) == set(CAUSES)


def test_a_recipe_of_another_version_is_told_and_the_rest_is_still_looked_at(tmp_path: Path) -> None:
    folder = hand.made(tmp_path, finish="length")
    (folder / "resolved.yaml").write_text("align: {method: tomorrow}\n", encoding="utf-8")
    found = explain(folder)
    assert "cannot be read by this version" in found.flaw
    assert found.findings[0].cause == "answers cut off" and found.lines()


def test_what_a_model_said_cannot_steer_a_terminal(tmp_path: Path) -> None:
    said = [[f"\x1b[2J\x07{answer}" for answer in hand.ANSWERS]] * ROUNDS
    lines = explain(hand.made(tmp_path, finish="length", answers=said)).lines()
    assert all(line.isprintable() for line in lines) and any("[2J" in line for line in lines)


def test_what_may_follow_from_another_cause_stands_behind_it(tmp_path: Path) -> None:
    """A constant score also ties every group: the dead reward is named first, the collapse behind it."""
    how = {"recipe": GRPO, "notes": {"score": 0.2, "score_spread": 0.0, "tied": 1.0, "explained": None}}
    found = explain(hand.made(tmp_path, **how)).findings
    assert [one.cause for one in found][:2] == ["dead reward", "advantages collapsed"]
    assert found[1].score < found[0].score


def test_grades_are_a_half_at_the_limit_and_whole_where_it_is_plain() -> None:
    assert graded(0.2, 0.2, 0.6) == 0.5
    assert graded(0.6, 0.2, 0.6) == 1.0 == graded(9.0, 0.2, 0.6)
    assert graded(2.0, 1.0, 4.0) == pytest.approx(0.75)  # half way between 1 and 4 on a scale of ratios
    assert graded(0.0, 1.0, 4.0) == 0.0
    assert graded(-0.5, 0.0, 1.0) == pytest.approx(0.25)  # an even scale where a bound is 0


def test_the_verb_prints_rank_cause_evidence_and_change(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = hand.made(tmp_path / "run", finish="length")
    assert main(["explain", str(folder)]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[1].startswith("1. answers cut off (1.00): ")
    assert any("[align/rollouts/000008.jsonl]" in line for line in told)
    assert "   change `align.rollout.longest` from 64 to about 2.6e+02" in told
    assert main(["explain", str(folder), "--json"]) == 0
    value = json.loads(capsys.readouterr().out)
    assert value["findings"][0]["changes"][0] == {"setting": "align.rollout.longest", "from": 64, "to": 256}
