"""Rank by people: the queue of a run is filled, ranked over HTTP, and read into the run when it is done."""

import http.client
import json
import os
import signal
import threading
import time
import uuid
from contextlib import closing, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import select

from concord.annotation import server
from concord.annotation.store import Store
from concord.annotation.tables import Place, Used
from concord.errors import JudgeError, SettingsError, StoreError
from concord.records import Completion, Message, Prompt
from concord.runs import load
from concord.settings import Rank
from concord.stages import people
from concord.stages.plan import plan


def answers(*texts: str, name: str = "p1") -> list[Completion]:
    prompt = Prompt((Message("user", f"What is {name}?"),), name)
    return [
        Completion(prompt, text, by="sft", seed=place, tokens=(1, 2), logprobs=(-0.5, -0.25))
        for place, text in enumerate(texts)
    ]


def bench(folder: Path, completions: list[Completion], **asked: Any) -> Any:
    """What the stage needs of a bench."""
    said: list[str] = []
    rank = Rank.model_validate({"by": "people", "people": asked})
    return SimpleNamespace(
        recipe=SimpleNamespace(rank=rank),
        loaded=SimpleNamespace(folder=folder, source=folder / "recipe.yaml"),
        run=SimpleNamespace(folder=folder / "run"),
        completions=completions,
        say=said.append,
        said=said,
        facts={},
    )


def annotator(one: Any, most: int = 100, passes: str = "") -> threading.Thread:
    """Somebody who comes in by the link that the stage prints, and ranks by the alphabet, or passes a text over."""

    def work() -> None:
        while not any("/#/login/" in line for line in one.said):
            time.sleep(0.01)
        link = next(line for line in one.said if "/#/login/" in line).split("http://")[1]
        place, secret = link.split("/#/login/")
        with closing(http.client.HTTPConnection(place, timeout=20)) as connection:
            headers = {"content-type": "application/json", "origin": f"http://{place}"}

            def post(path: str, body: Any) -> Any:
                connection.request("POST", f"/api/v1{path}", json.dumps(body), headers)
                reply = connection.getresponse()
                headers.setdefault("cookie", (reply.getheader("set-cookie") or "").partition(";")[0])
                return json.loads(reply.read())

            post("/login", {"token": secret})
            for _ in range(most):
                tasks = post("/projects/rank/leases", {"count": 1})["tasks"]
                if not tasks:
                    return
                named = sorted(tasks[0]["candidates"], key=lambda one: one["text"])
                skip = any(one["text"] == passes for one in named)
                said = {"skip": "unclear"} if skip else {"tiers": [[one["id"]] for one in named]}
                body = {"key": str(uuid.uuid4()), "task": tasks[0]["task"], **said}
                post("/projects/rank/judgements", body | {"active_seconds": 3, "idle_seconds": 0})

    def until_it_ends() -> None:
        with suppress(
            OSError, http.client.HTTPException
        ):  # the stage ends when all is ranked, its server too
            work()

    thread = threading.Thread(target=until_it_ends)
    thread.start()
    return thread


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "PAUSE", 0.05)
    monkeypatch.setattr(server, "LINGER", 0.05)
    monkeypatch.setattr(people, "PAUSE", 0.05)


@pytest.mark.slow
def test_it_serves_until_every_list_is_ranked_and_keeps_what_was_sampled(tmp_path: Path) -> None:
    same = answers("so", "so", name="p2")
    one = bench(tmp_path, [*answers("b", "a", "b"), *same, *answers("y", "x", name="p3")])
    thread = annotator(one)
    found = people.ask(one)
    thread.join()
    assert [[one.text for one in ranking.completions] for ranking in found] == [["b", "b", "a"], ["y", "x"]]
    assert [ranking.tiers for ranking in found] == [((2,), (0, 1)), ((1,), (0,))]  # equal texts share a tier
    assert found[0].completions[2].seed == 1 and found[0].completions[0].logprobs == (-0.5, -0.25)
    assert all(ranking.by.startswith("annotator-") and ranking.source == "human" for ranking in found)
    assert one.facts == {"guidelines": "no guideline for 2"}
    assert any("all answers are the same" in line for line in one.said) and "2 judgements to give" in "".join(
        one.said
    )
    with closing(Store.open(str(tmp_path / "run" / "people"))) as store, store.reading() as session:
        used = session.scalars(select(Used)).one()
    assert (used.folder, used.length) == (str(tmp_path / "run"), 2)


@pytest.mark.slow
def test_a_list_that_everybody_skipped_is_waited_for_by_nobody(tmp_path: Path) -> None:
    """One person, three lists, one of them skipped: nobody is left who could rank it."""
    lists = [*answers("b", "a"), *answers("y", "x", name="p2"), *answers("d", "c", name="p3")]
    one = bench(tmp_path, lists)
    thread = annotator(one, passes="y")
    found = people.ask(one)
    thread.join()
    assert sorted(ranking.prompt.id for ranking in found) == ["p1", "p3"]
    assert one.said[-1].startswith("1 judgements are missing: everybody who takes part has met those lists")
    two = bench(tmp_path, lists, overlap=2)
    with closing(Store.open(str(tmp_path / "run" / "people"))) as store:
        queue, _ = people.fill(store, people.wanted(two), str(two.run.folder), two.completions)
        assert (queue.left(), queue.waiting()) == (4, 4)  # the two that were ranked wait for somebody else


def test_versions_of_the_guideline_are_told_with_their_counts() -> None:
    assert people.under({2: 1200, 0: 3, 1: 40}) == "no guideline for 3, version 1 for 40, version 2 for 1,200"


@pytest.mark.slow
def test_given_again_it_goes_on_where_it_was_and_asks_for_what_is_new_alone(tmp_path: Path) -> None:
    first = bench(tmp_path, [*answers("b", "a"), *answers("y", "x", name="p3")])
    annotator(first, most=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(server.Server, "watch", stop_when(lambda: len(stored(tmp_path)) == 1))
        with pytest.raises(SystemExit):
            people.ask(first)
    assert "1 of 2 judgements are stored, 1 are left" in first.said[-1] and "concord rank" in first.said[-1]
    again = bench(tmp_path, [*answers("b", "a"), *answers("q", "r", name="p4")])
    thread = annotator(again)
    found = people.ask(again)
    thread.join()
    assert [ranking.prompt.id for ranking in found] == ["p1", "p4"]  # p3 was withdrawn
    assert people.ask(bench(tmp_path, again.completions)) == found  # all is there: nobody is asked


def stop_when(enough: Any) -> Any:
    """In place of the watch: a signal as Ctrl-C sends it to a stage."""

    def watch(self: server.Server, _: Any, finished: threading.Event) -> None:
        while not finished.wait(0.02):
            if enough():
                os.kill(os.getpid(), signal.SIGTERM)
                return

    return watch


def stored(folder: Path) -> list[Any]:
    with closing(Store.open(str(folder / "run" / "people"))) as store, store.reading() as session:
        return list(session.scalars(select(Place).where(Place.filled)))


def test_a_store_that_another_server_serves_is_waited_for_and_belongs_to_one_run(tmp_path: Path) -> None:
    one = bench(tmp_path, answers("b", "a"), store="shared", project="mine")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(people.Queue, "waiting", counted([1, 1, 1, 0]))
        with pytest.raises(JudgeError, match="Nobody has ranked"):
            people.ask(one)
    assert "project mine" in one.said[0] and (tmp_path / "shared" / "store.sqlite").exists()
    other = bench(tmp_path, answers("b", "a"), store="shared", project="mine")
    other.run.folder = tmp_path / "second"
    with pytest.raises(StoreError, match=r"rank\.people\.project"):
        people.ask(other)


def counted(values: list[int]) -> Any:
    left = iter(values)
    return lambda self: next(left)


def test_overlap_may_be_changed_and_no_password_stands_in_a_recipe(tmp_path: Path) -> None:
    with closing(Store.open(str(tmp_path / "store"))) as store:
        for overlap, places in ((2, 2), (3, 3), (1, 1)):
            queue, _ = people.fill(
                store, people.wanted(bench(tmp_path, [], overlap=overlap)), "run", answers("b", "a")
            )
            assert queue.count() == (0, places)
    with pytest.raises(SettingsError, match="CONCORD_STORE"):
        people.ask(bench(tmp_path, [], store="postgresql://me:hush@host/db"))


def test_the_plan_knows_people(tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("rank: {by: people, people: {overlap: 2, repeats: 0.1}}\n", encoding="utf-8")
    (task,) = (task for task in plan(load(recipe)) if task.name == "rank")
    assert task.files == () and task.settings["people"]["overlap"] == 2
    recipe.write_text("rank: {by: people, people: {gold: 0.3, repeats: 0.3}}\n", encoding="utf-8")
    with pytest.raises(SettingsError, match="at most"):
        load(recipe)
