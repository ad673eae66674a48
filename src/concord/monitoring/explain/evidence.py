"""What a run folder tells: read as it lies, finished, stopped or still in progress; what is missing is none."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import yaml

from concord.errors import StoreError
from concord.monitoring.explain.finding import Sign
from concord.records import manifest
from concord.settings import Method, Recipe

PARTIAL = ".partial"
MOST_ROWS = 20_000
"""Rankings that are looked at; more of them would not change what is seen."""
MOST_ROUNDS = 24
"""Rounds whose answers are read: the first, the last and some between."""
NOTES = {
    "explained_variance": "explained",
    "clip_fraction": "clipped",
    "mismatch": "moved",
    "cut": "truncated",
}
"""What a diary calls a note, where it is not called as here."""
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Said:
    """One answer of a round."""

    prompt: str
    text: str
    finish: str | None


@dataclass(frozen=True)
class Round:
    """What the policy said in one round, and the file that holds it."""

    number: int
    file: Path
    answers: Sequence[Said]


@dataclass(eq=False)
class Evidence:
    """A run folder, read when it is asked; `stage` is the method that is examined, `align` or a rival."""

    run: Path
    stage: str = "align"

    flaw: str = ""
    """Why the recipe could not be read, if it could not."""

    @cached_property
    def recipe(self) -> Recipe | None:
        """The run's recipe with every default; None, and a flaw, if it cannot be read."""
        file = self.run / "resolved.yaml"
        try:
            return Recipe.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")))
        except (OSError, ValueError, yaml.YAMLError) as error:
            reason = str(error).partition("\n")[0]
            self.flaw = f"{file} cannot be read by this version ({reason}), so settings are not known."
            return None

    @property
    def method(self) -> Method | None:
        """The settings of the method that is examined."""
        _, _, rival = self.stage.partition("/")
        if self.recipe is None:
            return None
        return self.recipe.rivals.get(rival) if rival else self.recipe.align

    def setting(self, name: str) -> Any:
        """A setting of the method by its dotted name, such as `rollout.longest`; None if it has none."""
        here: Any = self.method
        for part in name.split("."):
            here = getattr(here, part, None)
        return here

    def named(self, name: str) -> str:
        """How a recipe calls that setting."""
        _, _, rival = self.stage.partition("/")
        return f"rivals.{rival}.{name}" if rival else f"align.{name}"

    def folder(self, stage: str) -> Path:
        """Where a stage lies: finished, or as far as it came."""
        begun = self.run / f"{stage}{PARTIAL}"
        return begun if begun.is_dir() and not (self.run / stage).is_dir() else self.run / stage

    def state(self, stage: str) -> str:
        """ "done", "unfinished" or "missing"."""
        if not self.folder(stage).is_dir():
            return "missing"
        return "done" if (self.folder(stage) / manifest.NAME).is_file() else "unfinished"

    def shown(self, file: Path) -> str:
        """A file's name as seen from the run."""
        return file.relative_to(self.run).as_posix()

    @property
    def diary(self) -> Path:
        """The method's diary."""
        return self.folder(self.stage) / "metrics.jsonl"

    @cached_property
    def steps(self) -> list[Row]:
        """The lines of the method's diary."""
        return [row for row in rows(self.diary) if isinstance(row.get("step"), int)]

    def curve(self, name: str, every: bool = False) -> list[tuple[int, float]]:
        """A note over the steps; of notes that a round repeats, one a round. Steps without it are left out."""
        found: dict[Any, tuple[int, float]] = {}
        for row in self.steps:
            value = number(row.get(name, row.get(NOTES.get(name, ""))))
            if value is not None:
                found.setdefault(
                    row["step"] if every else row.get("round", row["step"]), (row["step"], value)
                )
        return list(found.values())

    def sign(self, what: str, step: int | None = None) -> Sign:
        """Evidence in the method's diary."""
        return Sign(what, self.shown(self.diary), step)

    @cached_property
    def rounds(self) -> list[Round]:
        """What was said while learning: first, last and evenly spaced rounds between."""
        files = sorted((self.folder(self.stage) / "rollouts").glob("*.jsonl"))
        if len(files) > MOST_ROUNDS:
            last = len(files) - 1
            files = [files[round(place * last / (MOST_ROUNDS - 1))] for place in range(MOST_ROUNDS)]
        found = []
        for file in files:
            said = [Said(asked(row), str(row.get("text", "")), row.get("finish")) for row in rows(file)]
            if said and file.stem.isdecimal():
                found.append(Round(int(file.stem), file, said))
        return found

    @cached_property
    def held_out(self) -> list[Row]:
        """Rankings that the reward model never saw, with its scores."""
        return list(islice(rows(self.folder("reward") / "held_out.jsonl"), MOST_ROWS))

    @cached_property
    def rankings(self) -> list[Row]:
        """What people preferred."""
        return list(islice(rows(self.folder("rank") / "rankings.jsonl"), MOST_ROWS))

    @cached_property
    def completions(self) -> list[Said]:
        """What the supervised policy said to be ranked."""
        some = islice(rows(self.folder("sample") / "completions.jsonl"), MOST_ROWS)
        return [Said(asked(row), str(row.get("text", "")), row.get("finish")) for row in some]

    @cached_property
    def looks(self) -> Row:
        """What the supervised stage saw of held-out demonstrations and of general ability."""
        return value(self.folder("sft") / "looks.json")

    @cached_property
    def report(self) -> Row:
        """The evaluation's numbers, if it came so far."""
        return value(self.folder("evaluate") / "report.json") or value(self.run / "report.json")

    @cached_property
    def answers(self) -> list[Row]:
        """The answers to held-out prompts, as judge and reward model found them."""
        return list(rows(self.folder("evaluate") / "answers.jsonl"))

    @cached_property
    def verdict(self) -> Row:
        """What the gate decided, if it came so far."""
        return value(self.folder("gate") / "verdict.json")

    @cached_property
    def watched(self) -> list[Row]:
        """What a watch saw of the judge and the reward model while learning, if one looked."""
        return list(rows(self.folder(self.stage) / "watch.jsonl"))

    @cached_property
    def alarms(self) -> list[Row]:
        """What a watch warned of, if one looked."""
        return list(rows(self.folder(self.stage) / "alarms.jsonl"))

    @cached_property
    def origin(self) -> Path:
        """The folder against which the recipe's file names count."""
        told = value(self.run / "run.json").get("recipe")
        return Path(str(told)).parent if told else self.run

    @cached_property
    def evaluated_on(self) -> list[str]:
        """The prompts of the evaluation; none if they cannot be read here."""
        return self.brought(self.recipe.evaluate.prompts) if self.recipe else []

    def brought(self, name: str) -> list[str]:
        """The prompts in a file that people brought, if it holds Concord's own rows; others only stages read."""
        file = self.origin / name
        try:
            found = [asked(row if "prompt" in row else {"prompt": row}) for row in rows(file)]
        except StoreError:
            return []
        return [text for text in found if text.strip()]


def open_run(folder: Path, stage: str = "align") -> Evidence:
    """The evidence of a run folder; StoreError if it is none."""
    if not (folder / "resolved.yaml").is_file() and not (folder / "run.json").is_file():
        raise StoreError(
            f"{folder} is not a run folder: it has neither run.json nor resolved.yaml. "
            "Name the folder that --run named."
        )
    return Evidence(folder, stage)


def rows(file: Path) -> Iterator[Row]:
    """The rows of a file; none if it is not there. What is cut off at its end was being written and is left out."""
    if not file.is_file():
        return
    with file.open(encoding="utf-8", errors="replace", newline="\n") as lines:
        for place, line in enumerate(lines, start=1):
            try:
                found = json.loads(line)
            except ValueError as error:
                if line.endswith("\n"):
                    raise StoreError(
                        f"{file}:{place} is damaged: {error}. Redo the stage that wrote it with --again."
                    ) from error
                return
            if isinstance(found, dict):
                yield found


def value(file: Path) -> Row:
    """A JSON file's object; nothing if it is not there."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise StoreError(f"{file} is damaged: {error}. Redo the stage that wrote it with --again.") from error
    return found if isinstance(found, dict) else {}


def number(found: object) -> float | None:
    """A finite number, or None."""
    if isinstance(found, bool) or not isinstance(found, int | float):
        return None
    return float(found) if math.isfinite(found) else None


def asked(row: Row) -> str:
    """The words of a row's prompt, turn by turn."""
    prompt = row.get("prompt")
    if isinstance(prompt, dict):
        turns = prompt.get("messages") or [{"content": prompt.get("prompt", "")}]
        return "\n".join(str(turn.get("content", "")) for turn in turns)
    return str(prompt or "")


def excerpt(text: str, most: int = 80) -> str:
    """The beginning of a text, on one line, with nothing in it that a terminal would obey."""
    line = "".join(letter if letter.isprintable() else " " for letter in " ".join(text.split()))
    return f'"{line}"' if len(line) <= most else f'"{line[:most]} ..."'
