"""Stage rank: somebody says which answers are better; the living queue stays elsewhere, a snapshot here."""

from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

from concord import formats
from concord.errors import RecordError
from concord.records import Ranking
from concord.stages import people
from concord.stages.bench import Bench
from concord.world import GoldJudge, Panel


def work(bench: Bench, folder: Path, key: str) -> None:
    """Rank the sampled completions, let people rank them, or take in the rankings that they made."""
    asked = bench.recipe.rank
    if asked.by == "file":
        path = bench.loaded.folder / str(asked.rankings)
        rankings = of_one_aspect(bench.stream(path, "rankings"), path)
    elif asked.by == "people":
        rankings = iter(people.ask(bench))
    else:
        panel = Panel(GoldJudge(), bench.seed, asked.raters, asked.noise, asked.lapses)
        rankings = iter(simulated(panel, bench))
    formats.write_rankings(folder / "rankings.jsonl", rankings)


def of_one_aspect(rankings: Iterable[Ranking], path: Path) -> Iterator[Ranking]:
    """Two aspects may well rank the same answers in opposite ways: one model cannot learn both."""
    seen: set[str] = set()
    for ranking in rankings:
        seen.add(ranking.aspect)
        yield ranking
    if len(seen) > 1:
        raise RecordError(
            f"{path} holds rankings by {len(seen)} aspects ({', '.join(sorted(seen)[:4])}), which one reward model "
            "cannot tell apart. Keep the rankings of one aspect in the file."
        )


def simulated(panel: Panel, bench: Bench) -> list[Ranking]:
    """The panel's rankings of what was sampled; where all answers are the same, there is nothing to rank."""
    by_prompt = [list(group) for _, group in groupby(bench.completions, lambda one: one.prompt.id)]
    differing = [group for group in by_prompt if len({one.text for one in group}) > 1]
    if len(differing) < len(by_prompt):
        same = len(by_prompt) - len(differing)
        bench.say(f"{same} of {len(by_prompt)} prompts got the same answer every time and were not ranked.")
    return [panel.rank(group[0].prompt, group) for group in differing]
