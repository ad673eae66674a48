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


DATA = ("demonstrations.jsonl", "more_demonstrations.jsonl", "prompts.jsonl", "held_out.jsonl")


def init(folder: Path, demonstrators: Demonstrators = "typical") -> list[Path]:
    """Write the starter recipe and its data into a folder that is new or empty, all of it or nothing."""
    recipe = files("concord.stages").joinpath("starter.yaml").read_text(encoding="utf-8")
    world = World(demonstrators=demonstrators)
    if folder.exists() and any(folder.iterdir()):
        raise StoreError(f"{folder} is not empty. Choose another folder, or move what is there away.")
    draft = folder.absolute().with_name(f".{folder.name}.draft")
    with storing(folder):
        shutil.rmtree(draft, ignore_errors=True)
        (draft / "data").mkdir(parents=True)
        more = world.demonstrations(MORE)
        formats.write_demonstrations(draft / "data" / DATA[0], more[:DEMONSTRATIONS])
        formats.write_demonstrations(draft / "data" / DATA[1], more)
        formats.write_prompts(draft / "data" / DATA[2], world.prompts(PROMPTS))
        formats.write_prompts(draft / "data" / DATA[3], world.held_out(HELD_OUT))
        write_text(draft / "recipe.yaml", recipe)
        draft.rename(folder)
    return [folder / "recipe.yaml", *(folder / "data" / name for name in DATA)]


def demo(folder: Path, seeds: int, say: Callable[[str], None]) -> Path:
    """Run the starter recipe whole, once for each seed; returns the page to open."""
    inputs = folder / "inputs"
    if not (inputs / "recipe.yaml").exists():
        init(inputs)
    reports = []
    for seed in range(seeds):
        place = folder if seed == 0 else folder.with_name(f"{folder.name}-seed-{seed}")
        loaded = load(inputs / "recipe.yaml", [f"seed={seed}"])
        with Run.open(place, loaded) as run:
            carry_out(loaded, run, [task.name for task in plan(loaded)], frozenset(), say)
        reports.append(read_json(place / "report.json"))
    if seeds > 1:
        found = table(reports)
        write_json(folder / "seeds.json", found)
        for line in lines(found):
            say(line)
    return folder / "report.html"
