"""Whether a chosen tenth of the demonstrations teaches more than a tenth drawn by lot, on the starter world.

python -m benchmarks.choosing [--seeds 5] [--reward RUN/reward/model]

Each seed draws a pool of 1,000 of 1,500 demonstrations, takes a tenth of it by each way and learns from it as the
starter recipe does. Then it is measured how surprised the policy is by 500 demonstrations kept back, and what the
gold judge thinks of its answers to 300 held-out prompts. Differences to the lot are taken seed by seed.
"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from concord.algorithms.feeds import Reading
from concord.algorithms.sft import Imitation
from concord.algorithms.stopping import surprise
from concord.batches import pack
from concord.batches.order import permutation
from concord.making.choice import best_places, marks_of
from concord.maths.statistics import cluster_interval
from concord.models import Policy, choose
from concord.records import Demonstration
from concord.sampling import Local as Speaker
from concord.settings import SFT, Learning
from concord.stages.make import WORTH, rows_of
from concord.stages.plan import bundled
from concord.training import Guard, Local, Optimizer, fit, schedule
from concord.world import GoldJudge, World

ALL, KEPT, POOL, PROMPTS, SHARE = 1500, 500, 1000, 300, 0.1
LOT, MEASURES = "by lot", ("coverage", "difficulty")
Way = Callable[[list[int], int], list[int]]
"""From the places of a pool and a seed, the places to learn from."""


def main() -> int:
    """Measure every way over the seeds, and print a table and JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--reward", type=Path, help="a reward model, to choose by its score too")
    args = parser.parse_args()
    torch.set_num_threads(1)
    records = World().demonstrations(ALL + KEPT)
    ways = {LOT: by_lot, **{name: by_worth(name, records[:ALL], bundled()) for name in MEASURES}}
    if args.reward:
        ways["score"] = by_worth("score", records[:ALL], args.reward)
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for seed in range(args.seeds):
        pool = permutation(ALL, "pool", seed)[:POOL]
        for name, way in ways.items():
            policy = taught([records[place] for place in way(pool, seed)], seed)
            found[name].append(measured(policy, records[ALL:], seed))
            print(f"seed {seed}: {name}: {found[name][-1]}", file=sys.stderr, flush=True)
    print(json.dumps(found))
    for name, values in found.items():
        print(f"| {name} | {' | '.join(compared(values, found[LOT], number) for number in range(2))} |")
    return 0


def compared(values: Sequence[tuple[float, float]], lot: Sequence[tuple[float, float]], number: int) -> str:
    """The mean of one measure, and how far it is from the lot's, with its interval over the seeds."""
    mean = sum(value[number] for value in values) / len(values)
    if values is lot:
        return f"{mean:.4f} | "
    gaps = [value[number] - other[number] for value, other in zip(values, lot, strict=True)]
    gap, low, high = cluster_interval(gaps, range(len(gaps)))
    return f"{mean:.4f} | {gap:+.4f} [{low:+.4f}, {high:+.4f}]"


def by_lot(pool: list[int], seed: int) -> list[int]:
    """The first tenth: the pool is in the order of its lot."""
    return pool[: round(SHARE * len(pool))]


def by_worth(name: str, records: Sequence[Demonstration], model: Path) -> Way:
    """The tenth that `concord make choice` would keep."""
    worth = WORTH[name](records, model, choose("cpu", "float32"))
    marks = marks_of(records)

    def way(pool: list[int], seed: int) -> list[int]:
        places = best_places([worth[place] for place in pool], marks[pool], SHARE)
        return [pool[place] for place in places]

    return way


def taught(shown: Sequence[Demonstration], seed: int) -> Policy:
    """The bundled model, after it has learned from some demonstrations."""
    torch.manual_seed(seed)
    policy, asked, learning = Policy.load(bundled(), choose("cpu", "float32")), SFT(), Learning()
    rows = rows_of(policy, shown)
    feed = Reading(rows, asked.batch, asked.epochs, seed, pack, learning.micro_tokens)
    shape = schedule(learning.schedule, feed.steps, learning.warmup)
    networks = {"policy": policy.network}
    optimizer = Optimizer(networks, asked.rate, learning.weight_decay, learning.clip_norm, shape)
    engine = Local(policy.compute.device)
    engine.prepare(policy.network).train(True)
    fit(feed, Imitation(policy), engine, optimizer, Guard())
    policy.network.eval()
    return policy


def measured(policy: Policy, kept: Sequence[Demonstration], seed: int) -> tuple[float, float]:
    """How surprised a policy is by what was kept back, and what the judge thinks of what it says."""
    said = Speaker(policy, "policy", seed, 1.0, 64).sample(World().held_out(PROMPTS), 1)
    scores = GoldJudge().score(said)
    return surprise(policy, rows_of(policy, kept), Learning().micro_tokens), sum(scores) / len(scores)


if __name__ == "__main__":
    sys.exit(main())
