"""The gate: who may ask for what, from where, how much; and nothing that anybody should not know leaves."""

import json
import re
from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from tests.rooms.entering import come_in, way_in

from concord.annotation import access, clock, entry, openapi
from concord.annotation.access import ACCESS, BackOff
from concord.annotation.app import create_app
from concord.annotation.values import ROLES

PUBLIC = {("GET", "/api/v1/health"), ("POST", "/api/v1/login")}
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def every_route() -> list[tuple[str, str, str]]:
    """Method, name and an address that fits, of every route."""
    found = []
    for path, methods in json.loads(openapi.document())["paths"].items():
        address = path.replace("{p}", "one").replace("{lease}", "0" * 32)
        address = re.sub(r"\{\w+\}", "1", address)
        found += [(method.upper(), told["operationId"], address) for method, told in methods.items()]
    return found


def test_the_committed_document_is_current() -> None:
    assert openapi.FILE.read_text(encoding="utf-8") == openapi.document(), (
        "give python -m concord.annotation.openapi"
    )


@pytest.mark.slow
def test_s4_every_route_and_method_needs_credentials_but_three(light: Any) -> None:
    light.project()
    browser = light.browser()
    open_ones = set()
    for path, method in product(
        {path for _, _, path in every_route()} | {"/api/v1/none", "/api", "/api/v2/me"}, METHODS
    ):
        reply = browser.request(method, path, json={} if method not in ("GET", "HEAD") else None)
        if reply.status_code != 401:
            open_ones.add((method, path))
    assert open_ones == PUBLIC
    assert browser.get("/").status_code == 200 and browser.post("/").status_code == 405


def test_s4_a_route_without_a_role_keeps_the_server_from_starting(
    light: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(ACCESS, "export")
    with pytest.raises(RuntimeError, match="export"):
        create_app(light.store, "http://127.0.0.1:1")


@pytest.mark.slow
def test_s5_each_role_reaches_what_the_table_says_and_nothing_else(light: Any) -> None:
    light.project()
    people = {role: light.guest(role, role, ("one",)) for role in ROLES}
    for role, (method, name, path) in product(ROLES, every_route()):
        if name in access.PUBLIC:
            continue
        reply = light.client.request(
            method, path, headers=people[role].credentials, json=None if method == "GET" else {}
        )
        allowed = ROLES.index(role) >= ROLES.index(ACCESS[name])
        assert (reply.status_code != 403) == allowed, (role, name, reply.status_code)


def test_s5_what_is_not_yours_looks_like_what_is_not_there(light: Any) -> None:
    light.project(slug="one")
    light.project(slug="two")
    ada, bea = light.guest("ada", projects=("one",)), light.guest("bea", projects=("two",))
    lead = light.guest("lead", "reviewer", ("one",))
    (task,) = ada.take()
    bodies = {"leases": {"count": 1}, "judgements": ada.body(task), "guideline/acknowledge": {"version": 1}}
    for path in ("", "/mine", "/progress", "/overview", "/guideline", "/guideline/versions"):
        assert bea.get(f"/projects/one{path}", 404) == bea.get(f"/projects/none{path}", 404)
    for path, body in bodies.items():
        assert bea.post(f"/projects/one/{path}", body, 404) == bea.post(f"/projects/none/{path}", body, 404)
    bea.project = "two"
    assert bea.post("/projects/two/judgements", ada.body(task), 404)["error"]["code"] == "not_found"
    for deed in ("renew", "release"):
        assert bea.post(f"/leases/{task['lease']}/{deed}", {}, 404) == bea.post(
            f"/leases/{'0' * 32}/{deed}", {}, 404
        )
    assert lead.get("/projects/one/tasks/4", 404) == lead.get("/projects/one/tasks/400", 404)  # 4 is of two
    assert lead.get("/projects/two/agreement", 404)["error"]["code"] == "not_found"
    assert [one["slug"] for one in ada.get("/projects")] == ["one"] and ada.get("/me")["projects"] == ["one"]


@pytest.mark.parametrize("name", ["origin", "null", "plain", "form", "override", "site"])
@pytest.mark.slow
def test_s2_what_changes_anything_comes_from_our_own_pages(light: Any, name: str) -> None:
    light.project()
    browser = come_in(light)
    good = {"origin": "http://127.0.0.1:8642", "content-type": "application/json"}
    bad = {
        "origin": {**good, "origin": "http://evil.example"},
        "null": {**good, "origin": "null"},
        "plain": {**good, "content-type": "text/plain"},
        "form": {**good, "content-type": "application/x-www-form-urlencoded"},
        "override": {**good, "origin": "http://evil.example", "x-http-method-override": "GET"},
        "site": {**good, "sec-fetch-site": "cross-site"},
    }[name]
    for method, route, path in every_route():
        if method == "GET":
            continue
        reply = browser.request(method, path, headers=bad, content=b"{}")
        assert reply.status_code in (403, 415), (route, reply.status_code)
    del browser.headers["origin"]
    assert browser.post("/api/v1/logout", json={}).status_code == 403
    assert browser.get("/api/v1/me").status_code == 200
    assert browser.get("/api/v1/logout", headers={"x-http-method-override": "POST"}).status_code == 405


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "127.0.0.1:8642@evil.example", ""]
)
@pytest.mark.slow
def test_s3_a_foreign_name_is_refused_on_every_route(light: Any, host: str) -> None:
    light.project()
    for method, _, path in [*every_route(), ("GET", "", "/"), ("GET", "", "/assets/x.js")]:
        reply = light.client.request(method, path, headers={"host": host, **light.owner.credentials})
        assert reply.status_code == 421, path
    for ours in ("127.0.0.1:8642", "localhost", "LOCALHOST:1"):
        assert light.client.get("/api/v1/health", headers={"host": ours}).status_code == 200


def test_s8_a_link_serves_once_and_the_session_ends_on_the_server(light: Any) -> None:
    light.project()
    ada = light.guest("ada", projects=("one",))
    secret, browser = way_in(light, ada), light.browser()
    reply = browser.post("/api/v1/login", json={"token": secret})
    assert reply.json() == {"id": ada.id, "name": "ada", "role": "annotator", "projects": ["one"]}
    cookie = reply.headers["set-cookie"]
    for flag in ("HttpOnly", "SameSite=strict", "Path=/"):
        assert flag in cookie
    assert "Secure" not in cookie  # plain HTTP on this machine; behind TLS it is, see below
    assert browser.post("/api/v1/login", json={"token": secret}).status_code == 401
    before = browser.cookies["concord_session"]
    browser.post("/api/v1/login", json={"token": way_in(light, ada)})
    assert browser.cookies["concord_session"] != before  # a new session, and the old one is over
    assert (
        light.browser().get("/api/v1/me", headers={"cookie": f"concord_session={before}"}).status_code == 401
    )
    now = browser.cookies["concord_session"]
    assert browser.post("/api/v1/logout", json={}).status_code == 200
    assert light.browser().get("/api/v1/me", headers={"cookie": f"concord_session={now}"}).status_code == 401


def test_s8_behind_tls_the_cookie_is_secure(light: Any) -> None:
    from starlette.testclient import TestClient

    app = create_app(light.store, "https://rank.example.org")
    browser = TestClient(
        app, base_url="https://rank.example.org", headers={"origin": "https://rank.example.org"}
    )
    assert "Secure" in browser.post("/api/v1/login", json={"token": way_in(light)}).headers["set-cookie"]


def test_s8_sessions_and_links_run_out(light: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    browser, unused = come_in(light), way_in(light)
    real = clock.now
    monkeypatch.setattr(clock, "now", lambda: real() + entry.IDLE - clock.MINUTE)
    assert browser.get("/api/v1/me").status_code == 200  # and it was seen now, so it goes on
    monkeypatch.setattr(clock, "now", lambda: real() + 2 * entry.IDLE - 2 * clock.MINUTE)
    assert browser.get("/api/v1/me").status_code == 200
    monkeypatch.setattr(clock, "now", lambda: real() + 4 * entry.IDLE)
    assert browser.get("/api/v1/me").status_code == 401
    monkeypatch.setattr(clock, "now", lambda: real() + 4 * clock.DAY)
    assert light.browser().post("/api/v1/login", json={"token": unused}).status_code == 401


def test_s8_whoever_guesses_has_to_wait_longer_and_longer(
    light: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = light.browser()
    told = [browser.post("/api/v1/login", json={"token": f"wrong-{number}"}) for number in range(20)]
    assert [reply.status_code for reply in told] == [401] * 5 + [429] * 15
    assert int(told[-1].headers["retry-after"]) >= 1
    back_off, time = BackOff(), [100.0]
    monkeypatch.setattr(access.time, "monotonic", lambda: time[0])
    waits = []
    for _ in range(12):
        back_off.note("somewhere", wrong=True)
        waits.append(back_off.wait("somewhere"))
    assert waits == [0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128] and back_off.wait("elsewhere") == 0
    for _ in range(1_100):  # 2 to the power of 1,024 is beyond every float
        back_off.note("somewhere", wrong=True)
    assert back_off.wait("somewhere") == access.LONGEST_WAIT == 300
    back_off.note("somewhere", wrong=False)
    assert back_off.wait("somewhere") == 0


def test_a_closed_way_in_is_closed_at_once_and_somebody_always_keeps_the_keys(light: Any) -> None:
    light.project()
    ada = light.guest("ada", projects=("one",))
    browser, link = come_in(light, ada), way_in(light, ada)
    light.owner.post(f"/people/{ada.id}/role", {"role": "reviewer"})
    assert browser.get("/api/v1/me").json()["role"] == "reviewer"
    light.owner.post(f"/people/{ada.id}/disable", {})
    assert (
        browser.get("/api/v1/me").status_code
        == 401
        == ada.client.get("/api/v1/me", headers=ada.credentials).status_code
    )
    assert browser.post("/api/v1/login", json={"token": link}).status_code == 401
    assert light.owner.post(f"/people/{ada.id}/links", {}, 409)["error"]["code"] == "disabled"
    for deed, body in (("disable", {}), ("role", {"role": "annotator"})):
        assert (
            light.owner.post(f"/people/{light.owner.id}/{deed}", body, 409)["error"]["code"] == "last_admin"
        )


def test_a_token_of_an_admin_reaches_their_projects_with_the_role_that_it_has(light: Any) -> None:
    light.project(tasks=1)
    made = light.owner.post("/tokens", {"name": "script", "role": "annotator"})
    script = replace(light.owner, token=made["token"])
    assert script.get("/me")["projects"] == ["one"] == [one["slug"] for one in script.get("/projects")]
    script.judge(script.take()[0])
    assert script.get("/projects/one/agreement", 403) and script.get("/projects/two", 404)


def test_a_token_may_do_no_more_than_its_person_and_ends_when_revoked(light: Any) -> None:
    light.project()
    ada = light.guest("ada", "reviewer", ("one",))
    refused = light.owner.post("/tokens", {"name": "x", "person": ada.id, "role": "admin"}, 422)
    assert refused["error"]["field"] == "role"
    made = light.owner.post("/tokens", {"name": "x", "person": ada.id, "role": "annotator"})
    headers = {"authorization": f"Bearer {made['token']}"}
    assert light.client.get("/api/v1/projects/one/agreement", headers=headers).status_code == 403
    assert light.client.get("/api/v1/me", headers=headers).json()["name"] == "ada"
    assert made["token"] not in json.dumps(light.owner.get("/tokens"))
    light.client.delete(
        f"/api/v1/tokens/{made['id']}", headers={**light.owner.credentials, "origin": "http://evil.example"}
    )
    assert light.client.get("/api/v1/me", headers=headers).status_code == 200
    light.client.delete(
        f"/api/v1/tokens/{made['id']}",
        headers={**light.owner.credentials, "content-type": "application/json"},
    )
    assert light.client.get("/api/v1/me", headers=headers).status_code == 401
