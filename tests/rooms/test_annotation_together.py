"""People who answer the same task at the same moment: none of them is sent away."""

import threading
import time
from typing import Any

import pytest
from sqlalchemy import update

from concord.annotation import store
from concord.annotation.tables import Place

PEOPLE, TASKS = 6, 10


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


@pytest.mark.slow
def test_a_task_whose_places_another_just_holds_is_waited_for(house: Any) -> None:
    """While one judgement is stored, what is left of its task is no reason to say that nothing is left."""
    house.project(tasks=1, candidates=2, overlap=2)
    first, second = (house.guest(name, projects=("one",)) for name in ("first", "second"))
    assert len(first.take(1)) == 1
    holds = threading.Event()

    def work() -> None:
        with house.store.writing() as session:
            session.execute(update(Place).values(conflict=-0.5))
            holds.set()
            time.sleep(0.3)

    thread = threading.Thread(target=work)
    thread.start()
    assert holds.wait(store.PATIENCE)
    assert len(second.take(1)) == 1
    thread.join()
