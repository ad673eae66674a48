"""Stage sample: the supervised policy answers every prompt several times."""

from pathlib import Path

from concord import formats
from concord.sampling import Local
from concord.stages.bench import Bench


def work(bench: Bench, folder: Path, key: str) -> None:
    """Sample K completions of each prompt, for people to rank."""
    asked = bench.recipe.sample
    policy = bench.supervised
    prompts = bench.prompts[: asked.prompts]
    sampler = Local(policy, "sft", bench.seed, asked.temperature, asked.longest, asked.top_k, asked.top_p)
    formats.write_completions(folder / "completions.jsonl", sampler.sample(prompts, asked.k))
