"""What is brought in and taken out, tasks of control, guidelines, agreement and comparison."""

import json
import uuid
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from concord.annotation import controls, past
from concord.annotation.tables import Judgement, Project
from concord.records import manifest


def said(text: str, *answers: str, **more: Any) -> dict[str, Any]:
    return {
        "prompt": text,
        "completions": list(answers),
        "tiers": [[place] for place in range(len(answers))],
        **more,
    }


def test_rows_in_are_tasks_and_what_was_left_out(light: Any) -> None:
    light.project(tasks=0)
    rows = [
        said("one", "a", "b"),
        said("two", "a", "b", "c"),
        said("ten", *"abcdefghij"),
        said("one", "a", "b"),
    ]
    told = light.owner.post("/projects/one/tasks", {"rows": rows})
    assert (told["rows"], told["tasks"]) == (4, 2)  # the first and the last are one task
    assert len(told["left_out"]) == 1 and "10 different answers are more than the 9" in told["left_out"][0]
    again = light.owner.post("/projects/one/tasks", {"text": "\n".join(json.dumps(row) for row in rows[:2])})
    assert again["tasks"] == 0 and again["left_out"] == ["2 tasks that the project has already"]
    same = [{"prompt": "x", "text": "so"}, {"prompt": "x", "text": "so"}]
    told = light.owner.post("/projects/one/tasks", {"rows": same, "format": "concord-completions"})
    assert told["tasks"] == 0 and "all answers are the same" in told["left_out"][0]


@pytest.mark.parametrize(
    ("body", "field", "words"),
    [
        (
            {"rows": [{"prompt": "x", "completions": ["a", "b"], "tiers": [[0], [7]]}]},
            "text",
            "upload.jsonl:1",
        ),
        ({"rows": [{"messages": [{"role": "user", "content": "x"}]}]}, "text", "look like prompts"),
        ({"rows": [{"nothing": 1}]}, "text", "cannot be read"),
        ({"rows": [], "text": ""}, None, "give either rows or text"),
        ({"text": ""}, "text", "upload.jsonl is empty"),
        ({"rows": [{"prompt": "x", "text": "a"}], "gold": True}, "text", "look like completions"),
        ({"rows": [{"prompt": "x", "text": "a"}], "format": "hh"}, "text", "cannot be read"),
        (
            {"rows": [{"prompt": "x", "text": "a"}], "format": "trl-prompts"},
            "format",
            "no format of completions",
        ),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_whole(
    light: Any, body: Any, field: str | None, words: str
) -> None:
    light.project(tasks=0)
    told = light.owner.post("/projects/one/tasks", body, 422)["error"]
    assert told["field"] == field and words in told["message"], told
    assert light.owner.get("/projects")[0]["total"] == 0


def test_two_prompts_of_one_name_are_refused_and_a_comparison_takes_two(light: Any) -> None:
    light.project(tasks=1, mode="compare", candidates=2)
    row = {"prompt": {"id": "p00000", "messages": [{"role": "user", "content": "Another"}]}}
    rows = [{**row, "text": "a"}, {**row, "text": "b"}]
    assert light.owner.post("/projects/one/tasks", {"rows": rows}, 409)["error"]["code"] == "other_prompt"
    told = light.owner.post("/projects/one/tasks", {"rows": [said("three", "a", "b", "c")]})
    assert "compares two answers, not 3" in told["left_out"][0]


@pytest.mark.parametrize("row", [{"temperature": float("nan")}, {"by": "\ud800"}])
def test_a_row_that_no_file_can_hold_is_named(light: Any, row: dict[str, Any]) -> None:
    light.project(tasks=0)
    body = json.dumps({"rows": [{"prompt": "q", "text": "a"}, {"prompt": "q", "text": "b", **row}]})
    reply = light.client.post(
        "/api/v1/projects/one/tasks",
        headers={**light.owner.credentials, "content-type": "application/json"},
        content=body,
    )
    told = light.owner.answer(reply, 422)["error"]
    assert told["field"] == "rows" and told["message"].startswith("Row 2 cannot be written down"), told


def test_gold_that_contradicts_itself_is_refused(light: Any) -> None:
    light.project(tasks=0)
    row = {"prompt": "x", "completions": ["right", "wrong", "right"], "tiers": [[0], [1], [2]]}
    told = light.owner.post("/projects/one/tasks", {"rows": [row], "gold": True}, 422)["error"]
    assert told["code"] == "gold" and "both above and below another" in told["message"]


@pytest.mark.slow
def test_gold_counts_only_the_pairs_that_are_certain_and_no_control_is_exported(light: Any) -> None:
    light.project(tasks=6, candidates=2, gold_share=0.5)
    gold = [said(f"known {number}", "right", "wrong") for number in range(6)]
    assert light.owner.post("/projects/one/tasks", {"rows": gold, "gold": True})["tasks"] == 6
    ada = light.guest("ada", projects=("one",))
    met = 0
    while tasks := ada.take():
        known = tasks[0]["prompt"]["messages"][0]["content"].startswith("known")
        met += known
        ada.judge(
            tasks[0], ["wrong", "right"] if known and met == 1 else None
        )  # once wrong, then by the alphabet
    assert met >= 2
    (line,) = light.owner.get("/projects/one/agreement")["annotators"]
    assert line["gold"] == {"right": met - 1, "total": met}
    assert len(light.owner.get("/projects/one/export").text.splitlines()) == 6


@pytest.mark.slow
def test_repeats_come_in_another_order_and_count_pairs_that_stayed(light: Any) -> None:
    light.project(tasks=16, candidates=2, repeat_share=0.5)
    ada = light.guest("ada", projects=("one",))
    seen: dict[str, list[Any]] = {}
    turned = 0
    while tasks := ada.take():
        (task,) = tasks
        name = task["prompt"]["messages"][0]["content"]
        again = name in seen
        seen.setdefault(name, []).append(task)
        texts = sorted(one["text"] for one in task["candidates"])
        turned += again
        ada.judge(task, texts[::-1] if again and turned == 1 else texts)
    twice = [tasks for tasks in seen.values() if len(tasks) == 2]
    assert len(twice) == turned >= 2 and all(len(tasks) <= 2 for tasks in seen.values())
    assert all(one["task"] != other["task"] for one, other in twice)
    assert not {c["id"] for one, _ in twice for c in one["candidates"]} & {
        c["id"] for _, two in twice for c in two["candidates"]
    }
    (line,) = light.owner.get("/projects/one/agreement")["annotators"]
    assert line["self"] == {"right": turned - 1, "total": turned} and line["judgements"] == 16
    assert len(light.owner.get("/projects/one/export").text.splitlines()) == 16


@pytest.mark.slow
def test_a_check_of_attention_is_passed_by_putting_the_shuffled_text_last(light: Any) -> None:
    light.project(tasks=0, attention_share=0.5, overlap=2)
    words = "one two three four five six seven"
    rows = [said(f"q{number}", f"{words} {number}", "short", "other") for number in range(8)]
    light.owner.post("/projects/one/tasks", {"rows": rows})
    ada = light.guest("ada", projects=("one",))
    checks = 0
    while tasks := ada.take():
        texts = [one["text"] for one in tasks[0]["candidates"]]
        spoiled = [one for one in texts if " " in one and not one.startswith(words)]
        checks += len(spoiled)
        rest = sorted(one for one in texts if one not in spoiled)
        ada.judge(tasks[0], [*spoiled, *rest] if checks == 1 and spoiled else [*rest, *spoiled])
    (line,) = light.owner.get("/projects/one/agreement")["annotators"]
    assert checks >= 2 and line["attention"] == {"right": checks - 1, "total": checks}
    assert controls.shuffled("too few words", 1) is None
    mixed = controls.shuffled(words, 1)
    assert mixed and mixed != words and sorted(mixed.split()) == sorted(words.split())


def test_a_guideline_that_must_be_confirmed_stops_new_tasks_and_loses_no_judgement(light: Any) -> None:
    light.project(tasks=3)
    ada = light.guest("ada", projects=("one",))
    (task,) = ada.take()
    for text, must in (("First", False), ("Second", True), ("Third", False)):
        light.owner.post("/projects/one/guideline", {"text": text, "must_acknowledge": must})
    assert ada.post("/projects/one/leases", {"count": 1}, 409)["error"]["code"] == "guideline"
    ada.judge(task, guideline=0)
    now = ada.get("/projects/one/guideline")
    assert (now["version"], now["text"], now["acknowledged"], now["must_acknowledge"]) == (
        3,
        "Third",
        False,
        True,
    )
    assert (
        ada.post("/projects/one/guideline/acknowledge", {"version": 2}, 409)["error"]["code"] == "guideline"
    )
    assert ada.post("/projects/one/guideline/acknowledge", {"version": 3})["acknowledged"]
    assert len(ada.take()) == 1
    assert [one["text"] for one in ada.get("/projects/one/guideline/versions")["versions"]] == [
        "Third",
        "Second",
        "First",
    ]
    assert ada.get("/projects/one")["guideline"] == 3 and not ada.get("/projects/one")["must_acknowledge"]


def test_models_are_compared_blind_and_named_to_reviewers_alone(light: Any) -> None:
    light.project(tasks=4, candidates=2, mode="compare", overlap=1)
    ada = light.guest("ada", projects=("one",))
    orders = [["a0", "b0"], ["a1", "b1"], ["b2", "a2"]]
    for order in orders:
        ada.judge(ada.take()[0], order)
    (task,) = ada.take()
    ids = [one["id"] for one in task["candidates"]]
    ada.post("/projects/one/judgements", ada.body(task) | {"tiers": [ids], "all_bad": True})  # both bad
    told = light.owner.get("/projects/one/comparison")
    (pair,) = told["pairs"]
    assert told["n"] == 4 and (pair["a"], pair["b"]) == ("model-0", "model-1")
    assert (pair["wins"], pair["ties"], pair["losses"], pair["win_rate"]) == (2, 1, 1, 0.625)
    # Student's interval of 1, 1, 0, 0.5: 0.625 -+ 3.182446 * 0.478714 / 2, cut at 1
    assert pair["low"] == pytest.approx(0.0, abs=1e-9) and pair["high"] == 1.0


def test_conflict_is_the_share_of_shared_pairs_that_are_turned() -> None:
    abc, acb, cba = [[0], [1], [2]], [[0], [2], [1]], [[2], [1], [0]]
    assert past.conflict([abc]) == past.conflict([abc, abc]) == 0.0
    assert past.conflict([abc, acb]) == pytest.approx(1 / 3)
    assert past.conflict([abc, cba]) == 1.0
    assert past.conflict([abc, [[0, 1], [2]]]) == 0.0  # a tie contradicts nobody
    assert past.conflict([abc, acb, cba]) == pytest.approx((1 + 3 + 2) / 9)


def test_a_reviewer_decides_what_people_differ_on(house: Any) -> None:
    house.project(tasks=1, candidates=2, overlap=2)
    ada, bea = (house.guest(name, projects=("one",)) for name in ("ada", "bea"))
    lead = house.guest("lead", "reviewer", ("one",))
    for who, order in ((ada, ["a0", "b0"]), (bea, ["b0", "a0"])):
        who.judge(who.take()[0], order)
    (hard,) = lead.get("/projects/one/agreement")["hardest"]
    assert (hard["prompt"], hard["prompt_id"], hard["disagreement"]) == ("Question 0", "p00000", 1.0)
    told = lead.get(f"/projects/one/tasks/{hard['task']}")
    names = {one["id"]: one["text"] for one in told["task"]["candidates"]}
    orders = sorted([names[one] for (one,) in opinion["tiers"]] for opinion in told["judgements"])
    assert orders == [["a0", "b0"], ["b0", "a0"]] and len({one["by"] for one in told["judgements"]}) == 2
    ids = {text: name for name, text in names.items()}
    body = {
        "key": str(uuid.uuid4()),
        "tiers": [[ids["a0"]], [ids["b0"]]],
        "reason": "slip",
        "comment": "plain",
    }
    first = lead.post(f"/projects/one/tasks/{hard['task']}/adjudicate", body)
    assert (
        lead.post(f"/projects/one/tasks/{hard['task']}/adjudicate", body)["judgement"] == first["judgement"]
    )
    last = lead.get(f"/projects/one/tasks/{hard['task']}")["judgements"][-1]
    assert (last["kind"], last["reason"], last["comment"]) == ("adjudication", "slip", "plain")
    assert house.owner.get("/projects/one/progress")["done"] == 2  # it fills nobody's place
    rows = [json.loads(line) for line in house.owner.get("/projects/one/export").text.splitlines()]
    assert [row["tiers"] for row in rows] == [[[0], [1]], [[1], [0]], [[0], [1]]]
    # A change of mind is a new revision: the first decision stays on record, and counts no more.
    turned = {**body, "key": str(uuid.uuid4()), "tiers": [[ids["b0"]], [ids["a0"]]]}
    lead.post(f"/projects/one/tasks/{hard['task']}/adjudicate", turned)
    rows = [json.loads(line) for line in house.owner.get("/projects/one/export").text.splitlines()]
    assert [row["tiers"] for row in rows] == [[[0], [1]], [[1], [0]], [[1], [0]]]
    with house.store.reading() as session:
        kept = session.scalars(
            select(Judgement).where(Judgement.kind == "adjudication").order_by(Judgement.id)
        ).all()
        assert [one.revision for one in kept] == [1, 2] and kept[1].revises == kept[0].id


def test_progress_and_overview_tell_what_is(light: Any) -> None:
    light.project(tasks=2, overlap=2)
    ada = light.guest("ada", projects=("one",))
    for seconds in (2.0, 6.0):
        ada.judge(ada.take()[0], active_seconds=seconds)
    told = ada.get("/projects/one/progress")
    assert told == {"today": 2, "mine": 2, "done": 2, "total": 4, "median_seconds": 4.0, "agreement": None}
    overview = ada.get("/projects/one/overview")
    assert [one["name"] for one in overview["loop"]] == [
        "demonstrations", "sft", "samples", "rankings", "reward", "policy", "evaluation", "gate",
    ]  # fmt: skip
    assert overview["loop"][3] == {
        "name": "rankings",
        "count": 2,
        "state": "working",
        "note": "2 of 4 judgements",
    }
    assert [one["count"] for one in overview["per_day"]] == [2] and overview["advice"] == [
        "2 judgements are left."
    ]


def test_the_overview_sees_how_far_the_run_is(light: Any, tmp_path: Path) -> None:
    light.project(tasks=1)
    with light.store.writing() as session:
        session.scalars(select(Project)).one().run = str(tmp_path / "run")
    states = {one["name"]: one["state"] for one in light.owner.get("/projects/one/overview")["loop"]}
    assert states["sft"] == states["gate"] == "unknown" and states["rankings"] == "working"
    for stage in ("sft", "sample"):
        (tmp_path / "run" / stage).mkdir(parents=True)
        manifest.seal(tmp_path / "run" / stage, {"key": "k"})
    (tmp_path / "run" / "rank.partial").mkdir()
    (tmp_path / "run" / "sample" / manifest.NAME).write_text("{}", encoding="utf-8")
    states = {one["name"]: one["state"] for one in light.owner.get("/projects/one/overview")["loop"]}
    assert (states["sft"], states["samples"], states["reward"]) == ("done", "damaged", "waiting")
