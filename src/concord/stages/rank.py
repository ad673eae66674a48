"""Stage rank: somebody says which answers are better; the living queue stays elsewhere, a snapshot here."""

from collections.abc import Callable, Iterable, Sequence
from itertools import chain, groupby
from pathlib import Path

from concord import formats
from concord.errors import RecordError
from concord.models import RewardModel
from concord.records import Completion, Ranking
from concord.roles import Ranker
from concord.scoring import Learned, Ordered, right_results, rules
from concord.stages.bench import Bench
from concord.stages.guidance import of_aspects
from concord.stages.judged import Seat, judged
from concord.stages.leaving import without_flagged
from concord.world import GoldJudge, Panel

Work = Callable[[Bench, Path], Iterable[Ranking]]


def work(bench: Bench, folder: Path, key: str) -> None:
    """Rank the sampled completions, or take in the rankings that people made; earlier ones stand before new ones."""
    found = RANKERS[bench.recipe.rank.by](bench, folder)
    named = bench.recipe.rank.rankings
    if named and bench.recipe.rank.by != "file":
        path = bench.loaded.folder / named
        found = of_aspects(chain(by_file(bench, folder), found), path, bench.recipe.reward.aspects)
    if bench.recipe.rank.leave_out == "flagged":
        found = without_flagged(bench, folder, found)
    formats.write_rankings(folder / "rankings.jsonl", found)


def by_file(bench: Bench, folder: Path) -> Iterable[Ranking]:
    """What people ranked."""
    path = bench.loaded.folder / str(bench.recipe.rank.rankings)
    return of_aspects(bench.stream(path, "rankings"), path, bench.recipe.reward.aspects)


def by_panel(bench: Bench, folder: Path) -> Iterable[Ranking]:
    """What the starter world's simulated people say."""
    asked = bench.recipe.rank
    panel = Panel(GoldJudge(), bench.seed, asked.raters, asked.noise, asked.lapses, habits=asked.habits)
    return ranked(panel, bench)


def by_scorer(bench: Bench, folder: Path) -> Iterable[Ranking]:
    """What a reward model says."""
    asked = bench.recipe.rank
    model = RewardModel.learned(bench.loaded.folder / str(asked.scorer), bench.compute)
    scorer = Learned(model, bench.learning.micro_tokens)
    return ranked(Ordered(scorer, f"scorer:{Path(str(asked.scorer)).name}", "ai", asked.tie), bench)


def by_rules(bench: Bench, folder: Path) -> Iterable[Ranking]:
    """What the rules say."""

    def results(name: str) -> dict[str, str]:
        path = bench.loaded.folder / name
        return dict(right_results(formats.read_demonstrations(path).records, str(path)))

    asked = bench.recipe.rank
    scorer = rules(asked.rules, results)
    found = ranked(Ordered(scorer, "rules", "rule", asked.tie), bench)
    for name, count in scorer.unfinished.items():
        bench.say(f"rule {name} could not be checked in time on {count} answers, which earned nothing by it.")
    return found


def by_judge(bench: Bench, folder: Path) -> Iterable[Ranking]:
    """What an AI judge says, beside people's rankings if the recipe names a file of them."""
    people = by_file(bench, folder) if bench.recipe.rank.rankings else ()
    asked = bench.recipe.rank
    seat = Seat("rank.judge", asked.judge, bench.run.cache / "answers.jsonl", asked.tie)
    return judged(bench, folder, differing(bench), people, seat)


def by_people(bench: Bench, folder: Path) -> Iterable[Ranking]:
    """What people say in their browsers."""
    from concord.stages import people  # a web server is loaded where one is needed

    return people.ask(bench)


RANKERS: dict[str, Work] = {
    "file": by_file,
    "judge": by_judge,
    "panel": by_panel,
    "people": by_people,
    "rules": by_rules,
    "scorer": by_scorer,
}
"""Everyone who ranks, by the name that a recipe gives in `rank.by`."""


def differing(bench: Bench) -> list[Sequence[Completion]]:
    """The answers to each prompt; where all of them are the same, there is nothing to rank."""
    by_prompt = [list(group) for _, group in groupby(bench.completions, lambda one: one.prompt.id)]
    found: list[Sequence[Completion]] = [group for group in by_prompt if len({one.text for one in group}) > 1]
    if len(found) < len(by_prompt):
        same = len(by_prompt) - len(found)
        bench.say(f"{same} of {len(by_prompt)} prompts got the same answer every time and were not ranked.")
    if by_prompt and not found:
        raise RecordError(
            "No prompt got two different answers, so there is nothing to rank. Ask for more answers with `sample.k`, "
            "or for more varied ones with `sample.temperature`."
        )
    return found


def ranked(ranker: Ranker, bench: Bench) -> list[Ranking]:
    """A ranker's rankings of what was sampled."""
    return [ranker.rank(group[0].prompt, group) for group in differing(bench)]
