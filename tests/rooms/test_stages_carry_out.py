"""Who works when: tasks that only pretend, so that the order alone is looked at."""

import json
import multiprocessing
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from concord.errors import ModelError, StoreError
from concord.runs import Loaded, Run
from concord.settings import Learning, Recipe
from concord.stages import carry_out as room
from concord.stages.carry_out import Crew, failure, unfinished, wanted
from concord.stages.plan import Task, key
from concord.stages.worker import side_by_side, threads


@dataclass
class Pretended:
    """A context whose processes are done when they are waited for, the latest first."""

    run: Run
    answer: Callable[[str], dict[str, Any]]
    living: list[str] = field(default_factory=list)
    most: int = 0
    told: list[tuple[str, ...]] = field(default_factory=list)
    """Who was at work each time that somebody was waited for."""
    exitcode: int | None = 0

    def Pipe(self, duplex: bool) -> tuple[Any, Any]:
        return multiprocessing.Pipe(duplex)

    def Process(self, target: Any, args: tuple[str, Any], name: str, daemon: bool) -> Any:
        assert daemon
        return Hand(self, json.loads(args[0]), args[1].fileno())


@dataclass
class Hand:
    """One pretended process."""

    context: Pretended
    order: dict[str, Any]
    mouth: int
    exitcode: int | None = 0
    ended: list[str] = field(default_factory=list)

    def start(self) -> None:
        name = self.order["task"]
        self.context.living.append(name)
        self.context.told.append(tuple(self.context.living))
        answer = self.context.answer(name)
        if "seconds" in answer:
            self.context.run.begin(name, self.order["key"])
            self.context.run.finish(name, {"key": self.order["key"], "seconds": answer["seconds"]})
        if answer:
            multiprocessing.connection.Connection(self.mouth, readable=False).send_bytes(
                json.dumps(answer).encode()
            ) if False else None
        self.said = answer

    def join(self) -> None:
        self.context.living.remove(self.order["task"])

    def terminate(self) -> None:
        self.ended.append("terminate")

    def kill(self) -> None:
        self.ended.append("kill")
