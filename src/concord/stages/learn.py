"""Learning within a stage: resume if there is something to resume, learn, and leave a finished model."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import torch

from concord.algorithms import Course
from concord.stages.bench import Bench
from concord.stages.worker import STATE
from concord.training import (
    After,
    Checkpoints,
    Diary,
    Guard,
    Local,
    Notes,
    Optimizer,
    Saving,
    fit,
    network_tensors,
    restore_networks,
    restore_rng,
    rng_tensors,
    schedule,
)

ECHO = 1.0
"""Seconds within which two wishes to stop are one."""


class Interruption:
    """A wish to stop, kept until the step is learned and saved; a second wish stops at once.

    Only SIGTERM is heard: on Ctrl-C the process that gave the order asks its stages in this way.
    Whoever stops a whole process group is heard twice, once through that process: this is one wish.
    """

    def __init__(self) -> None:
        self.signal = 0
        self.since = 0.0

    def wish(self, number: int, frame: FrameType | None) -> None:
        """Called by the system."""
        now = time.monotonic()
        if self.signal and now - self.since > ECHO:
            raise SystemExit(128 + number)
        self.signal, self.since = number, self.since or now

    @contextmanager
    def heeded(self) -> Iterator[None]:
        """Listen while learning, then let the signal do what it did before."""
        before = signal.signal(signal.SIGTERM, self.wish)
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, before)


def learn(course: Course, bench: Bench, folder: Path, key: str) -> None:
    """Run a course to its end in a stage's folder, from its newest checkpoint if it has one."""
    learning = bench.learning
    torch.manual_seed(bench.seed)
    compute = bench.compute
    bench.say(f"products in {str(compute.dtype).removeprefix('torch.')}: {compute.reason}.")
    engine = Local(compute.device)
    for network in course.networks.values():
        engine.prepare(network).train(course.dropout)
    rise_and_fall = schedule(learning.schedule, course.steps, learning.warmup)
    decay, clip = learning.weight_decay, learning.clip_norm
    optimizer = Optimizer(course.networks, course.rates, decay, clip, rise_and_fall)
    guard = Guard(limits=course.limits, dump=folder / "skipped")
    checkpoints = Checkpoints(folder / STATE, facts={"key": key})
    diary = Diary(folder / "metrics.jsonl", folder.name.removesuffix(".partial"), course.steps)
    done = resume(course, optimizer, guard, checkpoints, bench.say)
    diary.rewind(done)

    def gather() -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
        networks = {**course.networks, **course.kept}
        tensors = {**network_tensors(networks), **optimizer.tensors(), **rng_tensors()}
        state = {"feed": course.feed.state(), "guard": guard.state(), "threads": torch.get_num_threads()}
        return tensors, state

    saving = Saving(checkpoints, learning.checkpoint_seconds, gather, course.feed)
    interruption = Interruption()

    def stop(number: int, notes: Notes) -> None:
        if interruption.signal:
            saving.every_seconds = 0
            saving(number, notes)
            raise SystemExit(128 + interruption.signal)

    after: list[After] = [*course.tells, diary, guard, saving, stop]
    try:
        with interruption.heeded():
            fit(course.feed, course.objective, engine, optimizer, guard, after, done)
    finally:
        diary.close()
    for network in course.networks.values():
        network.eval()


def resume(
    course: Course, optimizer: Optimizer, guard: Guard, checkpoints: Checkpoints, say: Callable[[str], None]
) -> int:
    """Put everything back to where the newest sound checkpoint was taken; returns the steps learned by then."""
    found = checkpoints.newest()
    for flaw in checkpoints.skipped:
        say(f"{flaw}: this checkpoint is passed over.")
    if found is None:
        if checkpoints.skipped:
            say("no checkpoint is left that can be used, so the stage begins again.")
        return 0
    tensors = found.tensors()
    restore_networks({**course.networks, **course.kept}, tensors)
    optimizer.restore(tensors)
    restore_rng(tensors)
    course.feed.restore(found.state["feed"])
    guard.restore(found.state["guard"])
    say(f"goes on after step {found.step} of {course.steps}.")
    threads = found.state.get("threads"), torch.get_num_threads()
    if threads[0] != threads[1]:
        say(f"began with {threads[0]} threads and goes on with {threads[1]}: the last bits may differ.")
    return found.step
