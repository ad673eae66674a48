"""Whether a chosen tenth of the demonstrations teaches more than a tenth drawn by lot, on the starter world.

python -m benchmarks.choosing [--seeds 8]

Each seed draws a pool of 1,000 of 1,500 demonstrations, takes a tenth of it by each way, learns from it as the starter
recipe does, and measures the surprise at 500 demonstrations kept back. Differences are taken seed by seed.
"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence

import torch

from concord.algorithms.feeds import Reading
from concord.algorithms.sft import Imitation
from concord.algorithms.stopping import surprise
from concord.batches import pack
from concord.batches.order import permutation
from concord.making.choice import best_places, pieces_of
from concord.maths.statistics import cluster_interval
from concord.models import Policy, choose
from concord.records import Demonstration
from concord.settings import SFT, Learning
from concord.stages.make import WORTH, rows_of
from concord.stages.plan import bundled
from concord.training import Guard, Local, Optimizer, fit, schedule
from concord.world import World

ALL, KEPT, POOL, SHARE = 1500, 500, 1000, 0.1
LOT = "by lot"
Way = Callable[[list[int], int], list[int]]
"""From the places of a pool and a seed, the places to learn from."""


def main() -> int:
    """Measure every way over the seeds, and print a table and JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=8)
    seeds = parser.parse_args().seeds
    torch.set_num_threads(1)
    records = World().demonstrations(ALL + KEPT)
    ways = {LOT: by_lot, **{name: by_worth(name, records[:ALL]) for name in ("difficulty", "likelihood")}}
    ways["novelty alone"] = by_worth("", records[:ALL])
    found: dict[str, list[float]] = {name: [] for name in ways}
    for seed in range(seeds):
        pool = permutation(ALL, "pool", seed)[:POOL]
        for name, way in ways.items():
            found[name].append(taught([records[place] for place in way(pool, seed)], records[ALL:], seed))
            print(f"seed {seed}: {name}: {found[name][-1]:.4f}", file=sys.stderr, flush=True)
    print(json.dumps(found))
    for name, values in found.items():
        gaps = [value - lot for value, lot in zip(values, found[LOT], strict=True)]
        mean, low, high = cluster_interval(gaps, range(seeds)) if name != LOT else (0.0, 0.0, 0.0)
        print(f"| {name} | {sum(values) / seeds:.4f} | {mean:+.4f} [{low:+.4f}, {high:+.4f}] |")
    return 0


def by_lot(pool: list[int], seed: int) -> list[int]:
    """The first tenth: the pool is in the order of its lot."""
    return pool[: round(SHARE * len(pool))]


def by_worth(name: str, records: Sequence[Demonstration]) -> Way:
    """The tenth that `concord make choice` would keep; every record is worth the same without a name."""
    worth = WORTH[name](records, bundled(), choose("cpu", "float32")) if name else [0.0] * len(records)
    pieces = [pieces_of(one) for one in records]

    def way(pool: list[int], seed: int) -> list[int]:
        places = best_places([worth[place] for place in pool], [pieces[place] for place in pool], SHARE)
        return [pool[place] for place in places]

    return way


def taught(shown: Sequence[Demonstration], kept: Sequence[Demonstration], seed: int) -> float:
    """Learn from some demonstrations; how surprising the others are then, in nats a token."""
    torch.manual_seed(seed)
    policy, asked, learning = Policy.load(bundled(), choose("cpu", "float32")), SFT(), Learning()
    rows = rows_of(policy, shown)
    feed = Reading(rows, asked.batch, asked.epochs, seed, pack, learning.micro_tokens)
    shape = schedule(learning.schedule, feed.steps, learning.warmup)
    optimizer = Optimizer(
        {"policy": policy.network}, asked.rate, learning.weight_decay, learning.clip_norm, shape
    )
    engine = Local(policy.compute.device)
    engine.prepare(policy.network).train(True)
    fit(feed, Imitation(policy), engine, optimizer, Guard())
    return surprise(policy, rows_of(policy, kept), learning.micro_tokens)


if __name__ == "__main__":
    sys.exit(main())
