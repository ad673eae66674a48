"""People who answer the same task at the same moment: none of them is sent away."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from concord.annotation import queue, store
from concord.annotation.tables import Place, Project

PEOPLE, TASKS = 6, 10
Step = Callable[[Session], Any]


@pytest.mark.slow
def test_whoever_judges_the_same_task_at_once_is_not_told_to_come_back(house: Any) -> None:
    house.project(tasks=TASKS, candidates=2, overlap=PEOPLE)
    people = [house.guest(f"p{number}", projects=("one",)) for number in range(PEOPLE)]
    ready, faults = threading.Barrier(PEOPLE), []

    def work(who: Any, turned: bool) -> None:
        try:
            for _ in range(TASKS):
                (task,) = who.take(1)
                texts = sorted(one["text"] for one in task["candidates"])
                ready.wait(store.PATIENCE * 4)
                who.judge(task, texts[::-1] if turned else texts)  # they contradict each other
        except BaseException as error:
            faults.append(error)
            ready.abort()

    threads = [
        threading.Thread(target=work, args=(who, bool(number % 2))) for number, who in enumerate(people)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults
    assert house.owner.get("/projects/one/progress")["done"] == TASKS * PEOPLE


def during(house: Any, first: Step, then: Step, meanwhile: Callable[[], Any]) -> Any:
    """What comes back from what is asked when another transaction has done its first step and not yet its last."""
    holds, faults = threading.Event(), []

    def work() -> None:
        try:
            with house.store.writing() as session:
                first(session)
                holds.set()
                time.sleep(0.5)
                then(session)
        except BaseException as error:
            faults.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    assert holds.wait(store.PATIENCE)
    found = meanwhile()
    thread.join()
    assert not faults
    return found


def noting(task: int) -> Step:
    """A step that notes how much people differ on a task, and so locks its places."""
    return lambda session: session.execute(update(Place).where(Place.task_id == task).values(conflict=-0.5))


def prioritising(name: str) -> Step:
    """A step that says how early a prompt should come."""
    return lambda session: queue.prioritise(session, session.scalars(select(Project)).one(), {name: 1.0})


@pytest.mark.slow
def test_a_task_whose_places_another_just_holds_is_waited_for(house: Any) -> None:
    """While one judgement is stored, what is left of its task is no reason to say that nothing is left."""
    house.project(tasks=1, candidates=2, overlap=2)
    ada, bea = (house.guest(name, projects=("one",)) for name in ("ada", "bea"))
    assert len(ada.take(1)) == 1
    assert len(during(house, noting(1), noting(1), lambda: bea.take(1))) == 1


@pytest.mark.slow
def test_whoever_has_taken_a_place_waits_for_no_other(house: Any) -> None:
    """Or two who hold what each other waits for would be sent away."""
    house.project(tasks=2, candidates=2, overlap=1)
    ada = house.guest("ada", projects=("one",))
    taken = during(house, noting(2), noting(1), lambda: ada.take(2))
    # SQLite lets nobody in meanwhile; PostgreSQL leaves what is locked at the moment for the next time.
    assert len(taken) == (2 if house.store.sqlite else 1)
    held = tuple(one["lease"] for one in taken)
    assert len(taken) + len(ada.take(2, holding=held)) == 2


@pytest.mark.slow
def test_two_who_bring_tasks_at_once_wait_for_each_other_from_the_start(
    house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.project(tasks=0, candidates=2, overlap=2)
    opened, faults = queue.open_places, []

    def slowly(*given: Any) -> None:
        time.sleep(0.5)  # long enough for both to have added what they bring, if they may
        opened(*given)

    def bring(name: str) -> None:
        try:
            house.owner.post(
                "/projects/one/tasks", {"rows": [{"prompt": name, "text": text} for text in "ab"]}
            )
        except BaseException as error:
            faults.append(error)

    monkeypatch.setattr(queue, "open_places", slowly)
    threads = [threading.Thread(target=bring, args=(name,)) for name in ("first", "second")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults
    assert house.owner.get("/projects/one/progress")["total"] == 4


@pytest.mark.slow
def test_whoever_changes_many_places_does_so_alone(house: Any) -> None:
    """Who takes one task and keeps another holds two places; so does who says which should come earlier."""
    house.project(tasks=2, candidates=2, overlap=1)
    ada = house.guest("ada", projects=("one",))
    (kept,) = ada.take(1)
    taken = during(
        house, prioritising("p00000"), prioritising("p00001"), lambda: ada.take(2, (kept["lease"],))
    )
    assert len(taken) == 1
