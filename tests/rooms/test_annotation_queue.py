"""The queue: exactly as many judgements as asked for, whoever asks at once, leaves, or comes back."""

import threading
from typing import Any

import pytest
from sqlalchemy import select

from concord.annotation import clock
from concord.annotation.tables import Judgement, Place, Showing


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Lets time pass."""
    passed = [0]
    real = clock.now
    monkeypatch.setattr(clock, "now", lambda: real() + passed[0])

    def pass_on(minutes: float) -> None:
        passed[0] += int(minutes * clock.MINUTE)

    return pass_on


def texts(task: Any) -> list[str]:
    return [one["text"] for one in task["candidates"]]


def test_everybody_gets_each_task_once_and_the_least_judged_first(house: Any) -> None:
    house.project(tasks=3, overlap=2)
    ada, bea, cyd = (house.guest(name, projects=("one",)) for name in ("ada", "bea", "cyd"))
    seen = []
    for _ in range(3):
        (task,) = ada.take()
        seen.append(task["prompt"]["messages"][0]["content"])
        ada.judge(task)
    assert seen == ["Question 0", "Question 1", "Question 2"] and ada.take() == []
    (task,) = bea.take()
    bea.judge(task)  # Question 0 is full now
    assert cyd.take()[0]["prompt"]["messages"][0]["content"] == "Question 1"
    assert [place.number for place in places(house) if place.filled] == [0, 1, 0, 0]


def places(house: Any) -> Any:
    with house.store.reading() as session:
        return session.scalars(select(Place).order_by(Place.task_id, Place.number)).all()


def test_a_lease_that_ran_out_goes_to_somebody_else_and_a_late_answer_is_taken_while_there_is_room(
    house: Any, later: Any
) -> None:
    house.project(tasks=1, overlap=2, lease_minutes=10)
    ada, bea, cyd = (house.guest(name, projects=("one",)) for name in ("ada", "bea", "cyd"))
    (first,) = ada.take()
    later(11)
    (second,) = bea.take()
    assert first["task"] != second["task"]
    assert ada.judge(first)["progress"]["done"] == 1  # late, but the second place was free
    bea.judge(second)
    assert cyd.take() == []


def test_a_late_answer_to_a_full_task_is_refused_by_its_code(house: Any, later: Any) -> None:
    house.project(tasks=1, overlap=1, lease_minutes=10)
    ada, bea = (house.guest(name, projects=("one",)) for name in ("ada", "bea"))
    (first,) = ada.take()
    assert bea.take() == []
    later(11)
    (second,) = bea.take()
    assert ada.post(f"/leases/{first['lease']}/renew", {}, 409)["error"]["code"] == "lease_lost"
    bea.judge(second)
    assert ada.judge(first, status=409)["error"]["code"] == "task_full"
    assert ada.judge(first, status=409, lease=None)["error"]["code"] == "task_full"


def test_renewing_keeps_and_releasing_gives_back(house: Any, later: Any) -> None:
    house.project(tasks=1, lease_minutes=10)
    ada, bea = (house.guest(name, projects=("one",)) for name in ("ada", "bea"))
    (task,) = ada.take()
    later(9)
    ada.post(f"/leases/{task['lease']}/renew", {})
    later(9)
    assert bea.take() == []
    assert bea.post(f"/leases/{task['lease']}/release", {}, 404)["error"]["code"] == "lease_gone"
    ada.post(f"/leases/{task['lease']}/release", {})
    assert len(bea.take()) == 1


def test_a_page_that_was_reloaded_gets_its_tasks_back_with_the_same_ids_in_the_same_order(house: Any) -> None:
    house.project(tasks=4, candidates=5)
    ada = house.guest("ada", projects=("one",))
    before = ada.take(2)
    again = ada.take(2)
    assert [(one["task"], one["candidates"]) for one in before] == [
        (one["task"], one["candidates"]) for one in again
    ]
    more = ada.take(3, holding=tuple(one["lease"] for one in again))
    assert len(more) == 1 and more[0]["task"] not in {one["task"] for one in before}


def test_what_is_skipped_goes_to_others_and_never_comes_back(house: Any) -> None:
    house.project(tasks=1)
    ada, bea = (house.guest(name, projects=("one",)) for name in ("ada", "bea"))
    (task,) = ada.take()
    ada.judge(task, [], skip="I do not know the town")
    assert ada.take() == []
    (other,) = bea.take()
    first = ada.get("/projects/one/mine")["judgements"][0]
    # Taken back while somebody else has the task: there is no room for both.
    refused = ada.judge(task, revises=first["judgement"], status=409)
    assert refused["error"]["code"] == "task_full"
    bea.post(f"/leases/{other['lease']}/release", {})
    assert ada.judge(task, revises=first["judgement"])["revision"] == 2
    assert bea.take() == []


def test_contradicted_tasks_come_before_agreed_ones_and_priority_decides_between_equals(house: Any) -> None:
    house.project(tasks=4, candidates=2, overlap=3)
    house.owner.post("/projects/one/priorities", {"values": {"p00003": 2.0, "p00002": 1.0}})
    ada, bea, cyd = (house.guest(name, projects=("one",)) for name in ("ada", "bea", "cyd"))

    def through(who: Any, turned: str) -> list[str]:
        asked = []
        for _ in range(4):
            (task,) = who.take()
            name = task["prompt"]["messages"][0]["content"]
            asked.append(name)
            who.judge(task, sorted(texts(task), reverse=name == turned))
        return asked

    by_priority = ["Question 3", "Question 2", "Question 0", "Question 1"]
    assert through(ada, "") == by_priority == through(bea, "Question 1")
    assert through(cyd, "") == ["Question 1", "Question 3", "Question 2", "Question 0"]
    refused = house.owner.post("/projects/one/priorities", {"values": {"nobody": 1.0}}, 422)
    assert refused["error"]["code"] == "unknown_prompt"


@pytest.mark.slow
def test_many_at_once_give_every_task_exactly_what_it_needs(house: Any) -> None:
    house.project(tasks=12, candidates=2, overlap=3)
    people = [house.guest(f"p{number}", projects=("one",)) for number in range(6)]
    faults: list[BaseException] = []

    def work(who: Any) -> None:
        try:
            while tasks := who.take(2):
                for task in tasks:
                    who.judge(task)
        except BaseException as error:
            faults.append(error)

    threads = [threading.Thread(target=work, args=(who,)) for who in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults
    with house.store.reading() as session:
        rows = session.execute(select(Judgement.task_id, Judgement.person_id)).all()
    assert len(rows) == len(set(rows)) == 36 and sorted({task for task, _ in rows}) == list(range(1, 13))


def test_two_windows_of_one_person_hold_no_task_twice(house: Any) -> None:
    house.project(tasks=3, overlap=2)
    ada = house.guest("ada", projects=("one",))
    got: list[Any] = []
    threads = [threading.Thread(target=lambda: got.append(ada.take(2))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 4 and len({one["task"] for tasks in got for one in tasks}) == 2
    with house.store.reading() as session:
        assert len(session.scalars(select(Showing)).all()) == 2
