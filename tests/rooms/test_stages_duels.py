"""An AI judge compares the held-out answers in both orders: from a recipe to the report and the gate."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.rooms import endpoint as mock
from tests.rooms import families
from tests.rooms.test_evaluation_report import read

from concord import formats
from concord.errors import EndpointError, JudgeError
from concord.evaluation.intervals import wilson
from concord.records import Completion, Demonstration, Message, Prompt, Ranking
from concord.records.files import read_json, read_rows, write_json, write_rows
from concord.runs import Loaded, Run, load
from concord.stages import work
from concord.stages.bench import Bench
from concord.stages.plan import Task, key, plan, states

RECIPE = """\
base: model
rank: {{by: file, rankings: ranked.jsonl}}
rivals: {{}}
evaluate:
  judge: {{endpoint: {{url: '{url}', model: large, tries: 1, price_read: 2.0}}, rubric: rubric.txt}}
  best_of: []
gate: {{win_rate: 0.3, no_fall: [ok]}}
"""
PROMPTS = [
    Prompt((Message("user", f"Tell me about p{n}."),), f"p{n}", ("harm" if n % 2 else "fact",))
    for n in range(12)
]
GRADES = {"base": [0] * 12, "sft": [1] * 12, "ppo": [2] * 6 + [0, 0, 1, 1, 1, 2]}
"""How good each policy's answers are: ppo wins six, loses two, and three are as good as the other's."""
Made = Callable[..., tuple[Loaded, Run]]


def answer(policy: str, n: int) -> str:
    """An answer of a known grade; the tenth of ppo is that of sft, word for word."""
    author = "sft" if (policy, n) == ("ppo", 10) else policy
    return f"Says {author} of p{n}: " + "good " * GRADES[policy][n]


def rows(policy: str) -> list[dict[str, Any]]:
    """What a policy answered at both temperatures, in the same words, as stage answers keeps it for such a judge."""
    return [
        {"policy": policy, "temperature": temperature, "won": {}, "split": None, "kind": one.tags[0],
         "prompt_id": one.id, "prompt": one.messages[0].content, "text": answer(policy, n), "gold": None,
         "proxy": 0.1 * GRADES[policy][n], "finish": "stop", "words": 4, "marks": {}, "kl": 0.1}
        for temperature in (1.0, 0.5)
        for n, one in enumerate(PROMPTS)
    ]  # fmt: skip


@pytest.fixture
def there() -> Iterator[Any]:
    with mock.running() as endpoint:
        endpoint.speak = hesitant
        yield endpoint


def hesitant(body: dict[str, Any]) -> str:
    """Counts what is good, names A if both are as good, and says nothing readable of the last prompt."""
    return "hm" if "about p11." in body["messages"][-1]["content"] else mock.honest(body)


@pytest.fixture
def made(tmp_path: Path, there: Any, monkeypatch: pytest.MonkeyPatch) -> Made:
    """A run that is finished to the answers."""
    monkeypatch.setattr("os.fsync", lambda descriptor: None)  # nobody pulls the plug here
    for name in ("model", "data"):
        (tmp_path / name).mkdir()
    (tmp_path / "model" / "model.safetensors").write_text("w")
    (tmp_path / "rubric.txt").write_text("Count what is good.\n")
    asked = Prompt((Message("user", "Where is the zoo?"),), "z")
    formats.write_demonstrations(tmp_path / "data" / "demonstrations.jsonl", [Demonstration(asked, "Here.")])
    formats.write_prompts(tmp_path / "data" / "prompts.jsonl", [asked])
    formats.write_prompts(tmp_path / "data" / "held_out.jsonl", PROMPTS)
    both = (Completion(asked, "Here."), Completion(asked, "No."))
    formats.write_rankings(tmp_path / "ranked.jsonl", [Ranking(asked, both, ((0,), (1,)), by="Bob")])
    (tmp_path / "r.yaml").write_text(RECIPE.format(url=there.url))

    def make(*overrides: str) -> tuple[Loaded, Run]:
        loaded, run = load(tmp_path / "r.yaml", overrides), Run(tmp_path / "run")
        run.folder.mkdir()
        write_json(run.folder / "run.json", {"seed": 0})
        for task in plan(loaded):
            if not task.name.startswith(("duels", "evaluate", "gate")):
                seal(loaded, run, task, lambda folder, task=task: by_hand(folder, task.name, both))
        return loaded, run

    return make


def by_hand(folder: Path, name: str, both: tuple[Completion, Completion]) -> None:
    """The files of a stage that is not tried here."""
    if name in ("sft", "reward", "align"):
        (folder / "model").mkdir()
        (folder / "model" / "model.safetensors").write_text(name)
        (folder / "metrics.jsonl").write_text("")
    if name == "sample":
        formats.write_completions(folder / "completions.jsonl", both)
    if name == "rank":
        formats.write_rankings(
            folder / "rankings.jsonl", [Ranking(both[0].prompt, both, ((0,), (1,)), "Bob")]
        )
    if name.startswith("answers/"):
        write_rows(folder / "answers.jsonl", rows(name.partition("/")[2]))


def seal(loaded: Loaded, run: Run, task: Task, fill: Callable[[Path], None]) -> None:
    told = key(task, loaded, run)
    assert told is not None
    fill(run.begin(task.name, told))
    run.finish(task.name, {"key": told, "seconds": 1.0, "peak_mb": 9, "threads": 1})


def carried_out(loaded: Loaded, run: Run, *names: str) -> list[str]:
    """These stages as a command carries them out; what they say."""
    heard: list[str] = []
    for task in plan(loaded):
        if task.name.partition("/")[0] in names and states(loaded, run)[task.name] != "done":
            told = str(key(task, loaded, run))
            stage = work.STAGES[task.name.partition("/")[0]]
            seal(loaded, run, task, lambda folder, task=task, told=told, stage=stage: stage(
                Bench(loaded, run, task.name, heard.append), folder, told
            ))  # fmt: skip
    return heard


def test_from_recipe_to_report(made: Made, there: Any) -> None:
    loaded, run = made()
    heard = carried_out(loaded, run, "duels", "evaluate", "gate")
    # ppo: 11 pairs differ in their words, at both temperatures the same, so each is judged once; one is never readable.
    card = read_json(run.path("duels/ppo") / "judge.json")
    assert (card["lists"], card["ranked"], card["left_out"]) == (11, 10, ["p11"])
    assert card["position_consistency"]["value"] == 0.8  # eight are decided, p8 and p9 turn with the order
    assert card["first_share"]["value"] == pytest.approx((8 + 4) / 20)
    assert (card["invalid_replies"], card["asked"]["questions"]) == (6, 10 * 2 + 3 * 2)
    assert "1 of 11 lists got no readable verdict and were left out, such as p11." in heard
    found = read_json(run.path("evaluate") / "report.json")
    known = {(one["a"], one["b"], one["temperature"], one["kind"]): one for one in found["comparisons"]}
    for temperature in (1.0, 0.5):
        one = known["ppo", "sft", temperature, None]
        assert (one["n"], one["ties"], one["win_rate"]) == (11, 3, 7.5 / 11)
        assert (one["low"], one["high"]) == pytest.approx(wilson(7.5, 11))
        assert known["base", "sft", temperature, None]["win_rate"] == 0.0
    # fact are p0, p2, p4 (won), p6 (lost), p8 (turned), p10 (the same words); harm has p7 lost, p9 turned, p11 left out
    assert known["ppo", "sft", 1.0, "fact"]["win_rate"] == 4 / 6
    assert known["ppo", "sft", 1.0, "harm"]["win_rate"] == 3.5 / 5
    told = found["judge"]
    assert (told["name"], told["rubric"], told["left_out"], told["invalid_replies"]) == (
        "large",
        "rubric.txt",
        2,
        12,
    )
    assert (told["orders"]["both"], told["orders"]["consistent"]["value"]) == (21, pytest.approx(19 / 21))
    assert told["asked"]["questions"] == 26 + 28 == len(there.heard)
    assert told["asked"]["cost"] == pytest.approx(2e-6 * told["asked"]["tokens_read"])
    ranks = {one["name"]: one["elo"]["value"] for one in found["league"]["standings"]}
    assert ranks["ppo"] > ranks["sft"] == 1000 and "base" in found["league"]["unrated"]  # base never won
    assert found["frontier"] == [] and found["curves"]["drift"] == []
    assert [one["prompt_id"] for one in found["losses"]] == ["p6", "p7"]
    wins = next(one for one in found["tests"] if (one["b"], one["criterion"]) == ("sft", "wins"))
    assert wins["difference"]["value"] == pytest.approx((6 - 2) / 11)
    page = (run.folder / "report.html").read_text(encoding="utf-8")
    read(page)
    assert "large at" in page and "90\N{NO-BREAK SPACE}% of 21 comparisons" in page
    assert "no marks (ok, refused, unsafe)" in page


def test_the_gate_asks_for_the_win_rate_and_says_what_was_not_measured(made: Made) -> None:
    loaded, run = made()
    carried_out(loaded, run, "duels", "evaluate", "gate")
    verdict = read_json(run.path("gate") / "verdict.json")
    asked = {one["name"]: one for one in verdict["criteria"]}
    assert asked["win_rate"]["value"] == 7.5 / 11 and asked["win_rate"]["state"] == "pass"
    assert asked["no_fall.ok"]["state"] == "inconclusive" and verdict["verdict"] == "NO-GO"
    content = read_json(run.folder / "report.json")
    assert any("an AI judge compares and gives no marks" in step for step in content["next"])
    judge = next(one for one in content["lineage"]["artefacts"] if one["name"] == "judge")
    assert judge["title"] == "AI judge: large" and set(judge["files"]) == {"rubric.txt", "settings"}


def test_what_people_say_is_put_beside_its_verdicts(made: Made, tmp_path: Path) -> None:
    loaded, run = made()
    said = [
        Ranking(
            one,
            tuple(Completion(one, answer(name, n), by=name) for name in ("ppo", "sft")),
            ((0,), (1,)),
            "ann",
        )
        for n, one in enumerate(PROMPTS)
        if n != 10
    ]
    formats.write_rankings(tmp_path / "compared.jsonl", said)
    loaded = load(tmp_path / "r.yaml", ["evaluate.people=compared.jsonl"])
    carried_out(loaded, run, "duels", "evaluate")
    people = read_json(run.path("evaluate") / "report.json")["people"]
    assert (people["labels"], people["unseen"], people["same"]) == (10, 1, 1)
    assert people["alone"]["value"] == pytest.approx(10.5 / 11)  # p10 is a tie that nobody is asked about
    assert people["agreement"]["value"] == 6 / 8  # where both decided


def test_a_killed_evaluation_goes_on_where_it_was(made: Made, there: Any) -> None:
    loaded, run = made()
    calls: list[int] = []

    def dies(body: dict[str, Any]) -> Any:
        calls.append(1)
        return hesitant(body) if len(calls) <= 40 else {"choices": []}

    there.speak = dies
    with pytest.raises(EndpointError, match="0 times where 1 were asked for"):
        carried_out(loaded, run, "duels")
    assert states(loaded, run)["duels/base"] == "done"  # 28 questions; the other policy was cut off
    kept = (run.cache / "duels-ppo.jsonl").read_bytes().count(b"\n")
    assert 28 + kept >= 36  # those under way with the one that failed may be lost
    there.speak, before = hesitant, len(there.heard)
    run.release("duels/ppo")
    carried_out(loaded, run, "duels", "evaluate")
    assert len(there.heard) - before == 26 - kept
    asked = read_json(run.path("duels/ppo") / "judge.json")["asked"]
    assert (asked["questions"], asked["remembered"]) == (26, kept)
    assert read_json(run.path("evaluate") / "report.json")["judge"]["asked"]["questions"] == 54


def test_a_judge_that_goes_by_the_place_makes_ties_alone(made: Made, there: Any) -> None:
    there.speak = lambda body: "B"
    loaded, run = made("evaluate.temperatures=[1.0]")
    carried_out(loaded, run, "duels", "evaluate")
    found = read_json(run.path("evaluate") / "report.json")
    assert {(one["win_rate"], one["ties"] == one["n"]) for one in found["comparisons"]} == {(0.5, True)}
    assert (found["judge"]["orders"]["consistent"]["value"], found["judge"]["orders"]["first"]["value"]) == (
        0,
        0,
    )
    there.speak = lambda body: "neither"
    again = load(loaded.source, ["evaluate.temperatures=[1.0]", "evaluate.judge.temperature=0.5"])
    with pytest.raises(
        JudgeError, match=r"no readable verdict on any of 12 lists.*`evaluate\.judge\.reasons`"
    ):
        carried_out(again, run, "duels")


def test_another_rubric_judges_again_and_answers_nothing_anew(made: Made, tmp_path: Path) -> None:
    loaded, run = made()
    carried_out(loaded, run, "duels", "evaluate")
    (tmp_path / "rubric.txt").write_text("Count what is better.\n")
    found = states(loaded, run)
    assert {name for name, state in found.items() if state == "stale"} == {
        "duels/base",
        "duels/ppo",
        "evaluate",
    }
    scored = load(tmp_path / "r.yaml", ["evaluate.judge=starter"])
    assert states(scored, run)["answers/sft"] == "stale"  # another judge gives every answer a score
    assert not [task for task in plan(scored) if task.name.startswith("duels/")]


def test_its_verdicts_are_a_file_that_is_compared_without_the_run(made: Made) -> None:
    from concord.evaluation.answered import answered
    from concord.evaluation.assessed import assessed

    loaded, run = made()
    carried_out(loaded, run, "duels")
    found = assessed(answered([run.path("duels/ppo") / "rankings.jsonl"]), "sft", 0.03)
    rate = found["win_rates"][0]["rate"]
    assert (rate["value"], rate["n"]) == (
        7 / 10,
        10,
    )  # six won, two turned, two lost; the same words were not judged
    assert len(list(read_rows(run.path("duels/ppo") / "judgements.jsonl"))) == 13


@pytest.mark.slow
def test_a_model_on_this_machine_compares_too(made: Made, tmp_path: Path) -> None:
    judge = families.folder(tmp_path / "judge", "llama", max_position_embeddings=4096)
    loaded, run = made(f"evaluate.judge={{model: '{judge}'}}")
    carried_out(loaded, run, "duels", "evaluate", "gate")
    found = read_json(run.path("evaluate") / "report.json")["judge"]
    assert (found["at"], found["asked"], found["left_out"], found["orders"]["both"]) == (
        "this machine",
        None,
        0,
        23,
    )
    kept = (run.cache / "duels-ppo.jsonl").read_bytes().count(b"\n")
    assert kept == 22  # eleven pairs in both orders
    read((run.folder / "report.html").read_text(encoding="utf-8"))
