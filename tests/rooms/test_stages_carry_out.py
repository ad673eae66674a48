"""Who works when: stages that only pretend, so that order, room and outcome are looked at alone."""

import json
import multiprocessing
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from concord import machine
from concord.errors import Diverged, ModelError, StoreError
from concord.runs import Loaded, Run, load
from concord.settings import Learning
from concord.stages.carry_out import Crew, failure, unfinished, wanted
from concord.stages.plan import Task
from concord.stages.worker import side_by_side, spent, threads


@dataclass
class Stage:
    """A process that has told its answer as soon as it is started, and ends when it is joined."""

    place: "Place"
    order: dict[str, Any]
    mouth: Connection
    exitcode: int | None = 0

    def start(self) -> None:
        name, key = self.order["task"], self.order["key"]
        self.place.living.append(name)
        self.place.seen.append(list(self.place.living))
        answer = self.place.answers.get(name, {"seconds": 1.5})
        if answer.get("seconds"):
            self.place.run.begin(name, key)
            self.place.run.finish(name, {"key": key, "seconds": 1.5})
        if answer:
            self.mouth.send_bytes(json.dumps(answer).encode())

    def terminate(self) -> None:
        self.place.ended.append(self.order["task"])

    def join(self) -> None:
        self.place.living.remove(self.order["task"])


@dataclass
class Place:
    """Where stages are started, in the stead of a multiprocessing context."""

    run: Run
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    living: list[str] = field(default_factory=list)
    seen: list[list[str]] = field(default_factory=list)
    """Who was at work at each start."""
    ended: list[str] = field(default_factory=list)

    def Pipe(self, duplex: bool) -> tuple[Connection, Connection]:
        return multiprocessing.Pipe(duplex)

    def Process(self, target: object, args: tuple[str, Connection], name: str, daemon: bool) -> Stage:
        assert daemon, "a stage that is forgotten must not keep the command from ending"
        return Stage(self, json.loads(args[0]), args[1])


def task(name: str, *after: str, alone: bool = False) -> Task:
    return Task(name, after, (), {"of": name}, alone)


TASKS = [
    task("sft", alone=True),
    task("reward", "sft", alone=True),
    task("align", "reward"),
    task("rivals/a", "reward"),
    task("rivals/b", "reward"),
    task("answers/align", "align"),
    task("evaluate", "align", "rivals/a", "rivals/b", "answers/align", alone=True),
]
Hire = Callable[..., tuple[Crew, Place]]


@pytest.fixture
def loaded(tmp_path: Path) -> Loaded:
    (tmp_path / "r.yaml").write_text("seed: 1\n")
    return load(tmp_path / "r.yaml")


@pytest.fixture
def hire(loaded: Loaded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hire:
    monkeypatch.setattr("os.fsync", lambda descriptor: None)
    monkeypatch.setattr(forkserver, "ensure_running", lambda: None)

    def make(places: int = 2, **answers: dict[str, Any]) -> tuple[Crew, Place]:
        said: list[str] = []
        run = Run(tmp_path / "run")
        crew, place = Crew(loaded, run, places, said.append), Place(run, answers)
        crew.context = place  # type: ignore[assignment]
        return crew, place

    return make


def test_tasks_start_when_what_they_need_is_done(hire: Hire) -> None:
    crew, place = hire()
    outcomes = crew.carry_out(TASKS)
    assert [one.state for one in outcomes] == ["done"] * 7
    assert [one[-1] for one in place.seen] == [
        "sft",
        "reward",
        "align",
        "rivals/a",
        "rivals/b",
        "answers/align",
        "evaluate",
    ]
    assert place.living == []


def test_a_task_that_takes_all_cores_is_never_beside_another(hire: Hire) -> None:
    crew, place = hire(places=9)
    crew.carry_out(TASKS)
    alone = {task.name for task in TASKS if task.alone}
    assert all(len(together) == 1 for together in place.seen if alone.intersection(together))
    assert max(map(len, place.seen)) == 3


@pytest.mark.parametrize("places", [1, 2])
def test_no_more_work_side_by_side_than_there_is_room_for(hire: Hire, places: int) -> None:
    crew, place = hire(places)
    crew.carry_out(TASKS)
    assert max(map(len, place.seen)) == places


def test_what_is_done_is_skipped_and_tells_its_seconds(hire: Hire) -> None:
    crew, place = hire()
    crew.carry_out(TASKS)
    again = crew.carry_out(TASKS)
    assert [(one.state, one.seconds) for one in again] == [("skipped", 1.5)] * 7
    assert len(place.seen) == 7
    crew.run.forget("rivals/a")
    assert [one.name for one in crew.carry_out(TASKS) if one.state == "done"] == ["rivals/a"]


def test_a_failure_is_raised_as_its_own_kind_and_stops_the_others(hire: Hire) -> None:
    crew, place = hire(**{"rivals/a": {"error": "Diverged", "message": "Step 3: kl."}, "align": {}})
    place.answers["align"] = {"error": "Diverged", "message": "Step 3: `kl` is 9."}
    with pytest.raises(Diverged, match=r"^align: Step 3: `kl` is 9[.]$"):
        crew.carry_out(TASKS)
    crew.dismiss()
    assert place.ended == ["rivals/a"]
    assert place.living == []
    assert crew.run.finished("reward") is not None


def test_a_damaged_stage_stops_before_it_is_made_again(hire: Hire) -> None:
    crew, place = hire()
    crew.carry_out(TASKS[:2])
    (crew.run.path("reward") / "MANIFEST.json").write_text("{")
    with pytest.raises(StoreError, match=r"reward.MANIFEST.json cannot be read .* --again"):
        crew.carry_out(TASKS)
    assert len(place.seen) == 2


def test_a_task_without_what_it_needs_says_what_is_missing(hire: Hire) -> None:
    crew, _ = hire()
    with pytest.raises(
        StoreError, match=r"reward needs the stage sft, which is not done in .* `concord run "
    ):
        crew.carry_out([TASKS[1]])


def test_only_what_will_be_carried_out_counts_as_unfinished(hire: Hire, loaded: Loaded) -> None:
    crew, _ = hire()
    names = [task.name for task in TASKS]
    assert unfinished(TASKS, loaded, crew.run, frozenset()) == set(names)
    crew.carry_out(TASKS)
    assert unfinished(TASKS, loaded, crew.run, frozenset()) == set()
    found = unfinished(TASKS, loaded, crew.run, frozenset({"align"}))
    assert found == {"align", "answers/align", "evaluate"}


def test_an_evaluation_brings_its_answers_along() -> None:
    assert wanted("answers/ppo", ["evaluate"])
    assert wanted("sft", ["sft"])
    assert not wanted("sft", ["evaluate"])
    assert not wanted("answers/ppo", ["align"])


@pytest.mark.parametrize(
    ("answer", "code", "kind", "words"),
    [
        ({"error": "ModelError", "message": "No model."}, 0, ModelError, "^sft: No model.$"),
        ({"error": "int", "message": "x"}, 1, StoreError, "ended without a word"),
        ({"exit": 143}, 0, SystemExit, "143"),
        ({"bug": "Traceback: here"}, 1, RuntimeError, "^sft failed:\nTraceback: here"),
        (
            {},
            -9,
            StoreError,
            r"ended without a word \(exit -9\): it was killed. .*memory ran out: lower `learn",
        ),
        ({}, -11, StoreError, "Give the same command to go on where it stopped"),
    ],
)
def test_how_a_process_ended_in_words(
    answer: dict[str, Any], code: int, kind: type[BaseException], words: str
) -> None:
    with pytest.raises(kind, match=words):
        raise failure("sft", answer, code)


def test_threads_follow_from_recipe_and_machine_alone() -> None:
    cores = machine.cores()
    assert threads(Learning(threads=3), alone=False) == 3
    assert threads(Learning(), alone=True) == cores
    assert threads(Learning(device="cpu", workers=2), alone=False) == max(1, cores // 2)
    assert side_by_side(Learning(workers=5)) == 5
    assert side_by_side(Learning(device="cuda")) == 1


def test_seconds_of_an_earlier_life_are_counted_as_far_as_they_are_known(tmp_path: Path) -> None:
    assert spent(tmp_path) == 0
    (tmp_path / "metrics.jsonl").write_text('{"step": 1, "seconds": 2.5}\n{"step": 2, "sec')
    assert spent(tmp_path) == 0
    (tmp_path / "metrics.jsonl").write_text('{"step": 1, "seconds": 2.5}\n')
    assert spent(tmp_path) == 2.5
