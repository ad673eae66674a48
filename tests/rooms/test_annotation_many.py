"""Many tasks take no more statements than few: each statement is a moment in which everybody else may have to wait."""

from typing import Any

from sqlalchemy import event, select
from tests.rooms.conftest import rows

from concord.annotation import asked, chain, export, material, queue
from concord.annotation.quality import work_out
from concord.annotation.tables import Place, Project


class Counted:
    """Counts what a store is asked for."""

    def __init__(self, house: Any) -> None:
        self.store, self.count = house.store, 0
        event.listen(house.store.engine, "before_cursor_execute", self.note)

    def note(self, *_: Any) -> None:
        self.count += 1

    def reading(self, what: Any) -> int:
        self.count = 0
        with self.store.reading() as session:
            what(session, session.scalars(select(Project)).one())
        return self.count

    def writing(self, what: Any) -> int:
        self.count = 0
        with self.store.writing() as session:
            what(session, session.scalars(select(Project)).one())
            assert not any(isinstance(one, Place) for one in session)  # places of many tasks are many
        return self.count


def test_priorities_are_set_in_one_step(house: Any) -> None:
    house.project(tasks=9, overlap=2)
    counted = Counted(house)

    def few(session: Any, project: Project) -> None:
        queue.prioritise(session, project, {"p00000": 1.0})

    def many(session: Any, project: Project) -> None:
        queue.prioritise(session, project, {f"p{number:05}": number / 2 for number in range(9)})

    assert counted.writing(few) == counted.writing(many)
    with house.store.reading() as session:
        found = set(session.execute(select(Place.task_id, Place.priority)))
    assert found == {(number + 1, -number / 2) for number in range(9)}


def test_a_task_is_added_without_a_look_at_all_others(house: Any) -> None:
    house.project(tasks=9, overlap=3)
    counted = Counted(house)

    def add(session: Any, project: Project) -> None:
        material.bring(session, project, asked.NewTasks.model_validate({"rows": rows(1, 2, start=20)}))

    def change(session: Any, project: Project) -> None:
        project.overlap = 2
        queue.open_places(session, project, [1, 2, 10])

    first = counted.writing(add)
    with house.store.reading() as session:
        assert len(session.scalars(select(Place).where(Place.task_id == 10)).all()) == 3
    house.owner.post("/projects/one/tasks", {"rows": rows(9, 2, start=30)})

    def again(session: Any, project: Project) -> None:
        material.bring(session, project, asked.NewTasks.model_validate({"rows": rows(1, 2, start=50)}))

    assert first == counted.writing(again)
    counted.writing(change)
    with house.store.reading() as session:
        numbers = session.execute(select(Place.task_id, Place.number).where(Place.task_id.in_((1, 3, 10))))
        assert sorted(tuple(one) for one in numbers) == [
            *((1, number) for number in range(2)),
            *((3, number) for number in range(3)),
            *((10, number) for number in range(2)),
        ]


def test_exports_agreement_and_history_look_at_many_tasks_at_once(house: Any) -> None:
    house.project(tasks=8, candidates=2)
    ada, counted, steps = house.guest("ada", projects=("one",)), Counted(house), []
    for _ in range(2):
        for task in ada.take(4):
            ada.judge(task)
        steps.append(
            (
                counted.reading(lambda session, project: export.weigh(session, project, "concord-rankings")),
                counted.reading(work_out),
                counted.reading(chain.verify),
            )
        )
    assert steps[0] == steps[1]
