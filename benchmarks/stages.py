"""How fast this machine learns, speaks and scores with the starter model, in one run.

    python -m benchmarks.stages [RESULTS.json]

Each figure is one run of some seconds after a short warm-up, on a machine that may be doing other
things: good to see a factor of two, not ten percent. Tokens count what stands in a row, prompt included,
padding not; for sampling they are the tokens that were said. The machine is described beside the figures.
"""

import itertools
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch

from concord.algorithms.feeds import Reading
from concord.algorithms.reward import RewardObjective
from concord.algorithms.sft import Imitation
from concord.batches import collate
from concord.machine import keep_freed_memory, settle_environment
from concord.maths.ranking import pair_counts
from concord.models import Compute, Policy, RewardModel, choose, doctor
from concord.records import Completion
from concord.records.files import write_json
from concord.sampling import Local
from concord.settings import Reward
from concord.training import Feed, Guard, Notes, Objective, Optimizer, fit
from concord.training import Local as Engine
from concord.world import GoldJudge, Panel, World

STARTER = Path(str(files("concord") / "models" / "starter_model"))
RESULTS = Path(__file__).with_name("results.json")
CONTEXT, BATCH, WARM = 256, 32, 3


def main(path: Path = RESULTS) -> dict[str, Any]:
    """Measure everything, print it and write it down."""
    compute, world = choose(), World()
    policy = Policy.load(STARTER, compute)
    said = Local(policy, "base", seed=0).sample(world.prompts(16), 4)  # also warms up
    prompts = world.prompts(256)
    began = time.perf_counter()
    said = Local(policy, "base", seed=1).sample(prompts, 4)
    seconds = time.perf_counter() - began
    found = {
        "sampling_tokens_per_second": sum(len(one.tokens or ()) for one in said) / seconds,
        "sft_tokens_per_second": sft(policy, world),
        "reward_pairs_per_second": reward(compute, said),
    }
    rounded = {name: round(value, 1) for name, value in found.items()}
    result = {**rounded, "threads": torch.get_num_threads(), "machine": doctor()}
    write_json(path, result)
    for name, value in rounded.items():
        print(f"{name:28} {value:>12,}")
    print(f"written to {path}")
    return result


def sft(policy: Policy, world: World) -> float:
    """Tokens learned from in a second of SFT."""
    rows = collate.demonstrations(world.demonstrations(640), policy.template, CONTEXT, True, print)
    feed = Reading(rows, BATCH, 1, 0, collate.sequences, 8192)
    return timed(
        feed, Imitation(policy), policy.network, lambda step: sum(float(part.real.sum()) for part in step)
    )


def reward(compute: Compute, said: Sequence[Completion]) -> float:
    """Pairs learned from in a second of reward modelling on rankings of four."""
    model, panel = RewardModel.load(STARTER, compute), Panel(GoldJudge())
    by_prompt = [list(group) for _, group in itertools.groupby(said, lambda one: one.prompt.id)]
    rankings = [panel.rank(group[0].prompt, group) for group in by_prompt]
    lists = collate.rankings(rankings, model.template, CONTEXT, print)
    feed = Reading(lists, BATCH // 2, 1, 0, collate.lists, 8192)
    objective = RewardObjective(model, Reward())
    return timed(
        feed,
        objective,
        model.network,
        lambda step: sum(float(pair_counts(part.tiers).sum()) for part in step),
    )


def timed(
    feed: Feed[Any],
    objective: Objective[Any],
    network: torch.nn.Module,
    count: Callable[[Sequence[Any]], float],
) -> float:
    """What a feed's steps hold, by the second, after the first few."""
    optimizer = Optimizer({"network": network}, 1e-4, 0.0, 1.0, lambda step: 1.0)
    steps = list(feed)
    network.train()
    marks: list[float] = []

    def mark(number: int, notes: Notes) -> None:
        marks.append(time.perf_counter())

    fit(Given(steps), objective, Engine(), optimizer, Guard(), [mark])
    return sum(count(step) for step in steps[WARM:]) / (marks[-1] - marks[WARM - 1])


class Given:
    """Steps that lie ready, so that making them is not measured."""

    settled = True

    def __init__(self, steps: Iterable[Sequence[Any]]) -> None:
        self.steps = steps

    def __iter__(self) -> Any:
        return iter(self.steps)

    def state(self) -> dict[str, Any]:
        """There is none."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """There is nothing to restore."""


if __name__ == "__main__":
    settle_environment()
    keep_freed_memory()
    main(*map(Path, sys.argv[1:]))
