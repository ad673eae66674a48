"""Who else stands in the comparison, what that changes in a run, and a judge that has taught."""

from collections.abc import Callable
from pathlib import Path

import pytest

from concord import formats
from concord.errors import SettingsError
from concord.records import Completion, Message, Prompt, Ranking
from concord.runs import Loaded, Run, load
from concord.settings import Recipe
from concord.stages.contestants import contestants, described, opponents
from concord.stages.independence import refuse_a_teacher
from concord.stages.plan import key, plan

Asked = Callable[..., Loaded]
ELSEWHERE = "evaluate.contestants={vendor: {endpoint: {url: 'http://localhost:1/v1', model: large}}}"


@pytest.fixture
def asked(tmp_path: Path) -> Asked:
    """A recipe with some settings laid over it."""
    for name in ("prompts", "demonstrations", "held_out", "compared"):
        (tmp_path / "data").mkdir(exist_ok=True)
        (tmp_path / "data" / f"{name}.jsonl").write_text(name)
    (tmp_path / "r.yaml").write_text("rank: {by: panel}\nevaluate: {best_of: []}\n")

    def ask(*overrides: str) -> Loaded:
        return load(tmp_path / "r.yaml", overrides)

    return ask


def model(folder: Path, weights: str) -> Path:
    """A folder with some weights."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_text(weights)
    return folder


def test_a_contestant_is_a_task_of_its_own_and_makes_nothing_else_again(asked: Asked, tmp_path: Path) -> None:
    model(tmp_path / "other" / "sft" / "model", "w")
    plain, run = {task.name: task for task in plan(asked())}, Run(tmp_path / "run")
    for name in ("sft", "reward"):
        run.begin(name, name)
        run.finish(name, {"key": name, "seconds": 1.0})
    more = asked(
        "evaluate.contestants={mine: {run: other, policy: sft}, theirs: {folder: other/sft/model}}",
        ELSEWHERE.replace("={vendor: ", ".vendor=").removesuffix("}"),
        "evaluate.people=data/compared.jsonl",
        "evaluate.waiver={by: Ada, reason: the only judge there is}",
    )
    tasks = {task.name: task for task in plan(more)}
    assert tasks.keys() - plain.keys() == {"answers/mine", "answers/theirs", "answers/vendor"}
    assert {"answers/mine", "answers/theirs", "answers/vendor"} <= set(tasks["evaluate"].after)
    assert tmp_path / "data" / "compared.jsonl" in tasks["evaluate"].files
    assert tmp_path / "other" / "sft" / "model" in tasks["answers/mine"].files
    assert key(tasks["answers/sft"], more, run) == key(plain["answers/sft"], asked(), run)
    names = contestants(more)
    assert (
        Recipe.model_validate(more.recipe.model_dump(mode="json")) == more.recipe
    )  # as a stage's process reads it
    assert described(more, names["vendor"]) == "large at http://localhost:1/v1"
    assert described(more, names["mine"]).endswith("other/sft/model")


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("evaluate.contestants={a: {}}", "name exactly one of `run`, `folder` and `endpoint`"),
        ("evaluate.contestants={a: {run: x, folder: y}}", "name exactly one of"),
        ("evaluate.contestants={a: {folder: y, policy: sft}}", "it needs `run`"),
        ("evaluate.contestants={a: {run: x, policy: ../../etc}}", "policy"),
        (
            "evaluate.contestants={sft: {folder: y}}",
            "the contestant sft has the name of a policy of this run",
        ),
        ("evaluate.contestants.a.foldr=y", "Did you mean `folder`?"),
    ],
)
def test_contestants_that_cannot_be(asked: Asked, setting: str, words: str) -> None:
    with pytest.raises(SettingsError, match=None) as error:
        plan(asked(setting))
    assert words in str(error.value)


def test_a_judge_that_taught_is_known_by_its_weights(asked: Asked, tmp_path: Path) -> None:
    run = Run(tmp_path / "run")
    model(run.path("reward") / "model", "same")
    model(tmp_path / "copied", "same")
    model(tmp_path / "fresh", "other")
    assert refuse_a_teacher(asked("evaluate.judge=fresh"), run) is None
    assert refuse_a_teacher(asked(), run) is None  # the starter world's judge is a program
    for named in ("copied", "run/reward/model"):
        with pytest.raises(SettingsError, match="its weights are also the reward model of this run"):
            refuse_a_teacher(asked(f"evaluate.judge={named}"), run)
    waiver = "evaluate.waiver={by: Ada, reason: the only judge there is}"
    told = refuse_a_teacher(asked("evaluate.judge=copied", waiver), run)
    assert (
        told
        == "the judge copied is also the reward model of this run. Ada accepts this: the only judge there is"
    )


def test_a_judge_that_ranked_or_taught_a_contestant_is_refused_too(asked: Asked, tmp_path: Path) -> None:
    run = Run(tmp_path / "run")
    model(tmp_path / "judge", "w")
    model(tmp_path / "ranker", "w")
    ranked = ("rank={by: scorer, scorer: ranker}", "evaluate.judge=judge")
    with pytest.raises(SettingsError, match="the model that ranked"):
        refuse_a_teacher(asked(*ranked), run)
    model(tmp_path / "other" / "reward" / "models" / "1", "w")
    model(tmp_path / "other" / "align" / "model", "policy")
    rival = ("evaluate.contestants={rival: {run: other}}", "evaluate.judge=judge")
    with pytest.raises(SettingsError, match="the reward model that taught rival"):
        refuse_a_teacher(asked(*rival), run)
    same = ("rank={by: scorer, scorer: judge}", "evaluate.judge=judge")
    with pytest.raises(SettingsError, match="must not have taught what it judges"):
        plan(asked(*same))
    plan(asked(*same, "evaluate.waiver={by: Ada, reason: a trial}"))


def test_every_two_meet_once() -> None:
    assert opponents(["base", "sft", "ppo"]) == {"base": ("sft",), "ppo": ("sft",)}
    names = ["base", "sft", "ppo", "sft-same-budget"]
    both = ("sft", "sft-same-budget")
    assert opponents(names) == {"base": both, "ppo": both, "sft-same-budget": ("sft",)}


LARGE = "evaluate.judge={endpoint: {url: 'http://host/v1', model: large}}"


def test_an_ai_judge_that_ranked_is_refused_unless_somebody_accepts_it(asked: Asked, tmp_path: Path) -> None:
    run = Run(tmp_path / "run")
    assert refuse_a_teacher(asked(LARGE), run) is None
    ranker = "rank={by: judge, judge: {endpoint: {url: 'http://other/v1', model: LARGE}}}"
    with pytest.raises(
        SettingsError, match=r"`evaluate.judge` is large, and it is also the AI judge that ranked"
    ):
        refuse_a_teacher(asked(LARGE, ranker), run)
    prompt = Prompt((Message("user", "hi"),), "p")
    both = tuple(Completion(prompt, text) for text in ("a", "b"))
    run.path("rank").mkdir(parents=True)
    told = [Ranking(prompt, both, ((0,), (1,)), by=by, source="ai") for by in ("judge:small", "judge:large")]
    formats.write_rankings(run.path("rank") / "rankings.jsonl", told)
    with pytest.raises(SettingsError, match="an AI judge that ranked what was learned from"):
        refuse_a_teacher(asked(LARGE), run)
    vendor = ELSEWHERE.replace("localhost:1", "other")
    said = refuse_a_teacher(asked(LARGE, vendor, "evaluate.waiver={by: Ada, reason: there is no other}"), run)
    assert said is not None and said.startswith("the judge large is also an AI judge that ranked")
    assert said.endswith(
        "and the contestant vendor, whose answers it would compare. Ada accepts this: there is no other"
    )


def test_an_ai_judge_on_this_machine_is_known_by_its_weights(asked: Asked, tmp_path: Path) -> None:
    run = Run(tmp_path / "run")
    model(tmp_path / "ranker", "same")
    model(tmp_path / "copied", "same")
    ranker = "rank={by: judge, judge: {model: ranker}}"
    assert refuse_a_teacher(asked("evaluate.judge={model: copied}"), run) is None
    with pytest.raises(SettingsError, match=r"it is also the AI judge that ranked \(`rank.judge.model`\)"):
        refuse_a_teacher(asked("evaluate.judge={model: copied}", ranker), run)


@pytest.mark.parametrize(
    ("judge", "complaint"),
    [
        ("{rubric: r.txt}", "an AI judge is either an `endpoint` or a `model`; name exactly one"),
        ("{model: a, endpoint: {url: 'http://h/v1', model: m}}", "name exactly one of them"),
        (
            "{model: a, rubrik: r}",
            "`evaluate.judge.rubrik` is not a setting of Examining. Did you mean `rubric`?",
        ),
        ("{model: a, manner: points}", "`evaluate.judge.manner` is not a setting of Examining"),
        ("[a]", "`evaluate.judge` is [a]; input should be a valid string"),
    ],
)
def test_judges_that_cannot_be(asked: Asked, judge: str, complaint: str) -> None:
    with pytest.raises(SettingsError) as error:
        asked(f"evaluate.judge={judge}")
    assert complaint in str(error.value)
