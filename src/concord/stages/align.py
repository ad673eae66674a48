"""Stages align and rivals: the supervised policy becomes one that people prefer."""

from pathlib import Path

from concord.algorithms import ALGORITHMS
from concord.errors import GateRefused
from concord.evaluation.reward_fit import fit
from concord.records.files import read_json
from concord.stages.bench import Bench
from concord.stages.cards import NAME
from concord.stages.learn import learn
from concord.stages.plan import WITHOUT_REWARD

BEGINNING = {"dpo"}
"""Methods whose reference is the policy before its first step, so that the bench is never asked for one."""


def work(bench: Bench, folder: Path, key: str) -> None:
    """Learn by the method that the recipe names for this stage."""
    _, _, rival = bench.stage.partition("/")
    settings = bench.recipe.rivals[rival] if rival else bench.recipe.align
    bench.from_base = settings.method == "sft"
    if settings.method not in WITHOUT_REWARD:
        may_teach(bench)
    if settings.method in BEGINNING:
        bench.name_reference()
    course = ALGORITHMS[settings.method](settings, bench)
    learn(course, bench, folder, key)
    bench.policy.save(folder / "model")


def may_teach(bench: Bench) -> None:
    """Refuse to learn by a reward model that misses a limit of `gate.reward`, as its card says."""
    path = bench.run.path("reward") / NAME
    if not path.is_file():
        bench.say("the reward model has no report card, for it was made before there were any.")
        return
    verdict = fit(read_json(path), bench.recipe.gate.reward)
    if not verdict["go"]:
        reasons = "\n".join(f"  {told}" for told in verdict["stopped_by"])
        raise GateRefused(
            f"The reward model in {path.parent} may not teach:\n{reasons}\n"
            "Rank more, or other answers, and learn it anew; or change the limit under `gate.reward`."
        )
