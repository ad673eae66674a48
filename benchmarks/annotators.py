"""Many people rank at once over HTTP: `python -m benchmarks.annotators [--postgresql]`.

A server process of its own, one keep-alive connection a person; every task must end with exactly its overlap.
"""

import argparse
import http.client
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from contextlib import nullcontext
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Self
from urllib.parse import urlsplit

from benchmarks import postgresql

TRIES, PAUSE = 600, 0.05
SLUG = "many"


class Served:
    """A `concord web` in a process of its own, which may be killed and started again at the same address."""

    def __init__(self, place: str, port: int = 0) -> None:
        self.place, self.port = place, port
        self.told: dict[str, Any] = {}

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=30)

    def start(self) -> None:
        """Start it and wait for the line that says where it listens."""
        words = [sys.executable, "-m", "concord", "web", self.place, "--port", str(self.port), "--json"]
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=dict(os.environ))
        assert self.process.stdout is not None
        self.told = json.loads(self.process.stdout.readline())
        self.port = int(urlsplit(self.told["address"]).port or 0)

    def kill(self) -> None:
        """End it at once, in the middle of whatever it does."""
        self.process.kill()
        self.process.communicate()


class Caller:
    """Somebody with a token and one connection, who tries again whatever did not get an answer."""

    def __init__(self, port: int, token: str = "", patient: bool = False) -> None:
        self.port, self.token, self.patient = port, token, patient
        self.connection: http.client.HTTPConnection | None = None
        self.again = 0
        """Requests that had to be sent once more."""

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any, str]:
        """Status, value and cookie of one reply; a server that is gone or busy is asked again if we are patient."""
        for _ in range(TRIES):
            try:
                status, value, cookie = self.once(method, path, body)
            except (OSError, http.client.HTTPException):
                self.close()
                if not self.patient:
                    raise
                status = 0
            if status not in (0, 503):
                return status, value, cookie
            self.again += 1
            time.sleep(PAUSE)
        raise TimeoutError(f"{method} {path}: no answer in {TRIES * PAUSE:.0f} s")

    def once(self, method: str, path: str, body: Any) -> tuple[int, Any, str]:
        """One request over the connection that is open, or a new one."""
        self.connection = self.connection or http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = {"content-type": "application/json", "origin": f"http://127.0.0.1:{self.port}"}
        headers |= {"authorization": f"Bearer {self.token}"} if self.token else {}
        self.connection.request(method, f"/api/v1{path}", None if body is None else json.dumps(body), headers)
        reply = self.connection.getresponse()
        text = reply.read()
        return reply.status, json.loads(text), reply.getheader("set-cookie") or ""

    def close(self) -> None:
        """Let go of the connection."""
        if self.connection is not None:
            self.connection.close()
        self.connection = None

    def post(self, path: str, body: Any) -> Any:
        """What is answered, if all went well."""
        status, value, _ = self.ask("POST", path, body)
        if status != 200:
            raise RuntimeError(f"{path}: {status} {value}")
        return value


def owner(served: Served) -> Caller:
    """Somebody who may do everything: by the link that the server printed, then by a token."""
    caller = Caller(served.port, patient=True)
    status, _, cookie = caller.ask("POST", "/login", {"token": served.told["link"].rpartition("/")[2]})
    assert status == 200
    assert caller.connection is not None
    headers = {
        "content-type": "application/json",
        "origin": served.told["address"],
        "cookie": cookie.partition(";")[0],
    }
    made = json.dumps({"name": "benchmark", "role": "admin"})
    caller.connection.request("POST", "/api/v1/tokens", made, headers)
    caller.token = json.loads(caller.connection.getresponse().read())["token"]
    return caller


def rows(tasks: int, candidates: int) -> list[dict[str, Any]]:
    """Completions of a hundred words each."""
    return [
        {
            "prompt": {"id": f"p{task}", "messages": [{"role": "user", "content": f"Question {task}?"}]},
            "text": f"{place} {task} " + "word " * 100,
        }
        for task in range(tasks)
        for place in range(candidates)
    ]


def invited(boss: Caller, count: int) -> list[Caller]:
    """People with a token each."""
    found = []
    for number in range(count):
        person = boss.post("/people", {"name": f"person {number}", "projects": [SLUG]})["person"]
        token = boss.post("/tokens", {"name": "benchmark", "person": person})["token"]
        found.append(Caller(boss.port, token, patient=True))
    return found


def judgement(task: dict[str, Any]) -> dict[str, Any]:
    """An answer to a task."""
    tiers = [[one["id"]] for one in task["candidates"]]
    times = {"active_seconds": 12.0, "idle_seconds": 0.0, "keystrokes": 4}
    return {"key": str(uuid.uuid4()), "lease": task["lease"], "task": task["task"], "tiers": tiers, **times}


def work(who: Caller, seconds: list[float]) -> None:
    """Rank until nothing is left, two tasks ahead, as the page does."""
    while tasks := who.post(f"/projects/{SLUG}/leases", {"count": 2})["tasks"]:
        for task in tasks:
            began = time.monotonic()
            who.post(f"/projects/{SLUG}/judgements", judgement(task))
            seconds.append(time.monotonic() - began)


def measure(place: str, people: int = 20, tasks: int = 500, overlap: int = 3) -> dict[str, Any]:
    """Let them all rank everything, and count what is stored."""
    with Served(place) as served:
        boss = owner(served)
        boss.post("/projects", {"slug": SLUG, "title": "Many", "overlap": overlap})
        boss.post(f"/projects/{SLUG}/tasks", {"rows": rows(tasks, 4)})
        callers, seconds = invited(boss, people), list[float]()
        threads = [threading.Thread(target=work, args=(who, seconds)) for who in callers]
        began = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        took = time.monotonic() - began
        _, history, _ = boss.ask("GET", f"/projects/{SLUG}/history")
        counts = Counter(each(place))
        for caller in (boss, *callers):
            caller.close()
    return {
        "store": served.told["store"],
        "people": people,
        "tasks": tasks,
        "overlap": overlap,
        "judgements": history["judgements"],
        "chain": history["flaw"] or "sound",
        "tasks_by_judgements": dict(Counter(counts.values())),
        "acknowledged": len(seconds),
        "seconds": round(took, 1),
        "judgements_per_second": round(len(seconds) / took, 1),
        "median_ms": round(1000 * median(seconds)),
        "p99_ms": round(1000 * quantiles(seconds, n=100)[98]),
    }


def each(place: str) -> list[tuple[int, ...]]:
    """The task of every judgement, as the database itself says; a person's second one of a task stands out."""
    from sqlalchemy import select

    from concord.annotation.store import Store
    from concord.annotation.tables import Judgement

    store = Store.open(place)
    try:
        with store.reading() as session:
            found = session.execute(select(Judgement.task_id, Judgement.person_id)).all()
    finally:
        store.close()
    assert len(set(found)) == len(found), "somebody judged a task twice"
    return [(task,) for task, _ in found]


def main() -> None:
    """Measure on a new store and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--postgresql", action="store_true", help="on a PostgreSQL server that is started for it"
    )
    for name, usual in (("people", 20), ("tasks", 500), ("overlap", 3)):
        parser.add_argument(f"--{name}", type=int, default=usual)
    args = parser.parse_args()
    server = postgresql.running(durable=True) if args.postgresql else nullcontext("")
    with server as url, tempfile.TemporaryDirectory() as folder:
        place = url % "postgres" if url else str(Path(folder) / "store")
        sys.stdout.write(json.dumps(measure(place, args.people, args.tasks, args.overlap), indent=1) + "\n")


if __name__ == "__main__":
    main()
