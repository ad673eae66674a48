"""Where a run stands, as its folder tells: which stages are done, which are being made, and by whom."""

import json
import os
import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from concord.monitoring.curves import finite
from concord.monitoring.shelf import PARTIAL, Shelf
from concord.monitoring.tail import values
from concord.records.manifest import NAME as MANIFEST
from concord.records.manifest import outdated

METRICS = "metrics.jsonl"
LOOP = ("sft", "sample", "rank", "reward", "align", "evaluate", "gate")
"""The stages that every run has, in order; others stand before the evaluation."""
LAST_BYTES, LAST_LINES = 64 * 2**10, 20
"""How far from the end of its numbers a stage's last step is looked for."""
State = Literal["done", "at work", "stopped", "waiting"]


@dataclass(frozen=True)
class Holder:
    """Who says to be at work, and whether they can be seen to be."""

    host: str
    since: float
    """Seconds since 1970."""
    here: bool
    """Whether it is a process of this machine, that can be asked whether it lives."""


@dataclass(frozen=True)
class Stage:
    """One stage of a run."""

    name: str
    state: State
    seconds: float | None
    """What it took, or has taken so far; None if nobody knows."""
    step: int | None
    """The last step that was written down, if it learns."""


@dataclass(frozen=True)
class Standing:
    """A run, as its folder says."""

    name: str
    state: State
    stages: tuple[Stage, ...]
    changed: float
    """When anything was last written that this page shows, in seconds since 1970."""
    go: bool | None
    because: tuple[str, ...]
    made: dict[str, str]
    """Versions and circumstances, from run.json."""
    report: bool
    """Whether there is a report to be opened."""

    @property
    def learning(self) -> list[str]:
        """The stages that wrote down numbers."""
        return [one.name for one in self.stages if one.step is not None]

    @property
    def following(self) -> str | None:
        """The stage that is worth watching: what is being made now, else the policy, else the last."""
        live = [one.name for one in self.stages if one.state == "at work" and one.step is not None]
        wanted = [*(name for name in live if name == "align"), *live]
        wanted += [name for name in self.learning if name == "align"]
        return next(iter([*wanted, *reversed(self.learning)]), None)


def standing(run: Shelf, now: float) -> Standing:
    """Look at a run; whatever is missing or half written is told as not known."""
    names = list(dict.fromkeys((*LOOP, *stages(run))))
    sealed = {name: facts(run / name) for name in names}
    keys = {name: one.get("key") for name, one in sealed.items()}
    found = [stage(run, name, sealed[name], keys, now) for name in names]
    found.sort(key=lambda one: order(one.name))
    owner = holder(run, ".lock")
    verdict = {} if outdated(sealed["gate"], keys) else run.json("gate/verdict.json")
    because, go = verdict.get("because"), verdict.get("go")
    watched = [f"{one.name}{part}/{METRICS}" for one in found for part in ("", PARTIAL)]
    times = [run.changed(name) for name in ("run.json", "gate/verdict.json", *watched)]
    halted = any(one.state == "stopped" for one in found)
    idle: State = "done" if isinstance(go, bool) else "stopped" if halted else "waiting"
    return Standing(
        name=run.name,
        state="at work" if owner else idle,
        stages=tuple(found),
        changed=max((time for time in times if time is not None), default=0.0),
        go=go if isinstance(go, bool) else None,
        because=tuple(str(one) for one in because) if isinstance(because, list) else (),
        made=circumstances(run),
        report=run.holds("report.html"),
    )


def circumstances(run: Shelf) -> dict[str, str]:
    """What run.json says in single words; the recipe by its name alone, for its path is nobody's business."""
    made = run.json("run.json")
    found = {
        name: str(made[name])
        for name in ("concord", "torch", "commit", "seed", "host")
        if isinstance(made.get(name), str | int)
    }
    if isinstance(made.get("recipe"), str):
        found["recipe"] = Path(made["recipe"]).name
    overrides = made.get("overrides")
    if isinstance(overrides, list) and overrides:
        found["overrides"] = " ".join(str(one) for one in overrides)
    return found


def stages(run: Shelf) -> Iterator[str]:
    """The names of the stages of which there is anything in the folder."""
    for entry in dict.fromkeys(name.removesuffix(PARTIAL) for name in run.entries()):
        if place(run, entry) is not None:
            yield entry
        else:
            inner = dict.fromkeys(name.removesuffix(PARTIAL) for name in (run / entry).entries())
            yield from (f"{entry}/{name}" for name in inner if place(run, f"{entry}/{name}") is not None)


def place(run: Shelf, name: str) -> Shelf | None:
    """Where a stage lies now: the one that is being made before the one that is finished."""
    for where in (run / f"{name}{PARTIAL}", run / name):
        if any(where.holds(sign) for sign in (".key", MANIFEST, METRICS)):
            return where
    return None


def order(name: str) -> tuple[int, str]:
    """Where a stage stands in the list: as the loop goes, rivals after the policy, answers before their evaluation."""
    kind = name.partition("/")[0]
    if kind in LOOP:
        return 2 * LOOP.index(kind), ""
    return 2 * LOOP.index("align") + 1, ("0" if kind == "rivals" else "1") + name


def facts(where: Shelf) -> dict[str, Any]:
    """What was written down when a stage was finished; nothing if it is not."""
    told = where.json(MANIFEST).get("facts")
    return told if isinstance(told, dict) else {}


def stage(run: Shelf, name: str, sealed: dict[str, Any], keys: Mapping[str, str | None], now: float) -> Stage:
    """One stage: the one that is being made, if there is one; one that stands on what is gone waits for its turn."""
    where = place(run, name)
    if where is None:
        return Stage(name, "waiting", None, None)
    line = last_line(where)
    known: int | None = line.get("step")
    written = finite(line.get("seconds"))
    if not where.name.endswith(PARTIAL):
        took = finite(sealed.get("seconds"))
        state: State = "waiting" if outdated(sealed, keys) else "done"
        return Stage(name, state, written if took is None else took, known)
    who = holder(run, f".locks/{name.replace('/', '-')}.lock")
    if who is None:
        return Stage(name, "stopped", written, known)
    return Stage(name, "at work", written if written is not None else max(0.0, now - who.since), known)


def last_line(where: Shelf) -> dict[str, Any]:
    """The last whole line of a stage's numbers that is one."""
    try:
        file = where.open(METRICS)
        if file is None:
            return {}
        with file:
            size = os.fstat(file.fileno()).st_size
            file.seek(max(0, size - LAST_BYTES))
            whole, _, _torn = file.read(LAST_BYTES).rpartition(b"\n")
    except OSError:
        return {}
    latest = values(tuple(reversed(whole.split(b"\n")[-LAST_LINES:])))
    return next((one for one in latest if one is not None and type(one.get("step")) is int), {})


def holder(run: Shelf, lock: str) -> Holder | None:
    """Who holds a lock, as far as that can be seen without taking it; None if nobody does."""
    try:
        told = json.loads(run.read(lock) or b"")
        pid, host, since = int(told["pid"]), str(told["host"]), datetime.fromisoformat(told["since"])
        here = host == platform.node()
        return Holder(host, since.timestamp(), here) if not here or alive(pid) else None
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None


def alive(pid: int) -> bool:
    """Whether a process of this machine is at work; one that has ended and waits to be noticed is not."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        return text.rpartition(")")[2].split()[0] not in ("Z", "X")
    except (OSError, IndexError):
        pass
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except OSError:
        return False
    return pid > 0 and not Path("/proc/self/stat").exists()
