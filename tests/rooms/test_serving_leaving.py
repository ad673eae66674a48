"""Serving: those who leave, drip, do not read or come when all places are taken, and a server that stops."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.rooms.speakers import Echo, chat, serving

from concord.records.growing import Growing
from concord.serving import app, server, stream
from concord.serving.asked import Chat
from concord.serving.desk import Desk, Done
from concord.serving.log import Log
from concord.serving.server import Front, Server
from concord.serving.service import Offer, Service


def until(holds: Any, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.01)


@contextmanager
def listening(speaker: Any, log: Path | None = None) -> Iterator[tuple[Server, str]]:
    """A real server in a thread."""
    service = Service(Desk(speaker), Offer(8, content="abc"), Log(log) if log else None)
    made = Server(service, Front(port=0))
    thread = threading.Thread(target=made.run)
    thread.start()
    until(lambda: made.server.started)
    try:
        yield made, made.url
    finally:
        made.stop()
        thread.join()


@pytest.mark.slow
@pytest.mark.parametrize("streaming", [False, True])
def test_whoever_leaves_is_forgotten_and_takes_no_place(tmp_path: Path, streaming: bool) -> None:
    speaker = Echo(pause=0.05, limit=100_000)
    with listening(speaker, tmp_path) as (made, url):
        body = json.dumps(chat(n=2, max_tokens=50_000, stream=streaming)).encode()
        head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n"
        line = socket.create_connection(made.socket.getsockname())
        line.sendall(head.encode() + b"Content-Type: application/json\r\n\r\n" + body)
        until(lambda: len(speaker.growing) == 2)
        line.close()
        until(lambda: len(speaker.cancelled) == 2)
        assert not speaker.growing
        until(lambda: made.service.desk.open == 0)
        assert httpx2.post(f"{url}/chat/completions", json=chat(max_tokens=2)).status_code == 200
    gone, served = map(json.loads, (tmp_path / "requests.jsonl").read_text().splitlines())
    assert gone["gone"] and gone["choices"] == [] and "gone" not in served


@pytest.mark.slow
def test_s16_a_head_that_never_ends_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "HEAD", 0.3)
    with listening(Echo()) as (made, _):
        silent = socket.create_connection(made.socket.getsockname())
        slow = socket.create_connection(made.socket.getsockname())
        slow.sendall(b"GET /healthz HTTP/1.1\r\n")
        for line in (silent, slow):
            line.settimeout(10)
            assert line.recv(100) == b""
            line.close()


@pytest.mark.slow
def test_s16_a_body_that_never_comes_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "PATIENCE", 0.2)
    with listening(Echo()) as (made, _):
        line = socket.create_connection(made.socket.getsockname())
        line.sendall(b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\n")
        line.sendall(b"Content-Type: application/json\r\n\r\n{")
        line.settimeout(10)
        assert line.recv(100).startswith(b"HTTP/1.1 408")
        line.close()


class Slow(Growing):
    """A file whose disk takes its time, or breaks in a way that nobody foresaw."""

    broken = False

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.reached, self.goes_on = threading.Event(), threading.Event()

    def add(self, lines: Iterable[str]) -> None:
        if self.broken:
            raise RuntimeError("the file turned to dust")
        self.reached.set()
        assert self.goes_on.wait(20)
        super().add(lines)


def test_who_leaves_while_the_row_is_written_neither_stops_the_log_nor_doubles_it(tmp_path: Path) -> None:
    """The row of the first is on its way to the disk when the wait for it is given up; the second is answered."""
    log = Log(tmp_path)
    log.files["requests.jsonl"] = slow = Slow(tmp_path / "requests.jsonl")
    service = Service(Desk(Echo()), Offer(8), log)

    async def leave() -> None:
        service.desk.begin()
        errand = await service.chat(Chat.model_validate(chat("a", max_tokens=1)))
        waiting = asyncio.ensure_future(service.result(errand))
        assert await asyncio.to_thread(slow.reached.wait, 20)
        waiting.cancel()
        await asyncio.sleep(0)
        service.leave(errand)
        slow.goes_on.set()
        stays = await service.chat(Chat.model_validate(chat("b", max_tokens=1)))
        assert isinstance(await service.result(stays), Done)
        service.close()

    asyncio.run(asyncio.wait_for(leave(), 20))
    first, second = map(json.loads, (tmp_path / "requests.jsonl").read_text().splitlines())
    assert [one["choices"][0]["text"] for one in (first, second)] == ["a", "b"]
    assert "gone" not in first and first["id"] != second["id"]


def test_a_log_that_broke_refuses_all_and_says_that_it_is_not_well(tmp_path: Path) -> None:
    with serving(log=tmp_path) as client:
        log = client.app.app.router.routes[1].endpoint.__self__.service.log  # type: ignore[attr-defined]
        log.files["requests.jsonl"] = slow = Slow(tmp_path / "requests.jsonl")
        slow.broken = True
        replies = [client.post("/v1/chat/completions", json=chat(max_tokens=1)) for _ in range(2)]
        health = client.get("/healthz")
    assert [one.status_code for one in (*replies, health)] == [503, 503, 503]
    assert [one.json()["error"]["code"] for one in replies] == ["no_log", "broken"]
    assert "turned to dust" in replies[0].json()["error"]["message"]


def test_a_client_that_does_not_read_is_as_good_as_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its stream is given up, and its answer with it."""
    monkeypatch.setattr(stream, "SLOW", 0.2)
    speaker = Echo(pause=0.01, limit=10**6)

    async def stuck() -> None:
        service = Service(Desk(speaker), Offer(8))
        service.desk.begin()
        asked = Chat.model_validate(chat(max_tokens=10**5, stream=True))
        reply = stream.events(service, await service.chat(asked))

        async def send(message: Any) -> None:
            if message.get("body"):
                await asyncio.sleep(60)

        async def receive() -> Any:
            await asyncio.sleep(60)

        await reply({"type": "http", "asgi": {"spec_version": "2.3"}}, receive, send)
        while not speaker.cancelled:
            await asyncio.sleep(0.01)
        service.close()

    asyncio.run(asyncio.wait_for(stuck(), 20))
    assert not speaker.growing


@pytest.mark.slow
def test_a_server_that_stops_finishes_what_it_began(tmp_path: Path) -> None:
    speaker = Echo(pause=0.05)
    found: list[Any] = []
    with listening(speaker, tmp_path) as (made, url):
        asking = threading.Thread(
            target=lambda: found.append(httpx2.post(f"{url}/chat/completions", json=chat(max_tokens=20)))
        )
        asking.start()
        until(lambda: bool(speaker.growing))
        made.stop()
        asking.join()
    assert found[0].status_code == 200 and len(found[0].json()["choices"][0]["message"]["content"]) == 20
    assert len((tmp_path / "requests.jsonl").read_text().splitlines()) == 1


@pytest.mark.slow
def test_who_comes_when_all_places_are_taken_is_told_to_come_again() -> None:
    speaker = Echo(pause=0.05)
    with serving(speaker, most=4) as client:
        many = client.post("/v1/chat/completions", json=chat(n=5))
        waiting = threading.Thread(
            target=client.post, args=("/v1/chat/completions",), kwargs={"json": chat(n=3, max_tokens=20)}
        )
        waiting.start()
        until(lambda: bool(speaker.growing))
        busy = client.post("/v1/chat/completions", json=chat(n=2))
        fits = client.post("/v1/chat/completions", json=chat(n=1, max_tokens=1))
        waiting.join()
        after = client.post("/v1/chat/completions", json=chat(n=4, max_tokens=1))
    for reply in (many, busy):
        assert reply.status_code == 503 and int(reply.headers["retry-after"]) >= 1
        assert reply.json()["error"]["type"] == "overloaded_error"
    assert (fits.status_code, after.status_code) == (200, 200)
