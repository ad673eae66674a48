"""The starter recipe with its data: what `concord init` writes and `concord demo` runs."""

import shutil
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

from concord import formats
from concord.errors import StoreError
from concord.evaluation.seeds import lines, table
from concord.records.files import read_json, storing, write_json, write_text
from concord.runs import Run, load
from concord.stages.carry_out import carry_out
from concord.stages.plan import plan
from concord.world import World
from concord.world.demonstrators import Demonstrators

DEMONSTRATIONS = 300
MORE = 1500
"""Demonstrations at the price of 300 and of 1,200 rankings: one ranking of four for one demonstration."""
PROMPTS = 1200
HELD_OUT = 600
RECIPE = "recipe.yaml"
DATA = ("demonstrations.jsonl", "more_demonstrations.jsonl", "prompts.jsonl", "held_out.jsonl")


def init(folder: Path, demonstrators: Demonstrators = "typical") -> list[Path]:
    """Write the starter recipe and its data into a folder, beside what is there, all of it or nothing."""
    draft = folder / ".concord-init"
    moving = (draft / RECIPE).exists() and not (draft / "data").exists()  # was killed between the two moves
    for name in (RECIPE, "data")[: 1 if moving else 2]:
        if (folder / name).exists():
            raise StoreError(
                f"{folder / name} is there already; nothing is written over. Name another folder."
            )
    with storing(folder):
        if not moving:
            shutil.rmtree(draft, ignore_errors=True)
            try:
                _write(draft, World(demonstrators=demonstrators))
            except BaseException:
                shutil.rmtree(draft, ignore_errors=True)
                raise
            (draft / "data").rename(folder / "data")
        (draft / RECIPE).rename(folder / RECIPE)
        draft.rmdir()
    return [folder / RECIPE, *(folder / "data" / name for name in DATA)]


def _write(draft: Path, world: World) -> None:
    """Everything that `init` brings, the recipe last."""
    (draft / "data").mkdir(parents=True)
    more = world.demonstrations(MORE)
    formats.write_demonstrations(draft / "data" / DATA[0], more[:DEMONSTRATIONS])
    formats.write_demonstrations(draft / "data" / DATA[1], more)
    formats.write_prompts(draft / "data" / DATA[2], world.prompts(PROMPTS))
    formats.write_prompts(draft / "data" / DATA[3], world.held_out(HELD_OUT))
    write_text(draft / RECIPE, files("concord.stages").joinpath("starter.yaml").read_text(encoding="utf-8"))


def demo(folder: Path, seeds: int, say: Callable[[str], None]) -> Path:
    """Run the starter recipe whole, once for each seed; returns the page to open."""
    inputs = folder / "inputs"
    if not (inputs / RECIPE).exists():
        init(inputs)
    reports = []
    for seed in range(seeds):
        place = folder if seed == 0 else folder.with_name(f"{folder.name}-seed-{seed}")
        loaded = load(inputs / RECIPE, [f"seed={seed}"])
        with Run.open(place, loaded) as run:
            carry_out(loaded, run, [task.name for task in plan(loaded)], frozenset(), say)
        reports.append(read_json(place / "report.json"))
    if seeds > 1:
        found = table(reports)
        write_json(folder / "seeds.json", found)
        for line in lines(found):
            say(line)
    return folder / "report.html"
