"""Stores for the tests of the people's half: a SQLite file, and a real PostgreSQL server that is started here."""

import shutil
import sys
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from starlette.testclient import TestClient

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the benchmark is no part of the package

from benchmarks import postgresql

from concord.annotation import people, quality
from concord.annotation.app import create_app
from concord.annotation.store import Store
from concord.annotation.tables import Project, Table

ADDRESS = "http://127.0.0.1:8642"


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """A PostgreSQL server of these tests alone; the URL of its databases without their name."""
    if postgresql.programs() is None:
        pytest.skip(postgresql.MISSING)
    with postgresql.running(durable=False) as url:
        yield url


@pytest.fixture(scope="session")
def database(server: str) -> str:
    """A database with its tables, for one test after another."""
    url = server % "postgres"
    Store.open(url).close()
    return url


@pytest.fixture
def emptied(database: str) -> str:
    """The same with nothing in it: the guards, which let nothing be deleted, look away for a moment."""
    import psycopg

    with psycopg.connect(database, autocommit=True) as connection:
        tables = ", ".join(table.name for table in Table.metadata.sorted_tables)
        connection.execute("SET session_replication_role = replica")
        connection.execute(f"TRUNCATE {tables} RESTART IDENTITY CASCADE".encode())
    return database


@pytest.fixture(scope="session")
def pattern() -> Iterator[Path]:
    """A file with its tables, to be copied: making them anew would take most of many a test."""
    # In memory where there is such a place: stores wait for the disk after every judgement, and it may be busy.
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(prefix="concord-", dir=memory if memory.is_dir() else None) as folder:
        Store.open(f"{folder}/pattern").close()
        yield Path(folder) / "pattern"


@pytest.fixture
def copied(pattern: Path) -> str:
    """A folder with a store in which nothing is yet."""
    folder = pattern.with_name(uuid.uuid4().hex)
    shutil.copytree(pattern, folder)
    return str(folder)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def place(request: pytest.FixtureRequest) -> str:
    """Where an empty store lies: every test that asks for it runs on both."""
    made: str = request.getfixturevalue("copied" if request.param == "sqlite" else "emptied")
    return made


@pytest.fixture
def house(place: str) -> Iterator["House"]:
    """A store with an owner, on either database."""
    with House(place) as made:
        yield made


@pytest.fixture
def light(copied: str) -> Iterator["House"]:
    """A store with an owner in a file, for what no database decides."""
    with House(copied) as made:
        yield made


@dataclass
class Guest:
    """Somebody with a token, and what they do over HTTP."""

    client: TestClient
    token: str
    id: int
    name: str
    project: str = "one"

    @property
    def credentials(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.token}"}

    def get(self, path: str, status: int = 200, **how: Any) -> Any:
        """What is told at an address."""
        return self.answer(self.client.get(f"/api/v1{path}", headers=self.credentials, **how), status)

    def post(self, path: str, body: Any, status: int = 200) -> Any:
        """What is answered to a body."""
        return self.answer(self.client.post(f"/api/v1{path}", headers=self.credentials, json=body), status)

    @staticmethod
    def answer(reply: Any, status: int) -> Any:
        assert reply.status_code == status, (reply.status_code, reply.text)
        return reply.json() if reply.headers["content-type"] == "application/json" else reply

    def take(self, count: int = 1, holding: tuple[str, ...] = ()) -> list[Any]:
        """Tasks to work on."""
        asked = {"count": count, "holding": list(holding)}
        tasks: list[Any] = self.post(f"/projects/{self.project}/leases", asked)["tasks"]
        return tasks

    def body(self, task: Any, order: list[str] | None = None, **more: Any) -> dict[str, Any]:
        """A judgement: the texts in this order, or by the alphabet."""
        named = {one["text"]: one["id"] for one in task["candidates"]}
        tiers = [[named[text]] for text in (sorted(named) if order is None else order)]
        times = {"active_seconds": 4.0, "idle_seconds": 1.0}
        return {
            "key": str(uuid.uuid4()),
            "lease": task["lease"],
            "task": task["task"],
            "tiers": tiers,
            **times,
            **more,
        }

    def judge(self, task: Any, order: list[str] | None = None, status: int = 200, **more: Any) -> Any:
        """Store it."""
        return self.post(f"/projects/{self.project}/judgements", self.body(task, order, **more), status)


class House:
    """A store, its application, and people who use it."""

    def __init__(self, place: str) -> None:
        quality._kept.clear()  # a project's salt, by which it is remembered, is the same in all tests
        self.store = Store.open(place)
        self.app = create_app(self.store, ADDRESS)
        self.client = TestClient(self.app, base_url=ADDRESS)
        self.client.__enter__()  # one event loop for all requests of a test
        self.owner = self.guest("owner", "admin")

    def __enter__(self) -> "House":
        return self

    def __exit__(self, *_: object) -> None:
        self.client.__exit__(None, None, None)
        self.store.close()

    def guest(self, name: str, role: people.Role = "annotator", projects: tuple[str, ...] = ()) -> Guest:
        """A new person with a token."""
        with self.store.writing() as session:
            person = people.add(session, name, role, projects)
            visit = people.Visit(person.id, name, role)
            token = people.make_token(session, visit, people.asked.NewToken(name="test", role=role)).token
            number = person.id
        return Guest(self.client, token, number, name)

    def browser(self, **headers: str) -> TestClient:
        """A browser without credentials that shows this server's own pages."""
        return TestClient(self.app, base_url=ADDRESS, headers={"origin": ADDRESS, **headers})

    def project(self, tasks: int = 3, candidates: int = 3, **more: Any) -> str:
        """A project with tasks, each with answers called a, b, c ..."""
        slug: str = more.pop("slug", "one")
        self.owner.post("/projects", {"slug": slug, "title": slug.title(), **more})
        with self.store.writing() as session:  # what is drawn by lot is the same in every run of the tests
            session.execute(
                update(Project).where(Project.slug == slug).values(salt=slug.encode().hex().ljust(64, "5"))
            )
        if tasks:
            self.owner.post(f"/projects/{slug}/tasks", {"rows": rows(tasks, candidates)})
        return slug


def rows(tasks: int, candidates: int = 3, start: int = 0) -> list[dict[str, Any]]:
    """Completions of some prompts, called a, b, c ..., each from a model of its own."""
    return [
        {
            "prompt": {
                "id": f"p{task:05}",
                "messages": [{"role": "user", "content": f"Question {task}"}],
                "tags": ["t"],
            },
            "text": f"{chr(97 + place)}{task}",
            "by": f"model-{place}",
        }
        for task in range(start, start + tasks)
        for place in range(candidates)
    ]
