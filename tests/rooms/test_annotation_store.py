"""Judgements: stored once, never changed, each revision kept, and forgotten only with a tombstone."""

import json
import re
import threading
import uuid
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from concord.annotation import chain, material, words
from concord.annotation.tables import Content, Judgement, Project, Prompt, Table, Used


def count(house: Any, table: Any) -> int:
    with house.store.reading() as session:
        return len(session.scalars(select(table)).all())


def said(house: Any, number: int) -> Any:
    with house.store.reading() as session:
        return json.loads(session.get_one(Content, number).body)


def test_s7_the_same_key_stores_one_row_and_answers_the_same(house: Any) -> None:
    house.project(overlap=3)
    ada = house.guest("ada", projects=("one",))
    (task,) = ada.take()
    body = ada.body(task)
    first = ada.post("/projects/one/judgements", body)
    again = ada.post("/projects/one/judgements", body)
    assert (first["judgement"], first["revision"]) == (again["judgement"], again["revision"]) and count(
        house, Judgement
    ) == 1
    other = ada.post("/projects/one/judgements", body | {"comment": "no"}, 409)
    assert other["error"]["code"] == "key_used"
    double = ada.post("/projects/one/judgements", body | {"key": str(uuid.uuid4())}, 409)
    assert double["error"]["code"] == "already_judged" and count(house, Judgement) == 1


def test_s7_the_same_key_at_the_same_time_stores_one_row(house: Any) -> None:
    house.project(overlap=3)
    ada = house.guest("ada", projects=("one",))
    body = ada.body(ada.take()[0])
    got: list[int] = []
    threads = [
        threading.Thread(target=lambda: got.append(ada.post("/projects/one/judgements", body)["judgement"]))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 4 and len(set(got)) == 1 and count(house, Judgement) == 1


def test_a_change_is_a_new_revision_and_both_stay(house: Any) -> None:
    house.project(tasks=1)
    ada = house.guest("ada", projects=("one",))
    (task,) = ada.take()
    first = ada.judge(task, ["a0", "b0", "c0"], comment="hm")["judgement"]
    assert ada.judge(task, ["c0", "b0", "a0"], revises=first)["revision"] == 2
    assert ada.judge(task, revises=first, status=409)["error"]["code"] == "not_latest"
    assert count(house, Judgement) == 2
    (mine,) = ada.get("/projects/one/mine")["judgements"]
    named = {one["id"]: one["text"] for one in mine["task"]["candidates"]}
    assert [[named[name] for name in tier] for tier in mine["tiers"]] == [["c0"], ["b0"], ["a0"]]
    assert mine["revision"] == 2 and mine["comment"] is None
    exported = [json.loads(line) for line in house.owner.get("/projects/one/export").text.splitlines()]
    assert [row["tiers"] for row in exported] == [[[2], [1], [0]]]


def test_all_that_was_said_is_kept_by_position_and_as_it_was_shown(house: Any) -> None:
    house.project(
        tasks=1, partial_allowed=True, aspects=[{"name": "kind", "title": "Kindness", "low": 0, "high": 4}]
    )
    ada = house.guest("ada", projects=("one",))
    (task,) = ada.take()
    ids = {one["text"]: one["id"] for one in task["candidates"]}
    shown = [one["id"] for one in task["candidates"]]
    more = {
        "aspects": {"kind": {ids["b0"]: 3.5}},
        "edits": {ids["c0"]: "better"},
        "shown": shown,
        "first_seconds": 0.5,
        "keystrokes": 3,
        "comment": "<script>1</script>",
        "all_bad": True,
    }
    number = ada.judge(task, ["c0", "a0"], **more)["judgement"]
    order = ["a0", "b0", "c0"]
    about = words.canonical([[{"role": "user", "content": "Question 0"}], order])
    found = said(house, number)
    assert re.fullmatch("[0-9a-f]{32}", found.pop("salt"))
    assert found == {
        "tiers": [[2], [0]],
        "all_bad": True,
        "skip": None,
        "comment": "<script>1</script>",
        "aspects": {"kind": {"1": 3.5}},
        "edits": {"2": "better"},
        "shown": [order.index(one["text"]) for one in task["candidates"]],
        "active_seconds": 4.0,
        "idle_seconds": 1.0,
        "first_seconds": 0.5,
        "keystrokes": 3,
        "guideline": 0,
        "words": words.sha256(about),
    }
    rankings = [json.loads(line) for line in house.owner.get("/projects/one/export").text.splitlines()]
    assert [row["tiers"] for row in rankings] == [[[2], [0]], [[0], [1]]]
    assert [one["text"] for one in rankings[1]["completions"]] == ["better", "c0"] and rankings[0]["all_bad"]
    shown_best = house.owner.get("/projects/one/export?format=concord-demonstrations").text
    assert json.loads(shown_best)["completion"] == "better"
    rating = json.loads(house.owner.get("/projects/one/export?format=concord-ratings").text)
    assert (rating["value"], rating["aspect"], rating["completion"]["text"]) == (3.5, "kind", "b0")


WRONG = {
    "twice": ({"order": ["a0", "a0", "b0"]}, "tiers"),
    "partial": ({"order": ["a0", "b0"]}, "tiers"),
    "unknown_candidate": ({"tiers": [["0" * 16]]}, "tiers"),
    "unknown_aspect": ({"aspects": {"wit": {}}}, "aspects"),
    "skip": ({"skip": "no"}, "tiers"),
    "shown": ({"shown": []}, None),
    "invalid": ({"active_seconds": -1}, "active_seconds"),
}


@pytest.mark.parametrize("code", WRONG)
def test_what_makes_no_sense_is_refused_with_its_field(light: Any, code: str) -> None:
    light.project(tasks=1)
    ada = light.guest("ada", projects=("one",))
    (task,) = ada.take()
    change, field = WRONG[code]
    body = ada.body(task, change.pop("order", None)) | change
    if code == "shown":
        ada.post("/projects/one/judgements", body)  # not told: then it is the order that was sent
        return
    told = ada.post("/projects/one/judgements", body, 422)["error"]
    assert (told["code"], told["field"]) == (code, field)


@pytest.mark.parametrize("table", ["judgement", "content", "guideline"])
def test_the_database_itself_refuses_to_change_history(house: Any, table: str) -> None:
    house.project(tasks=1)
    house.owner.post("/projects/one/guideline", {"text": "Be kind."})
    ada = house.guest("ada", projects=("one",))
    ada.judge(ada.take()[0])
    column = {"judgement": "made", "content": "body", "guideline": "text"}[table]
    for deed in (f"UPDATE {table} SET {column} = {column}", f"DELETE FROM {table}"):
        with (
            pytest.raises(DBAPIError, match=r"never changed|never deleted|only with its prompt"),
            house.store.writing() as session,
        ):
            session.execute(text(deed))


def unguarded(house: Any, *deeds: str) -> None:
    """What somebody with the database's own rights could do."""
    with house.store.writing() as session:
        if house.store.sqlite:
            for name in session.scalars(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all():
                session.execute(text(f"DROP TRIGGER {name}"))
        else:
            session.execute(text("SET LOCAL session_replication_role = replica"))
        for deed in deeds:
            session.execute(text(deed))


FORGERIES = {
    "UPDATE judgement SET made = made + 1 WHERE number = 2": "judgement 2 of the project .* was changed: its hash",
    "UPDATE judgement SET person_id = 1 WHERE number = 3": "judgement 3 of the project .* was changed: its hash",
    "UPDATE content SET body = replace(body, '4.0', '4.1') WHERE judgement_id = 2": "judgement 2 .* another digest",
    "DELETE FROM content WHERE judgement_id = 1": "judgement 1 .* lost what it said",
    "UPDATE candidate SET text = 'z' WHERE task_id = 2 AND position = 0": "judgement 2 .* texts of the answers",
    'UPDATE candidate SET completions = \'[{"text": "z"}]\' WHERE task_id = 2': "judgement 2 .* texts of the",
    "UPDATE prompt SET messages = '[]' WHERE name = 'p00001'": "judgement 2 .* prompt or the answers",
    "UPDATE project SET head = '', length = 0": "judgement 4 is missing",
}


@pytest.mark.parametrize("deed", FORGERIES)
@pytest.mark.slow
def test_s7_the_first_changed_row_is_named(house: Any, deed: str) -> None:
    house.project(tasks=3)
    ada = house.guest("ada", projects=("one",))
    for task in ada.take(3):
        ada.judge(task)
    sound = house.owner.get("/projects/one/history")
    assert sound["flaw"] is None and sound["judgements"] == 3 and len(sound["head"]) == 64
    unguarded(house, deed)
    flaw = house.owner.get("/projects/one/history")["flaw"]
    assert flaw and re.search(FORGERIES[deed], flaw), flaw


def test_a_missing_link_is_named(house: Any) -> None:
    house.project(tasks=3)
    ada = house.guest("ada", projects=("one",))
    for task in ada.take(3):
        ada.judge(task)
    unguarded(house, "DELETE FROM content WHERE judgement_id = 2", "DELETE FROM judgement WHERE number = 2")
    assert "judgement 2 of the project is missing" in house.owner.get("/projects/one/history")["flaw"]


def test_s25_an_erased_prompt_is_gone_and_leaves_a_tombstone(house: Any, tmp_path: Path) -> None:
    house.project(tasks=2, overlap=2)
    ada, bea = (house.guest(name, projects=("one",)) for name in ("ada", "bea"))
    for who in (ada, bea):
        for task in who.take(2):
            who.judge(task, comment=f"secret of {task['prompt']['messages'][0]['content']}")
    with house.store.writing() as session:
        project = session.scalars(select(Project)).one()
        project.run = "/runs/first"
        for length, folder in ((1, "/runs/before"), (4, "/runs/second")):
            session.add(Used(project_id=project.id, folder=folder, length=length, head="", made=0))
    (held,) = house.guest("cyd", projects=("one",)).take() or [None]
    assert held is None
    told = house.owner.post("/projects/one/erase", {"prompt_id": "p00000", "reason": "asked for"})
    assert told == {"tasks": 1, "judgements": 2, "runs": ["/runs/first", "/runs/before", "/runs/second"]}
    assert house.owner.post("/projects/one/erase", {"prompt_id": "p00000", "reason": "again"}, 410)
    nul = house.owner.post("/projects/one/erase", {"prompt_id": "p\0", "reason": "NUL"}, 422)["error"]
    assert nul["field"] == "prompt_id" and "NUL" in nul["message"]
    with house.store.reading() as session:
        stone = session.scalars(select(Prompt).where(Prompt.name == "p00000")).one()
        everything = [
            tuple(row) for table in Table.metadata.sorted_tables for row in session.execute(select(table))
        ]
    assert (stone.reason, stone.messages, stone.erased_by) == ("asked for", [], house.owner.id)
    assert (
        "Question 0" not in str(everything)
        and "'a0'" not in str(everything)
        and "Question 1" in str(everything)
    )
    if house.store.sqlite:  # nor in what SQLite has set free
        files = [path.read_bytes() for path in Path(house.store.name).parent.iterdir()]
        assert not any(b"Question 0" in data for data in files) and any(
            b"Question 1" in data for data in files
        )
    found = words.of_task("p00000", ["a0", "b0", "c0"], []), words.of_task("p00001", ["a1", "b1", "c1"], [])
    assert [one in str(everything) for one in found] == [False, True]  # by it, the texts could be guessed
    assert house.owner.get("/projects/one/history")["flaw"] is None and count(house, Judgement) == 4
    assert len(house.owner.get("/projects/one/export").text.splitlines()) == 2
    assert len(ada.get("/projects/one/mine")["judgements"]) == 1
    again = house.owner.post("/projects/one/tasks", {"rows": material_rows()})
    assert again["tasks"] == 0 and "erased" in again["left_out"][0]


def test_a_text_that_was_changed_together_with_its_digest_is_named_by_what_was_said_of_it(light: Any) -> None:
    """Only a judgement from before there was a digest of the words in each does not tell."""
    light.project(tasks=1, candidates=2)
    ada = light.guest("ada", projects=("one",))
    ada.judge(ada.take()[0])
    forged = words.of_task("p00000", ["b0", "a0"], [])
    turned = "text = CASE text WHEN 'a0' THEN 'b0' ELSE 'a0' END, completions = '[]'"
    unguarded(light, f"UPDATE candidate SET {turned}", f"UPDATE task SET content = '{forged}'")
    assert "other words than were judged" in light.owner.get("/projects/one/history")["flaw"]
    unguarded(light, "UPDATE prompt SET erased = 1")  # which hides nothing while what was said is there
    assert "other words than were judged" in light.owner.get("/projects/one/history")["flaw"]
    unguarded(light, "UPDATE prompt SET erased = NULL")
    with light.store.writing() as session:
        row, project = session.scalars(select(Judgement)).one(), session.scalars(select(Project)).one()
        content = session.scalars(select(Content)).one()
        old = {name: one for name, one in json.loads(content.body).items() if name not in ("words", "salt")}
        content.body = words.canonical(old)
        row.digest = words.sha256(content.body)
        row.hash = project.head = chain.link(row)
    assert light.owner.get("/projects/one/history")["flaw"] is None


@pytest.mark.slow
def test_a_check_of_attention_is_made_of_the_words_of_its_task(light: Any) -> None:
    light.project(tasks=0, attention_share=0.5, overlap=2)
    rows = [{"prompt": "q", "text": f"one two three four five six {number}"} for number in range(3)]
    light.owner.post("/projects/one/tasks", {"rows": rows})
    for name in ("ada", "bea", "cyd", "dan"):
        guest = light.guest(name, projects=("one",))
        while tasks := guest.take():
            guest.judge(tasks[0])
    assert light.owner.get("/projects/one/history")["flaw"] is None
    unguarded(light, "UPDATE candidate SET text = 'z' WHERE task_id = 2 AND position = 2")
    assert "other words than its task" in light.owner.get("/projects/one/history")["flaw"]


def material_rows() -> list[dict[str, Any]]:
    prompt = {"id": "p00000", "messages": [{"role": "user", "content": "Question 0"}]}
    return [{"prompt": prompt, "text": name} for name in ("a", "b")]


def test_digests_are_of_json_written_in_one_way_only() -> None:
    assert words.canonical({"b": 1.5, "a": ["ü", None]}) == '{"a":["ü",null],"b":1.5}'
    assert words.sha256("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert material.SHOWN == 20
