"""Carrying out tasks: what is done is skipped, what does not depend on each other runs side by side.

Each stage works in a process of its own, forked from one that has loaded the libraries and nothing else:
its peak memory is its own, its threads are set before they start, and a crash takes nobody along.
"""

import json
import multiprocessing
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import forkserver
from multiprocessing.connection import Connection, wait
from pathlib import Path
from types import FrameType
from typing import Any

from concord import errors
from concord.errors import ConcordError, StoreError
from concord.runs import Loaded, Run
from concord.stages import inputs, worker
from concord.stages.independence import refuse_a_teacher
from concord.stages.plan import Task, key, made_from, plan, state

LOADED = [
    "concord.stages.worker",
    "concord.stages.work",
    "transformers.models.auto.modeling_auto",
    "transformers.models.auto.tokenization_auto",
    "transformers.models.llama.modeling_llama",  # the family of the bundled model
]
"""What the process that all stages are forked from has loaded, so that each of them need not."""


@dataclass(frozen=True)
class Outcome:
    """How one task ended."""

    name: str
    state: str
    """"done" if it was carried out now, "skipped" if it was done before."""
    seconds: float
    folder: Path


@dataclass
class Job:
    """A task in progress in a process of its own."""

    task: Task
    process: Any
    ear: Connection


def carry_out(
    loaded: Loaded,
    run: Run,
    names: Sequence[str],
    again: frozenset[str],
    say: Callable[[str], None],
) -> list[Outcome]:
    """Carry out the named tasks, and the parts of an evaluation, in the order of the plan."""
    tasks = [task for task in plan(loaded) if wanted(task.name, names)]
    coming = unfinished(tasks, loaded, run, again)
    inputs.check(loaded, coming, say, run.cache)
    if any(name.startswith(("answers/", "duels/")) for name in coming):
        refuse_a_teacher(loaded, run)
    for task in tasks:
        if task.name in again:
            run.forget(task.name)
    crew = Crew(loaded, run, worker.side_by_side(loaded.recipe.learning), say)
    with answering(leave, signal.SIGTERM, signal.SIGHUP):
        try:
            return crew.carry_out(tasks)
        finally:
            crew.dismiss()


def leave(number: int, frame: FrameType | None) -> None:
    """End the work in good order, with the exit code that belongs to a signal."""
    raise SystemExit(128 + number)


@contextmanager
def answering(act: Any, *numbers: signal.Signals) -> Iterator[None]:
    """Answer these signals in this way for a while."""
    before = {number: signal.signal(number, act) for number in numbers}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)


def wanted(name: str, names: Sequence[str]) -> bool:
    """Whether a task is asked for by its own name, or as a part of the evaluation."""
    return name in names or ("evaluate" in names and name.startswith(("answers/", "duels/", "suites/")))


def unfinished(tasks: Sequence[Task], loaded: Loaded, run: Run, again: frozenset[str]) -> set[str]:
    """The names of the tasks that will be carried out, as far as can be known before the first of them is."""
    coming: set[str] = set()
    for task in tasks:
        if task.name in again or coming.intersection(task.after) or state(task, loaded, run) != "done":
            coming.add(task.name)
    return coming


class Crew:
    """The processes that work on a run, no more of them than there is room for."""

    def __init__(self, loaded: Loaded, run: Run, places: int, say: Callable[[str], None]) -> None:
        self.loaded, self.run, self.places, self.say = loaded, run, places, say
        self.context = multiprocessing.get_context("forkserver")
        self.context.set_forkserver_preload(LOADED)
        with answering(signal.SIG_IGN, signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            # What stops a whole process group must not stop the process that all stages are forked from:
            # its end would look like theirs, and the steps that they are about to save would be lost.
            forkserver.ensure_running()
        self.jobs: list[Job] = []

    def carry_out(self, tasks: Sequence[Task]) -> list[Outcome]:
        """Start what can start, wait for what runs, until nothing is left."""
        left, outcomes = list(tasks), []
        while left or self.jobs:
            ready = self.ready(left)
            skipped = [outcome for task in ready if (outcome := self.begin(task)) is not None]
            left = [task for task in left if task not in ready]
            outcomes += skipped
            if self.jobs and not skipped:  # what was skipped leaves its place to another at once
                outcomes.append(self.await_one())
        return outcomes

    def ready(self, left: Sequence[Task]) -> list[Task]:
        """The next tasks that may start: what they need is done, and there is room for them."""
        waiting = {task.name for task in left} | {job.task.name for job in self.jobs}
        found: list[Task] = []
        for task in left:
            busy = [*(job.task for job in self.jobs), *found]
            full = len(busy) >= self.places or any(other.alone for other in busy) or (task.alone and busy)
            if not full and not waiting & set(task.after):
                found.append(task)
        return found

    def begin(self, task: Task) -> Outcome | None:
        """Skip a task that is done, or start a process for it."""
        if state(task, self.loaded, self.run) == "damaged":
            self.run.finished(task.name)  # says what is damaged
        name = key(task, self.loaded, self.run)
        if name is None:
            missing = next(other for other in task.after if self.run.finished(other) is None)
            raise StoreError(
                f"{task.name} needs the stage {missing}, which is not done in {self.run.folder}. "
                f"Give `concord run {self.loaded.source}` to do all that is missing."
            )
        facts = self.run.finished(task.name)
        if facts is not None and facts["key"] == name:
            return Outcome(task.name, "skipped", float(facts["seconds"]), self.run.path(task.name))
        self.say(f"{task.name} ...")
        ear, mouth = self.context.Pipe(duplex=False)
        order = {
            "recipe": self.loaded.recipe.model_dump(mode="json"),
            "folder": str(self.loaded.folder),
            "source": str(self.loaded.source),
            "run": str(self.run.folder),
            "task": task.name,
            "key": name,
            "made_from": made_from(task, self.run),
            "alone": task.alone,
        }
        arguments = (json.dumps(order), mouth)
        process = self.context.Process(target=worker.serve, args=arguments, name=task.name, daemon=True)
        process.start()
        mouth.close()
        self.jobs.append(Job(task, process, ear))
        return None

    def await_one(self) -> Outcome:
        """The outcome of whichever task ends first; its failure is raised here as its own error."""
        ready = wait([job.ear for job in self.jobs])
        job = next(job for job in self.jobs if job.ear in ready)
        try:
            answer = json.loads(job.ear.recv_bytes())
        except EOFError:
            answer = {}
        job.process.join()
        self.jobs.remove(job)
        if "seconds" in answer:
            seconds = float(answer["seconds"])
            self.say(f"{job.task.name} done in {seconds:.0f} s")
            return Outcome(job.task.name, "done", seconds, self.run.path(job.task.name))
        raise failure(job.task.name, answer, job.process.exitcode)

    def dismiss(self) -> None:
        """Ask whoever still works to finish its step and stop; asked again, stop them at once."""
        for job in self.jobs:
            self.say(f"{job.task.name}: finishing its step ...")
            job.process.terminate()
        try:
            for job in self.jobs:
                job.process.join()
        except (KeyboardInterrupt, SystemExit):
            for job in self.jobs:
                job.process.kill()
            raise


def failure(name: str, answer: dict[str, Any], code: int | None) -> BaseException:
    """What went wrong in a stage's process, as an exception of this one."""
    if "error" in answer:
        kind = getattr(errors, answer["error"], None)
        if isinstance(kind, type) and issubclass(kind, ConcordError):
            return kind(f"{name}: {answer['message']}")
    if "exit" in answer:
        return SystemExit(answer["exit"])
    if "bug" in answer:
        return RuntimeError(f"{name} failed:\n{answer['bug']}")
    hint = ""
    if code == -9:
        hint = " If nobody did that, memory ran out: lower `learning.micro_tokens` or `learning.workers`."
    return StoreError(
        f"The process of {name} ended without a word (exit {code}): it was killed.{hint} "
        "Give the same command to go on where it stopped."
    )
