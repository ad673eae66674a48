"""How fast a model of one million weights learns and speaks, on one core.

python -m benchmarks.little FOLDER

It learns 300 steps of the starter world's text, every token of it, and then answers prompts of that world four times
each, at temperature 1. What is printed are tokens a second: of learning, the median of all steps but the first five,
with the optimiser, feeding and notes inside; of speaking, the median of five turns.
"""

import statistics
import sys
import time
from pathlib import Path

import torch

from concord import machine
from concord.models import Policy, choose
from concord.records.files import read_rows
from concord.sampling import Local
from concord.stages import starter
from concord.world import World

SIZE = starter.Size(width=128, layers=4, heads=4, inner=384)
STEPS, SETTLED = 300, 5
PROMPTS, SAMPLES, TURNS = 240, 4, 5


def main() -> int:
    """Measure, and print two lines."""
    machine.keep_freed_memory()  # as every process of `concord` does
    folder = Path(sys.argv[1]) / "little"
    folder.parent.mkdir(parents=True, exist_ok=True)
    starter.make(folder, STEPS, SIZE, threads=1)
    learned = [row["tokens_per_second"] for row in read_rows(folder.with_suffix(".jsonl"))][SETTLED:]
    policy = Policy.load(folder, choose("cpu", "float32"))
    weights = sum(each.numel() for each in policy.network.parameters())
    print(f"{weights:,} weights, {torch.get_num_threads()} thread")
    print(f"learns {statistics.median(learned):,.0f} tokens/s")
    prompts, said = World().prompts(PROMPTS), []
    for turn in range(TURNS):
        began = time.perf_counter()
        completions = Local(policy, "little", seed=turn).sample(prompts, SAMPLES)
        tokens = sum(len(one.tokens or ()) for one in completions)
        said.append(tokens / (time.perf_counter() - began))
    print(f"says {statistics.median(said):,.0f} tokens/s")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
