"""Serving: who is let in, what is refused and how fast, and what becomes of those who leave."""

import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.rooms.speakers import Echo, chat, serving

from concord.errors import SettingsError, StoreError
from concord.serving import app, server
from concord.serving.app import Keys
from concord.serving.asked import LONGEST
from concord.serving.desk import Desk
from concord.serving.faults import Refusal
from concord.serving.server import Front, Server, keys_in
from concord.serving.service import Offer, Service

TOKEN = "marker-token-0123456789-abcdef"

WRONG: dict[str, Any] = {
    "nothing": b"",
    "no JSON": b"{",
    "a list": b"[]",
    "a number": b"7",
    "deep": b"[" * 100_000,
    "a number without end": b'{"model": "echo", "n": ' + b"9" * 5000 + b"}",
    "not a number": b'{"model": "echo", "messages": [{"role": "user", "content": "a"}], "temperature": NaN}',
    "half a character": b'{"model": "echo", "messages": [{"role": "user", "content": "\\ud800"}]}',
    "NUL": b'{"model": "echo", "messages": [{"role": "user", "content": "a\\u0000"}]}',
    "no messages": chat() | {"messages": []},
    "an unknown key": chat(chat_template_kwargs={"tokenize": True}),
    "a template": chat(chat_template="{{ 1 }}"),
    "n": chat(n=100_000),
    "n of nothing": chat(n=0),
    "n that is true": chat(n=True),
    "n as text": chat(n="2"),
    "temperature": chat(temperature=-1),
    "top_p": chat(top_p=0),
    "tokens": chat(max_tokens=2**40),
    "no tokens": chat(max_tokens=0),
    "stops": chat(stop=["a"] * 100),
    "an empty stop": chat(stop=""),
    "seed": chat(seed=2**70),
    "a penalty": chat(frequency_penalty=0.5),
    "tools": chat(tools=[{"type": "function"}]),
    "a role": {"model": "echo", "messages": [{"role": "tool", "content": "a"}]},
    "a picture": {"model": "echo", "messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
    "the assistant last": {"model": "echo", "messages": [{"role": "assistant", "content": "a"}]},
    "too many characters": chat("a" * (LONGEST + 1)),
    "too many tokens": chat("a" * 300),
    "a model": chat() | {"model": 7},
    "JSON as the form of the answer": chat(response_format={"type": "json_object"}),
    "likeliest tokens without log-probabilities": chat(top_logprobs=2),
    "best of a million": chat(concord={"n": 10**6}),
}


@pytest.mark.parametrize("name", WRONG)
def test_s16_a_bad_body_is_refused_in_the_shape_that_clients_know(name: str) -> None:
    body = WRONG[name]
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    speaker = Echo()
    with serving(speaker) as client:
        reply = client.post("/v1/chat/completions", content=raw, headers={"content-type": "application/json"})
    assert reply.status_code == 400, reply.text
    error = reply.json()["error"]
    assert set(error) == {"message", "type", "param", "code"} and error["type"] == "invalid_request_error"
    # A place is named as the client wrote it, without our own kinds of values.
    assert "function-" not in error["message"] and "[" not in (error["param"] or "")
    assert speaker.asked == 0


PLAIN_WRONG = (
    {"prompt": []},
    {"prompt": [[]]},
    {"prompt": ""},
    {"prompt": [-1]},
    {"prompt": [0x110000]},
    {"prompt": [["a"]]},
    {"prompt": ["a", 1]},
    {"prompt": "a", "best_of": 1000},
    {"prompt": "a", "max_tokens": 0},
    {"prompt": "a", "logprobs": 1000},
    {"prompt": ["a"] * 64, "n": 64},
    {"prompt": "a", "stream": True, "echo": True},
    {"prompt": "a", "concord": {"n": 2}},
)


@pytest.mark.parametrize("body", PLAIN_WRONG, ids=str)
def test_s16_bad_texts_are_refused(body: dict[str, Any]) -> None:
    with serving() as client:
        reply = client.post("/v1/completions", json={"model": "echo", **body})
    assert reply.status_code == 400, reply.text


def test_s16_a_body_has_a_limit_that_holds_before_it_is_read() -> None:
    with serving() as client:
        told = client.post(
            "/v1/chat/completions",
            content=b" " * (app.MOST + 1),
            headers={"content-type": "application/json"},
        )

        def dripping() -> Iterator[bytes]:
            for _ in range(app.MOST // 2**16 + 2):
                yield b" " * 2**16

        untold = client.post(
            "/v1/chat/completions", content=dripping(), headers={"content-type": "application/json"}
        )
        kind = client.post("/v1/chat/completions", content=b"{}", headers={"content-type": "text/plain"})
    assert (told.status_code, untold.status_code, kind.status_code) == (413, 413, 415)


CROWDED = {
    "numbers": ("/v1/completions", {"prompt": [1.5] * 500_000}),
    "messages": ("/v1/chat/completions", {"messages": [1] * 900_000}),
    "lists": ("/v1/completions", {"prompt": [[]] * 600_000}),
    "fields": ("/v1/chat/completions", {f"{number}": 0 for number in range(150_000)}),
    "signs in a text": ("/v1/completions", {"prompt": "[{:," * 50_000}),
}


@pytest.mark.parametrize("name", CROWDED)
def test_s16_what_is_wrong_with_a_body_is_not_told_a_hundred_thousand_times(name: str) -> None:
    """To find all that is wrong with such a body took a second and half a gigabyte, in which nobody was answered."""
    path, asked = CROWDED[name]
    raw = json.dumps({"model": "echo", **asked}, separators=(",", ":")).encode()
    assert len(raw) < app.MOST
    with serving() as client:
        reply = client.post(path, content=raw, headers={"content-type": "application/json"})
    found = re.search(r"\((\d+) more\)", reply.json()["error"]["message"])
    assert reply.status_code == 400 and (found is None or int(found[1]) < 5), reply.text
    assert name != "signs in a text" or reply.json()["error"]["code"] == "context_length_exceeded"


def test_addresses_and_methods_that_there_are_not() -> None:
    with serving() as client:
        assert client.get("/v1/chat/completions").status_code == 405
        assert client.get("/v1/other").status_code == 404
        assert client.get("/docs").json()["error"]["type"] == "not_found_error"


ROUTES = (
    ("GET", "/healthz"),
    ("GET", "/v1/models"),
    ("GET", "/v1/models/echo"),
    ("POST", "/v1/chat/completions"),
    ("POST", "/v1/completions"),
    ("POST", "/v1/feedback"),
)


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_s3_a_foreign_name_is_refused_on_every_route(method: str, path: str) -> None:
    with serving() as client:
        for host in ("evil.example", "evil.example:8643", "127.0.0.1.evil.example", ""):
            assert client.request(method, path, headers={"host": host}).status_code == 421
        for host in ("localhost:8643", "[::1]:8643", "SERVED.example", "127.0.0.1"):
            assert client.request(method, path, headers={"host": host}).status_code != 421


def test_s2_a_page_of_another_site_may_not_ask() -> None:
    with serving() as client:
        for headers in (
            {"origin": "https://evil.example"},
            {"origin": "null"},
            {"sec-fetch-site": "cross-site"},
        ):
            assert client.post("/v1/chat/completions", json=chat(), headers=headers).status_code == 403


@pytest.mark.slow
def test_s4_every_route_and_method_needs_a_token_but_one() -> None:
    with serving(keys=Keys.of(["other-token-0123456789-abcdef", TOKEN])) as client:
        known = {route.path for route in client.app.app.router.routes}  # type: ignore[attr-defined]
        assert known == {path.replace("echo", "{name:path}") for _, path in ROUTES}
        for path in {path for _, path in ROUTES} | {"/v1/other"}:
            for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
                for value in (
                    None,
                    "",
                    "Bearer",
                    f"Bearer {TOKEN}x",
                    f"Basic {TOKEN}",
                    f"Bearer {TOKEN[:-1]}",
                ):
                    headers = {} if value is None else {"authorization": value}
                    reply = client.request(method, path, headers=headers)
                    assert (reply.status_code == 401) == (path != "/healthz"), (method, path, value)
        reply = client.post(
            "/v1/chat/completions", json=chat(max_tokens=1), headers={"authorization": f"Bearer {TOKEN}"}
        )
    assert reply.status_code == 200


def test_s9_only_hashes_of_tokens_are_kept() -> None:
    keys = Keys.of([TOKEN])
    assert keys.fits(TOKEN) and not keys.fits("é" * 30)
    assert TOKEN not in repr(keys) + repr(vars(keys)) + repr(Front(keys=keys))


def test_s23_a_network_is_served_with_tokens_alone(tmp_path: Path) -> None:
    for host in ("0.0.0.0", "::", "192.168.1.7"):
        with pytest.raises(SettingsError, match="token-file"):
            Front(host).check()
        Front(host, keys=Keys.of([TOKEN])).check()
    file = tmp_path / "tokens"
    for words, complaint in (("", "holds no token"), ("short\n", "24 to 200"), ("a b " * 20, "24 to 200")):
        file.write_text(words)
        with pytest.raises(SettingsError, match=complaint):
            keys_in(file)
    file.write_text(f"# ours\n{TOKEN}\n")
    assert keys_in(file).fits(TOKEN)
    with pytest.raises(StoreError, match="does not exist"):
        keys_in(tmp_path / "none")


def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(StoreError, match=f"port {port}"):
            Server(Service(Desk(Echo()), Offer(8)), Front(port=port))


def test_the_log_of_the_server_spells_out_what_a_terminal_would_obey() -> None:
    import logging

    record = logging.LogRecord("x", logging.ERROR, "", 0, "bad \x1b[2J name", None, None)
    assert server.Spelt("%(message)s").format(record) == "bad \\x1b[2J name"


def test_a_refusal_says_which_kind_it_is() -> None:
    assert [Refusal(status, "").kind for status in (400, 401, 404, 429, 500, 503)] == [
        "invalid_request_error",
        "authentication_error",
        "not_found_error",
        "invalid_request_error",
        "server_error",
        "overloaded_error",
    ]


def test_prompts_that_are_only_read_take_one_place_each() -> None:
    """As evaluation harnesses send them: as many prompts as a request may have, no answer, what they said echoed."""
    with serving() as client:
        asked = {
            "model": "echo",
            "prompt": ["some words"] * 100,
            "echo": True,
            "max_tokens": 0,
            "logprobs": 1,
        }
        reply = client.post("/v1/completions", json=asked)
        assert reply.status_code == 200 and len(reply.json()["choices"]) == 100
