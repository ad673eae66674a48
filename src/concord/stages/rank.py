"""Stage rank: somebody says which answers are better; the living queue stays elsewhere, a snapshot here."""

from itertools import groupby
from pathlib import Path

from concord import formats
from concord.records import Ranking
from concord.stages.bench import Bench
from concord.stages.guidance import of_aspects
from concord.world import GoldJudge, Panel


def work(bench: Bench, folder: Path, key: str) -> None:
    """Rank the sampled completions, or take in the rankings that people made."""
    asked = bench.recipe.rank
    if asked.by == "file":
        path = bench.loaded.folder / str(asked.rankings)
        rankings = of_aspects(bench.stream(path, "rankings"), path, bench.recipe.reward.aspects)
    else:
        panel = Panel(GoldJudge(), bench.seed, asked.raters, asked.noise, asked.lapses)
        rankings = iter(simulated(panel, bench))
    formats.write_rankings(folder / "rankings.jsonl", rankings)


def simulated(panel: Panel, bench: Bench) -> list[Ranking]:
    """The panel's rankings of what was sampled; where all answers are the same, there is nothing to rank."""
    by_prompt = [list(group) for _, group in groupby(bench.completions, lambda one: one.prompt.id)]
    differing = [group for group in by_prompt if len({one.text for one in group}) > 1]
    if len(differing) < len(by_prompt):
        same = len(by_prompt) - len(differing)
        bench.say(f"{same} of {len(by_prompt)} prompts got the same answer every time and were not ranked.")
    return [panel.rank(group[0].prompt, group) for group in differing]
