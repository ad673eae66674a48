"""Stages align and rivals: the supervised policy becomes one that people prefer."""

from pathlib import Path

from concord.algorithms import ALGORITHMS
from concord.stages.bench import Bench
from concord.stages.learn import learn

BEGINNING = {"dpo"}
"""Methods whose reference is the policy before its first step, so that the bench is never asked for one."""


def work(bench: Bench, folder: Path, key: str) -> None:
    """Learn by the method that the recipe names for this stage."""
    _, _, rival = bench.stage.partition("/")
    settings = bench.recipe.rivals[rival] if rival else bench.recipe.align
    bench.from_base = settings.method == "sft"
    if settings.method in BEGINNING:
        bench.name_reference()
    course = ALGORITHMS[settings.method](settings, bench)
    learn(course, bench, folder, key)
    bench.policy.save(folder / "model")
