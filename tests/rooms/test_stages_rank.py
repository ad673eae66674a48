"""The rank stage without people: a judge, a reward model's scores and rules, one table and one kind of record."""

import json
from collections.abc import Iterator
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args

import pytest
from tests.rooms import endpoint as mock
from tests.rooms import families, judges

from concord import formats
from concord.errors import EndpointError, JudgeError, ModelError, RecordError, SettingsError
from concord.models import RewardModel, choose
from concord.records import Ranking
from concord.records.files import read_json, read_rows, write_rows
from concord.runs import Run, load
from concord.settings import Rank
from concord.stages import rank
from concord.stages.bench import Bench
from concord.stages.plan import plan


@pytest.fixture
def there() -> Iterator[Any]:
    with mock.running() as endpoint:
        yield endpoint


def bench(folder: Path, recipe: str, heard: list[str] | None = None, count: int = 6) -> Bench:
    """The bench of a rank stage whose samples are known."""
    (folder / "recipe.yaml").write_text(recipe, encoding="utf-8")
    loaded = load(folder / "recipe.yaml")
    made = Bench(loaded, Run(folder / "run"), "rank", (heard if heard is not None else []).append)
    made.__dict__["completions"] = [
        one for n in range(count) for one in judges.graded(f"p{n}", n % 3, (n + 1) % 3, (n + 2) % 3)
    ]
    return made


def ranked(made: Bench, folder: Path) -> list[Ranking]:
    """What the stage writes down."""
    rank.work(made, folder, "key")
    return list(formats.read_rankings(folder / "rankings.jsonl").records)


def test_every_ranker_of_the_settings_is_in_the_table() -> None:
    assert set(rank.RANKERS) == set(get_args(Rank.model_fields["by"].annotation))


def judging(there: Any, more: str = "") -> str:
    """A recipe with a judge."""
    return f"rank: {{by: judge, judge: {{endpoint: {{url: '{there.url}', model: m, tries: 1}}, weight: 0.5{more}}}}}"


def test_t29_a_judge_ranks_and_what_it_said_is_kept(there: Any, tmp_path: Path) -> None:
    heard: list[str] = []
    found = ranked(bench(tmp_path, judging(there), heard), tmp_path / "rank")
    assert len(found) == 6
    for one in found:
        grades = [text.text.count("good") for text in one.completions]
        assert [grades[tier[0]] for tier in one.tiers] == [2, 1, 0]
        assert (one.source, one.by, one.weight, len(one.chances)) == ("ai", "judge:m", 0.5, 3)
    card = read_json(tmp_path / "rank" / "judge.json")
    assert card["position_consistency"]["value"] == 1.0 and card["first_share"]["value"] == 0.5
    assert (card["asked"]["questions"], card["asked"]["calls"], card["left_out"]) == (36, 36, [])
    assert card["asked"]["tokens_said"] == 36
    rows = list(read_rows(tmp_path / "rank" / "judgements.jsonl"))
    assert len(rows) == 6 and rows[0]["readings"][0] == [0, 1, 0.0, 0.0]
    assert any("the same in both orders in 100% of 18 comparisons" in line for line in heard)


def test_a_judge_that_was_stopped_asks_nothing_twice(there: Any, tmp_path: Path) -> None:
    calls = []

    def dies(body: dict[str, Any]) -> Any:
        calls.append(1)
        return mock.honest(body) if len(calls) <= 20 else {"choices": []}

    there.speak = dies
    with pytest.raises(EndpointError, match="0 times where 1 were asked for"):
        ranked(bench(tmp_path, judging(there, ", manner: pairs")), tmp_path / "rank")
    there.speak = mock.honest
    kept = (tmp_path / "run" / ".cache" / "answers.jsonl").read_bytes().count(b"\n")
    before = len(there.heard)
    assert kept >= 17  # those under way with the one that failed may be lost
    assert len(ranked(bench(tmp_path, judging(there)), tmp_path / "rank")) == 6
    assert len(there.heard) - before == 36 - kept
    asked = read_json(tmp_path / "rank" / "judge.json")["asked"]
    assert (asked["questions"], asked["remembered"]) == (36, kept)


@pytest.mark.slow
def test_t29_people_and_judge_are_mixed_with_weights_and_compared(there: Any, tmp_path: Path) -> None:
    recipe = judging(there).removesuffix("}") + ", rankings: people.jsonl}"
    made = bench(tmp_path, recipe)
    people = [
        Ranking(group[0].prompt, tuple(group), ((0,), (1,), (2,)), by="ann")
        for group in rank.differing(made)[:3]
    ]
    formats.write_rankings(tmp_path / "people.jsonl", people)
    found = ranked(made, tmp_path / "rank")
    assert [(one.source, one.weight) for one in found] == [("human", 1.0)] * 3 + [("ai", 0.5)] * 6
    beside = read_json(tmp_path / "rank" / "judge.json")["people"]
    # grades (0, 1, 2), (1, 2, 0), (2, 0, 1): a person who goes from left to right is right in 0, 2 and 2 of 3
    assert beside["comparisons"] == 9 and beside["agreement"]["value"] == pytest.approx(4 / 9)


def test_lists_without_a_readable_verdict_are_left_out_and_told(there: Any, tmp_path: Path) -> None:
    heard: list[str] = []
    there.speak = lambda body: "hm" if "about p2." in body["messages"][-1]["content"] else mock.honest(body)
    found = ranked(bench(tmp_path, judging(there), heard), tmp_path / "rank")
    assert [one.prompt.id for one in found] == ["p0", "p1", "p3", "p4", "p5"]
    assert "1 of 6 lists got no readable verdict and were left out, such as p2." in heard
    card = read_json(tmp_path / "rank" / "judge.json")
    assert (card["left_out"], card["invalid_replies"], card["asked_again"]) == (["p2"], 18, 2)
    there.speak = lambda body: "hm"
    with pytest.raises(JudgeError, match="no readable verdict on any of 6 lists"):
        ranked(bench(tmp_path, judging(there, ", temperature: 0.5")), tmp_path / "again")


def test_rules_rank(tmp_path: Path) -> None:
    recipe = """
rank:
  by: rules
  rules:
  - {method: matches, pattern: "(good ){2}"}
  - {method: contains, every: [good]}
"""
    found = ranked(bench(tmp_path, recipe), tmp_path / "rank")
    assert [one.tiers for one in found[:2]] == [((2,), (1,), (0,)), ((1,), (0,), (2,))]
    assert {(one.source, one.by) for one in found} == {("rule", "rules")}


def test_t30_right_results_rank(tmp_path: Path) -> None:
    asked = [judges.prompt(f"p{n}").messages[0].content for n in range(6)]
    write_rows(tmp_path / "right.jsonl", [{"prompt": text, "completion": "1"} for text in asked])
    recipe = "rank: {by: rules, rules: [{method: answer, answers: right.jsonl, kind: number}]}"
    made = bench(tmp_path, recipe)
    read = {
        one.prompt.messages: one.prompt
        for one in formats.read_demonstrations(tmp_path / "right.jsonl").records
    }
    made.__dict__["completions"] = [
        replace(one, prompt=read[one.prompt.messages]) for one in made.completions
    ]
    found = ranked(made, tmp_path / "rank")
    assert [one.tiers for one in found] == [((1,), (0, 2))] * 6  # "Answer 1 is good": its last number is 1


@pytest.mark.parametrize(
    ("recipe", "complaint"),
    [
        ("rank: {by: judge}", "must name either an `endpoint` or a `model`"),
        ("rank: {by: scorer}", "`rank.scorer` must name a reward model folder"),
        ("rank: {by: rules}", "`rank.rules` must hold at least one"),
        ("rank: {by: scorer, scorer: gold}\nevaluate: {judge: gold}", "must not have taught what it judges"),
    ],
)
def test_who_ranks_must_be_complete(tmp_path: Path, recipe: str, complaint: str) -> None:
    (tmp_path / "recipe.yaml").write_text(recipe, encoding="utf-8")
    with pytest.raises(SettingsError, match=complaint):
        plan(load(tmp_path / "recipe.yaml"))


def test_what_the_judge_reads_is_part_of_the_stage(tmp_path: Path) -> None:
    recipe = "rank: {by: judge, rankings: r.jsonl, judge: {model: starter, rubric: c.txt, examples: e.jsonl}}"
    (tmp_path / "recipe.yaml").write_text(recipe, encoding="utf-8")
    task = next(one for one in plan(load(tmp_path / "recipe.yaml")) if one.name == "rank")
    assert [path.name for path in task.files] == ["r.jsonl", "c.txt", "e.jsonl", "starter_model"]
    assert json.dumps(task.settings)


@pytest.mark.slow
def test_t29_a_model_on_this_machine_judges_by_the_probabilities_of_its_labels(tmp_path: Path) -> None:
    heard: list[str] = []
    judge = families.folder(tmp_path / "judge", "llama", max_position_embeddings=4096)
    made = bench(tmp_path, f"rank: {{by: judge, judge: {{model: '{judge}'}}}}", heard, count=2)
    found = ranked(made, tmp_path / "rank")
    assert len(found) == 2
    chances = [chance for one in found for _, _, chance in one.chances]
    assert len(chances) == 6 and all(0 < chance < 1 for chance in chances)
    assert read_json(tmp_path / "rank" / "judge.json")["asked"] is None


@pytest.mark.slow
def test_a_reward_model_ranks_by_its_scores(tmp_path: Path) -> None:
    bundled = Path(str(files("concord") / "models" / "starter_model"))
    RewardModel.load(bundled, choose("cpu")).save(tmp_path / "liked")
    made = bench(tmp_path, f"rank: {{by: scorer, scorer: '{tmp_path / 'liked'}', tie: 100}}", count=2)
    found = ranked(made, tmp_path / "rank")
    assert [one.tiers for one in found] == [((0, 1, 2),)] * 2
    assert {(one.by, one.source) for one in found} == {("scorer:liked", "ai")}
    other = bench(tmp_path, f"rank: {{by: scorer, scorer: '{bundled}', tie: 100}}", count=2)
    with pytest.raises(ModelError, match="no head that gives a score"):
        ranked(other, tmp_path / "again")


def test_answers_that_are_all_the_same_leave_nothing_to_rank(tmp_path: Path) -> None:
    made = bench(tmp_path, "rank: {by: rules, rules: [{method: length, least: 1}]}")
    made.__dict__["completions"] = [replace(one, text="the same") for one in made.completions]
    with pytest.raises(RecordError, match=r"nothing to rank. Ask for more answers with `sample\.k`"):
        rank.work(made, tmp_path / "rank", "key")
