"""Stage sft: demonstrations become a policy that behaves somewhat as people would."""

from pathlib import Path

from concord.algorithms import ALGORITHMS
from concord.stages.bench import Bench
from concord.stages.learn import learn


def work(bench: Bench, folder: Path, key: str) -> None:
    """Imitate the demonstrations, beginning with the base."""
    bench.from_base = True
    course = ALGORITHMS["sft"](bench.recipe.sft, bench)
    learn(course, folder, key, bench.seed, bench.learning, bench.compute)
    bench.policy.save(folder / "model")
