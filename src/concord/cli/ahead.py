"""Looking ahead: what an errand stands on, what it would do, and what has to be done first."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from shlex import join
from typing import TYPE_CHECKING, Any

from concord.errors import SettingsError, StoreError
from concord.records.files import read_json

if TYPE_CHECKING:
    from concord.runs import Loaded
    from concord.stages.plan import Task

STATES = {
    "stale": "is out of date: its settings or its inputs have changed",
    "partial": "was begun and is not finished",
    "damaged": "is damaged or stands on something that is",
}
PARTS = ("answers/", "duels/", "suites/")
"""Each policy's answers and duels are tasks of their own in the plan; to the user they are part of `evaluate`."""


@dataclass(frozen=True)
class Errand:
    """What one command asks for: these stages of this recipe, some of them though they are finished."""

    args: argparse.Namespace
    loaded: "Loaded"
    tasks: "Sequence[Task]"
    names: Sequence[str]
    again: frozenset[str]

    @property
    def folder(self) -> Path:
        """The run's folder: as given, or named after the recipe."""
        given = self.args.run
        return Path(given) if given else Path("runs") / Path(self.args.recipe).stem

    def refuse_anothers(self) -> None:
        """Refuse a folder that nobody named and that holds the run of another recipe of the same name."""
        note, copy = self.folder / "run.json", self.folder / "recipe.yaml"
        if self.args.run or not note.is_file():
            return
        source = self.loaded.source.absolute()
        made = str(read_json(note).get("recipe"))
        if made != str(source) and not (copy.is_file() and copy.samefile(source)):
            raise StoreError(
                f"{self.folder} is the run of {made}, and this is {source}. Give --run {self.folder} if the recipe was "
                "moved, or name another folder with --run."
            )


def foretell(errand: Errand, states: Mapping[str, str]) -> tuple[list[str], dict[str, Any]]:
    """What would run and what would be skipped, and from what each stage is made."""
    coming: set[str] = set()
    lines, rows = [f"In {errand.folder}:"], []
    width = widest(errand.names)
    for task in errand.tasks:
        if task.name not in errand.names:
            continue
        state = states[task.name]
        if state != "done" or task.name in errand.again or coming.intersection(task.after):
            coming.add(task.name)
        will = "run" if task.name in coming else "skip"
        if state == "damaged" and task.name not in errand.again:
            will = "stop"  # what was finished and is damaged is made again only when asked for
        files = [str(file) for file in task.files]
        source = ", ".join([*task.after, *files])
        lines.append(
            f"{task.name:{width}} {will:5} {f'({state})':10}" + (f" from {source}" if source else "")
        )
        rows.append({"name": task.name, "state": state, "will": will, "after": task.after, "files": files})
    return lines, {"run": str(errand.folder), "plan": rows}


def widest(names: Sequence[str]) -> int:
    """How wide a column of stages' names has to be."""
    return max([12, *(len(name) for name in names)])


def refuse_if_early(errand: Errand, states: Mapping[str, str]) -> None:
    """A stage stands on others: say which of them is not finished, and the command that makes it."""
    name = errand.names[0]
    before = all_before(name, errand.tasks)
    for task in errand.tasks:
        state = states[task.name]
        if task.name in before and state != "done" and not task.name.startswith(PARTS):
            again = " --again" if state == "damaged" else ""
            raise SettingsError(
                f"`{name}` needs the stage `{task.name}`, which {STATES.get(state, 'is missing')} "
                f"in {errand.folder}. Give `{command(task.name, errand.args)}{again}` first, "
                f"or `{command('run', errand.args)}` for all stages."
            )


def all_before(name: str, tasks: "Sequence[Task]") -> set[str]:
    """Every stage that a stage stands on, however far below."""
    after = {task.name: task.after for task in tasks}
    found: set[str] = set()
    waiting = list(after[name])
    while waiting:
        below = waiting.pop()
        if below not in found:
            found.add(below)
            waiting.extend(after[below])
    return found


def with_all_above(again: Sequence[str], tasks: "Sequence[Task]") -> frozenset[str]:
    """The stages to redo, and every stage that stands on one of them."""
    return frozenset(
        task.name for task in tasks if task.name in again or all_before(task.name, tasks).intersection(again)
    )


def parts(name: str, tasks: "Sequence[Task]") -> list[str]:
    """The tasks that make up a stage: itself, and for an evaluation the answers that it judges."""
    answers = [task.name for task in tasks if task.name.startswith(PARTS)] if name == "evaluate" else []
    return [name, *answers]


def known(name: str, tasks: "Sequence[Task]") -> str:
    """The same name, if the recipe has such a stage."""
    names = [task.name for task in tasks]
    if name in names:
        return name
    near = get_close_matches(name, names, n=1)
    hint = f"Did you mean `{near[0]}`?" if near else f"Its stages are {', '.join(names)}."
    raise SettingsError(f"This recipe has no stage `{name}`. {hint}")


def command(name: str, args: argparse.Namespace) -> str:
    """The command that carries out a stage of the same recipe in the same run."""
    verb, _, rival = name.partition("/")
    words = ["concord", "align" if rival else verb, args.recipe, *args.overrides]
    words += ["--rival", rival] if rival else []
    words += ["--run", args.run] if args.run else []
    return join(words)
