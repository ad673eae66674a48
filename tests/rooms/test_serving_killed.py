"""Serving in a process of its own: one that is ended finishes, one that is killed loses nothing, one writes a log."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

ASKED = (
    "Where is the bakery?",
    "How do I make tea?",
    "When does the library open?",
    "Is there a cinema in Milford?",
)
HEARS = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from concord.cli.main import main; sys.exit(main())"
)
"""A shell starts what it puts in the background deaf to Ctrl-C; what a person starts in a terminal hears it."""


@contextmanager
def serve(log: Path, *more: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`concord serve starter` in a process of its own."""
    words = [
        sys.executable,
        "-c",
        HEARS,
        "serve",
        "starter",
        "--port",
        "0",
        "--json",
        "--log",
        str(log),
        *more,
    ]
    process = subprocess.Popen(
        words,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    try:
        assert process.stdout is not None
        told = process.stdout.readline()
        assert told, process.stderr and process.stderr.read()
        url = json.loads(told)["serve"]["url"]
        end = time.monotonic() + 60
        while True:
            try:
                httpx2.get(url.removesuffix("/v1") + "/healthz")
                break
            except httpx2.TransportError:
                assert time.monotonic() < end
                time.sleep(0.05)
        yield process, url
    finally:
        process.kill()
        process.communicate()


def body(text: str, **more: Any) -> dict[str, Any]:
    return {"model": "starter", "messages": [{"role": "user", "content": text}], **more}


@pytest.mark.slow
def test_a_signal_to_end_lets_what_is_asked_end_first(tmp_path: Path) -> None:
    with serve(tmp_path) as (process, url):
        found: list[Any] = []
        asked = body(ASKED[1], n=64, max_tokens=200)
        asking = threading.Thread(
            target=lambda: found.append(httpx2.post(f"{url}/chat/completions", json=asked, timeout=120))
        )
        asking.start()
        time.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        asking.join()
        code = process.wait(60)
    assert found[0].status_code == 200 and len(found[0].json()["choices"]) == 64
    assert code == 128 + signal.SIGTERM
    (row,) = map(json.loads, (tmp_path / "requests.jsonl").read_text().splitlines())
    assert len(row["choices"]) == 64 and "gone" not in row


@pytest.mark.slow
def test_a_killed_server_has_on_record_whatever_it_answered(tmp_path: Path) -> None:
    """Killed in the middle of requests, twice; what clients got is in the log, and feedback on it is taken."""
    answered: list[str] = []
    for round_ in range(2):
        with serve(tmp_path) as (process, url):

            def ask(number: int, url: str = url) -> None:
                try:
                    for turn in range(100):
                        reply = httpx2.post(
                            f"{url}/chat/completions", json=body(ASKED[turn % 4], seed=number), timeout=60
                        )
                        answered.append(reply.json()["id"])
                except httpx2.TransportError:
                    return

            if answered:
                kept = httpx2.post(f"{url}/feedback", json={"id": answered[0], "thumbs": "down"})
                assert kept.status_code == 200
            clients = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
            for client in clients:
                client.start()
            wanted = (round_ + 1) * 20
            end = time.monotonic() + 120
            while len(answered) < wanted and time.monotonic() < end:
                time.sleep(0.01)
            process.kill()
            for client in clients:
                client.join()
    raw = (tmp_path / "requests.jsonl").read_bytes()
    rows = [json.loads(line) for line in raw[: raw.rfind(b"\n") + 1].splitlines()]
    assert len(answered) >= 40
    assert set(answered) <= {row["id"] for row in rows}
    assert json.loads((tmp_path / "feedback.jsonl").read_text())["id"] == answered[0]


@pytest.mark.slow
def test_one_server_at_a_time_writes_a_log_and_no_secret_is_told(tmp_path: Path) -> None:
    token = "marker-token-0123456789-abcdef"
    file = tmp_path / "tokens"
    file.write_text(token + "\n")
    log = tmp_path / "log"
    with serve(log, "--token-file", str(file)) as (process, url):
        assert httpx2.post(f"{url}/chat/completions", json=body("a")).status_code == 401
        headers = {"authorization": f"Bearer {token}"}
        assert httpx2.post(f"{url}/chat/completions", json=body("a"), headers=headers).status_code == 200
        words = [sys.executable, "-m", "concord", "serve", "starter", "--port", "0", "--log", str(log)]
        second = subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)
        assert second.returncode == 8 and "in use" in second.stderr
        with open(f"/proc/{process.pid}/cmdline") as told:
            assert token not in told.read()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    kept = "".join(one.read_text() for one in log.iterdir())
    assert token not in out + err + kept and process.returncode == 130
