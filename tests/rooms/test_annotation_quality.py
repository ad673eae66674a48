"""The page of agreement is worked out once for all who look, and anew when anything was said or erased."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import select

from concord.annotation import quality, told
from concord.annotation.tables import Project

Counted = list[float]


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counted:
    """When the measures were worked out, each time."""
    times: Counted = []
    real: Callable[..., told.Agreement] = quality.work_out

    def noted(*given: Any) -> told.Agreement:
        times.append(time.monotonic())
        return real(*given)

    monkeypatch.setattr(quality, "work_out", noted)
    return times


def test_a_second_look_works_nothing_out_and_a_new_judgement_does(house: Any, counted: Counted) -> None:
    house.project(tasks=3, overlap=2)
    lead = house.guest("lead", "reviewer", ("one",))
    ada, bob = (house.guest(name, projects=("one",)) for name in ("ada", "bob"))
    first = lead.get("/projects/one/agreement")
    assert first["annotators"] == [] and lead.get("/projects/one/agreement") == first and len(counted) == 1
    stored = ada.judge(task := ada.take()[0])
    bob.judge(bob.take()[0])
    later = lead.get("/projects/one/agreement")
    assert len(later["annotators"]) == 2 and len(counted) == 2
    ada.judge(task, revises=stored["judgement"])  # a change of mind
    lead.get("/projects/one/agreement")
    assert lead.get("/projects/one/agreement") and len(counted) == 3
    house.owner.post("/projects/one/erase", {"prompt_id": "p00000", "reason": "wished"})
    lead.get("/projects/one/agreement")
    assert lead.get("/projects/one/agreement") and len(counted) == 4


def test_what_was_skipped_is_named_with_its_reason_the_latest_first(house: Any) -> None:
    house.project(tasks=3)
    ada = house.guest("Ada Name", projects=("one",))
    tasks = ada.take(3)
    for task, reason in zip(tasks, ("no idea", None, 'says "skip":"x"'), strict=True):
        ada.judge(task, **({} if reason is None else {"tiers": [], "skip": reason}))
    told = house.owner.get("/projects/one/agreement")["skipped"]
    assert [one["reason"] for one in told] == ['says "skip":"x"', "no idea"]
    asked = [task["prompt"]["messages"][0]["content"] for task in tasks]
    assert [one["prompt"] for one in told] == [asked[2], asked[0]]
    assert told[0]["by"].startswith("annotator-") and "Ada" not in str(told)
    assert house.owner.get(f"/projects/one/tasks/{told[1]['task']}")["judgements"][0]["skip"] == "no idea"


def test_projects_do_not_share_what_is_kept(light: Any, counted: Counted) -> None:
    for slug in ("one", "two"):
        light.project(slug=slug)
        assert light.owner.get(f"/projects/{slug}/agreement")["annotators"] == []
    assert len(counted) == 2


@pytest.mark.slow
def test_ten_who_look_at_once_have_it_worked_out_once(light: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    light.project(tasks=2)
    ada = light.guest("ada", projects=("one",))
    ada.judge(ada.take()[0])
    begun, real, count = threading.Barrier(10), quality.work_out, []

    def slow(*given: Any) -> told.Agreement:
        count.append(1)
        time.sleep(0.2)
        return real(*given)

    def look(_: int) -> told.Agreement:
        with light.store.reading() as session:
            project = session.scalars(select(Project)).one()
            begun.wait(10)
            return quality.agreement(session, project)

    monkeypatch.setattr(quality, "work_out", slow)
    with ThreadPoolExecutor(10) as pool:
        found = list(pool.map(look, range(10)))
    assert len(count) == 1 and all(one is found[0] for one in found)


def test_whoever_sees_less_takes_what_is_newer(light: Any, counted: Counted) -> None:
    light.project(tasks=2)
    ada = light.guest("ada", projects=("one",))
    with light.store.reading() as session:  # a look that began before the judgement
        before = session.scalars(select(Project)).one()
        ada.judge(ada.take()[0])
        newer = light.owner.get("/projects/one/agreement")
        assert quality.agreement(session, before).model_dump() == newer and len(counted) == 1


def test_a_fault_keeps_nothing(light: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    light.project(tasks=1)

    def wrong(*_: Any) -> told.Agreement:
        raise ValueError("no")

    with monkeypatch.context() as broken, light.store.reading() as session:
        broken.setattr(quality, "work_out", wrong)
        project = session.scalars(select(Project)).one()
        with pytest.raises(ValueError, match="no"):
            quality.agreement(session, project)
    assert light.owner.get("/projects/one/agreement")["annotators"] == []
