"""A server in a process of its own, with a store of its own: what tests of the pages open in a browser."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path
from typing import Any

SERVE = """
import sys
from concord.annotation.server import Front, Server
from concord.annotation.store import Store
server = Server(Store.open(sys.argv[1]), Front(port=int(sys.argv[2])))
print(server.way_in(True), server.origin, flush=True)
server.run()
"""
TEXT = (
    "Basil needs about six hours of bright light a day so put the pot on a sill and turn it every few days "
    "to keep the stems straight water when the top of the soil feels dry and pour away what collects below"
)
WORDS = TEXT.split()


class Visitor:
    """Somebody who came in by a link, without a browser."""

    def __init__(self, link: str) -> None:
        self.origin, _, secret = link.partition("/#/login/")
        self.cookie = ""
        self.ask("POST", "/login", {"token": secret})

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """A request to the API: the reply as an object."""
        return json.loads(self.read(method, path, body))

    def read(self, method: str, path: str, body: Any = None) -> str:
        """A request to the API: the reply as text."""
        request = urllib.request.Request(f"{self.origin}/api/v1{path}", method=method)
        for name, value in {
            "Origin": self.origin,
            "Content-Type": "application/json",
            "Cookie": self.cookie,
        }.items():
            request.add_header(name, value)
        data = None if body is None else json.dumps(body).encode()
        try:
            with urllib.request.urlopen(request, data, timeout=20) as reply:
                self.cookie = (reply.headers.get("Set-Cookie") or self.cookie).partition(";")[0]
                return str(reply.read().decode())
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{method} {path}: {error.code} {error.read().decode()}") from None

    def rank_all(self, slug: str, comment: str, contrary: bool) -> None:
        """Rank every task by how long its answers are: the longest first, or the other way round."""
        while tasks := self.ask("POST", f"/projects/{slug}/leases", {"count": 4})["tasks"]:
            for task in tasks:
                order = sorted(task["candidates"], key=lambda one: len(one["text"]), reverse=not contrary)
                self.judge(slug, task, [[one["id"]] for one in order], comment)

    def judge(self, slug: str, task: dict[str, Any], tiers: list[list[str]], comment: str = "") -> None:
        """Hand in an order of one task's answers."""
        said = {
            "key": str(uuid.uuid4()),
            "lease": task["lease"],
            "task": task["task"],
            "comment": comment or None,
        }
        said |= {"tiers": tiers, "active_seconds": 20.0, "idle_seconds": 1.0}
        self.ask("POST", f"/projects/{slug}/judgements", said)


class Served:
    """Starts, dies by `kill -9`, and starts again on the same address with what it had stored."""

    def __init__(self, folder: Path, package: Path | None = None) -> None:
        self.folder, self.port = folder, 0
        self.environment = dict(os.environ) if package is None else {**os.environ, "PYTHONPATH": str(package)}
        self.start()
        try:
            self.owner = Visitor(self.link)
        except BaseException:
            self.kill()
            raise

    def start(self) -> None:
        """Serve; `link` is a way in for the owner."""
        command = [sys.executable, "-c", SERVE, str(self.folder), str(self.port)]
        self.process = subprocess.Popen(
            command, cwd=self.folder, env=self.environment, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        told = self.process.stdout.readline().split()
        if len(told) != 2:
            self.kill()
            raise AssertionError("the server did not start")
        self.link, self.origin = told
        self.port = int(self.origin.rpartition(":")[2])

    def kill(self) -> None:
        """What a power cut leaves."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """A request to the API as the owner."""
        return self.owner.ask(method, path, body)

    def invite(self, name: str, role: str = "annotator", projects: tuple[str, ...] = ()) -> str:
        """A link for somebody new."""
        return str(
            self.ask("POST", "/people", {"name": name, "role": role, "projects": list(projects)})["link"]
        )

    def project(
        self, slug: str, tasks: int = 3, candidates: int = 4, words: int = 30, **settings: Any
    ) -> None:
        """A project with tasks whose answers differ in every word but the first few."""
        self.ask("POST", "/projects", {"slug": slug, "title": slug.title(), **settings})
        rows = [
            {
                "prompt": f"{slug}, question {task}: how do I keep basil alive?",
                "text": answer(task, one, words),
            }
            for task in range(tasks)
            for one in range(candidates)
        ]
        self.add(slug, rows)

    def add(self, slug: str, rows: list[dict[str, Any]]) -> None:
        """Tasks from rows of completions."""
        told = self.ask("POST", f"/projects/{slug}/tasks", {"rows": rows, "format": "concord-completions"})
        assert told["left_out"] == [], told

    def rankings(self, slug: str) -> list[dict[str, Any]]:
        """What is stored, as it is exported."""
        text = self.owner.read("GET", f"/projects/{slug}/export?format=concord-rankings")
        return [json.loads(line) for line in text.splitlines()]


def answer(task: int, number: int, words: int) -> str:
    """The same beginning, then words of its own, and a mark to be known by."""
    middle = [WORDS[(task * 7 + i * (2 * number + 1)) % len(WORDS)] for i in range(words - 7)]
    return " ".join([*WORDS[:6], *middle, f"[{task}:{number}]"])


def until(true: Any, seconds: float = 20) -> None:
    """Wait for something to become true."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.05)


def closed(served: Served) -> None:
    """End a server in good order."""
    served.process.send_signal(signal.SIGTERM)
    served.process.wait(20)
    assert served.process.stdout is not None
    served.process.stdout.close()
