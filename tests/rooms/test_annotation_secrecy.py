"""What leaves the server and what reaches its store: nothing that anybody should not know, nothing too long."""

import json
import logging
import re
import uuid
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from tests.rooms.entering import come_in, way_in

from concord.annotation import entry
from concord.annotation.app import create_app
from concord.annotation.replies import POLICY, Discreet
from concord.annotation.views import order

ADDRESS = "http://127.0.0.1:8642"


def test_s9_secrets_are_stored_hashed_and_compared_in_constant_time(light: Any) -> None:
    import inspect

    secret = light.owner.token
    browser, link = come_in(light), way_in(light)
    cookie = browser.cookies["concord_session"]
    light.store.close()
    data = b"".join(
        path.read_bytes() for path in __import__("pathlib").Path(light.store.name).parent.iterdir()
    )
    assert data and not any(one.encode() in data for one in (secret, link, cookie))
    for one in (entry.by_token, entry.by_cookie):
        assert "same(row.digest, name)" in inspect.getsource(one)
    from concord.annotation import people

    assert "hmac.compare_digest" in inspect.getsource(people.same)


def test_s10_bodies_have_a_limit_that_holds_before_they_are_read(light: Any) -> None:
    light.project()
    ada = light.guest("ada", projects=("one",))
    (task,) = ada.take()
    long = ada.body(task, comment="x" * (3 * 2**20))
    assert ada.post("/projects/one/judgements", long, 413)["error"]["code"] == "length"

    def drops() -> Any:
        yield from (b"[" * 2**16 for _ in range(64))

    headers = {**ada.credentials, "content-type": "application/json"}
    assert (
        ada.client.post("/api/v1/projects/one/judgements", headers=headers, content=drops()).status_code
        == 413
    )
    assert light.browser().post("/api/v1/login", json={"token": "x" * 5000}).status_code == 413


def test_s10_a_body_of_too_many_values_is_refused_before_each_is_found_wrong(light: Any) -> None:
    light.project(tasks=1)
    ada = light.guest("ada", projects=("one",))
    many = {f"{number}": 0 for number in range(150_000)}
    assert ada.post("/projects/one/judgements", many, 413)["error"]["code"] == "length"
    assert light.owner.post("/projects/one/priorities", {"values": many}, 413)["error"]["code"] == "length"
    told = light.owner.post("/projects/one/tasks", {"rows": [0] * 150_000}, 422)["error"]
    assert told["field"] == "rows.0" and "more" not in told["message"]
    ada.judge(ada.take()[0], comment=":," * 5_000)  # signs in a text are none between values


BAD = {
    "nul": '{"text": "a\\u0000b"}',
    "half": '{"text": "\\ud800"}',
    "nan": '{"text": "x", "must_acknowledge": NaN}',
    "unknown": '{"text": "x", "colour": 1}',
    "deep": '{"text": ' + "[" * 100_000,
    "broken": '{"text": ',
    "list": "[]",
    "long": json.dumps({"text": "x" * 100_001}),
}


@pytest.mark.parametrize("name", BAD)
def test_bodies_are_closed_and_no_text_reaches_the_store_that_it_cannot_hold(light: Any, name: str) -> None:
    light.project()
    headers = {**light.owner.credentials, "content-type": "application/json"}
    reply = light.client.post("/api/v1/projects/one/guideline", headers=headers, content=BAD[name].encode())
    assert reply.status_code in (400, 422) and set(reply.json()) == {"error"}, reply.text
    unread = name in ("deep", "broken")
    assert (reply.json()["error"]["code"] == "unreadable") == unread, reply.text
    assert light.owner.get("/projects/one/guideline")["version"] == 0


@pytest.mark.slow
def test_s6_nothing_tells_models_gold_or_scores_and_nobody_shares_an_order(light: Any) -> None:
    light.project(tasks=12, candidates=4, overlap=2, gold_share=0.4)
    gold = [
        {
            "prompt": f"Known {number}",
            "completions": [{"text": "x", "by": "model-0"}, "y"],
            "tiers": [[0], [1]],
        }
        for number in range(6)
    ]
    assert light.owner.post("/projects/one/tasks", {"rows": gold, "gold": True})["tasks"] == 6
    seen: list[dict[str, list[str]]] = []
    ids: list[str] = []
    for name in ("ada", "bea"):
        who, met = light.guest(name, projects=("one",)), {}
        while True:
            headers = who.credentials
            reply = light.client.post("/api/v1/projects/one/leases", headers=headers, json={"count": 1})
            assert not re.search(r"model-|gold|by\"|score|kind|certain|position", reply.text)
            tasks = reply.json()["tasks"]
            if not tasks:
                break
            assert set(tasks[0]) == {"lease", "expires", "task", "prompt", "candidates"}
            ids += [one["id"] for one in tasks[0]["candidates"]]
            met[tasks[0]["prompt"]["messages"][0]["content"]] = [
                one["text"] for one in tasks[0]["candidates"]
            ]
            who.judge(tasks[0])
        seen.append(met)
    assert len(ids) == len(set(ids))  # nobody else's id means anything
    shared = [name for name in seen[0] if name in seen[1] and name.startswith("Question")]
    assert len(shared) == 12 and sum(seen[0][name] != seen[1][name] for name in shared) >= 9
    assert any(name.startswith("Known") for name in seen[0])


@pytest.mark.slow
def test_s6_no_number_tells_which_tasks_are_of_control(light: Any) -> None:
    """Six tasks of work, and half of all are gold: twelve are expected, and each that is taken or judged is one."""
    light.project(tasks=6, candidates=2, gold_share=0.5)
    rows = [{"prompt": f"Known {one}", "completions": ["x", "y"], "tiers": [[0], [1]]} for one in range(6)]
    light.owner.post("/projects/one/tasks", {"rows": rows, "gold": True})
    ada = light.guest("ada", projects=("one",))
    left, done, gold = [], [], 0
    while (told := ada.post("/projects/one/leases", {"count": 1}))["tasks"]:
        gold += told["tasks"][0]["prompt"]["messages"][0]["content"].startswith("Known")
        left.append(told["left"])
        now = ada.judge(told["tasks"][0])["progress"]
        views = [ada.get("/projects")[0], ada.get("/projects/one/overview"), now]
        done.append({(one["done"], one["total"]) for one in views})
    assert gold >= 2 and left == [12 - number for number in range(1, 7 + gold)]
    assert done == [{(number, 12)} for number in range(1, 6 + gold)] + [{(12, 12)}]
    assert told["left"] == 0 and light.owner.get("/projects/one/progress")["total"] == 6


def test_s6_over_1000_tasks_every_candidate_stands_first_as_often_as_any_other() -> None:
    salt = "00" * 32
    firsts = [order(salt, 7, task, 0, 4)[0] for task in range(1000)]
    # 250 each are expected, with a standard deviation of sqrt(1000 * 1/4 * 3/4) = 13.7
    assert all(205 < firsts.count(place) < 295 for place in range(4))
    assert (
        order(salt, 7, 5, 0, 9)
        == order(salt, 7, 5, 0, 9)
        != order(salt, 8, 5, 0, 9)
        != order(salt, 7, 5, 1, 9)
    )


def test_s1_the_pages_may_load_and_run_nothing_foreign(light: Any) -> None:
    for path in ("/", "/api/v1/health", "/api/v1/none", "/nothing"):
        headers = light.client.get(path).headers
        assert headers["content-security-policy"] == POLICY and headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer" and headers["x-frame-options"] == "DENY"
    rules = dict(part.split(" ", 1) for part in POLICY.split("; "))
    assert (
        rules["script-src"] == rules["style-src"] == rules["connect-src"] == "'self'"
        and "unsafe" not in POLICY
    )
    assert (
        rules["default-src"]
        == rules["object-src"]
        == rules["base-uri"]
        == rules["frame-ancestors"]
        == "'none'"
    )


def test_s10_the_pages_own_files_are_all_that_is_served_of_the_disk(light: Any, tmp_path: Path) -> None:
    static = tmp_path / "static"
    (static / "assets").mkdir(parents=True)
    (static / "index.html").write_text("<title>Concord</title>", encoding="utf-8")
    (static / "assets" / "app-1a2b.js").write_text("1", encoding="utf-8")
    (tmp_path / "secret.txt").write_text("hush", encoding="utf-8")
    (static / "link.txt").symlink_to(tmp_path / "secret.txt")
    with TestClient(create_app(light.store, ADDRESS, static=static), base_url=ADDRESS) as browser:
        assert (
            browser.get("/").text == "<title>Concord</title>"
            and browser.get("/").headers["cache-control"] == "no-cache"
        )
        assert "immutable" in browser.get("/assets/app-1a2b.js").headers["cache-control"]
        paths = (
            "/../secret.txt",
            "/%2e%2e/secret.txt",
            "/assets/..%2f..%2fsecret.txt",
            "/assets/..\\..\\secret.txt",
            "/link.txt",
        )
        for path in paths:
            reply = browser.get(path)
            assert reply.status_code == 404 and "hush" not in reply.text, path
        assert browser.get("/api/v1/me").status_code == 401


def test_s26_filters_are_values_and_never_sql(light: Any) -> None:
    light.project()
    for attempt in ("id;drop table person", "1' OR '1'='1", "../../etc/passwd", "%00"):
        for path in (
            f"/projects/{attempt}",
            f"/projects/one/tasks/{attempt}",
            f"/projects/one/mine?limit={attempt}",
        ):
            reply = light.client.get(f"/api/v1{path}", headers=light.owner.credentials)
            assert reply.status_code in (404, 422), (path, reply.status_code)
    assert (
        light.owner.get("/projects/one/export?format=concord-rankings';--", 422)["error"]["field"] == "format"
    )
    assert len(light.owner.get("/people")["people"]) == 1


def test_s24_exports_and_reviewers_see_pseudonyms(light: Any) -> None:
    light.project(tasks=1)
    ada, lead = light.guest("Ada Name", projects=("one",)), light.guest("Lead Name", "reviewer", ("one",))
    ada.judge(ada.take()[0])
    tasks = [one["id"] for one in lead.get("/projects/one/tasks/1")["task"]["candidates"]]
    body = {"key": str(uuid.uuid4()), "tiers": [[tasks[0]], tasks[1:]], "reason": "taste"}
    lead.post("/projects/one/tasks/1/adjudicate", body)
    told = [
        lead.get("/projects/one/tasks/1"),
        lead.get("/projects/one/agreement"),
        light.owner.get("/projects/one/export").text,
    ]
    assert not any("Name" in str(one) for one in told)
    names = [json.loads(line)["by"] for line in told[2].splitlines()]
    assert re.fullmatch(r"annotator-\w{8}", names[0]) and re.fullmatch(r"adjudication-\w{8}", names[1])


def test_s22_and_s30_no_secret_and_no_control_sign_reaches_the_log() -> None:
    link = "http://127.0.0.1/#/login/" + "s" * 43
    text = f"cct_abc-DEF_1 {link} concord_session=xyz; postgresql://me:hush@host/db \x1b[31mred\nforged line"
    record = logging.LogRecord("concord.web", logging.ERROR, "", 1, "%s", (text,), None)
    line = Discreet("%(levelname)s %(message)s").format(record)
    assert line == (
        "ERROR *** http://127.0.0.1/#/login/*** concord_session=***; "
        "postgresql://me:***@host/db \\x1b[31mred\\nforged line"
    )
