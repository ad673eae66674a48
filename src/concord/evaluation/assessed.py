"""The comparison of models from files alone: win rates, with style held equal, a league, tests, and who games."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import combinations
from typing import Any

from concord.errors import RecordError
from concord.evaluation.answered import Answered, Values, duels_of
from concord.evaluation.comparing import facing, standings
from concord.evaluation.controlled import controlled
from concord.evaluation.duels import Duel, contests, names, rate
from concord.evaluation.gaming import aside, sameness
from concord.evaluation.intervals import more_prompts, more_to_lead
from concord.evaluation.paired import Contrast, Pair, contrast, family
from concord.maths.statistics import cluster_error


def assessed(found: Answered, against: str | None, half: float) -> dict[str, Any]:
    """All that the files tell of the models, every win rate over the same one.

    `half` is the wanted half of an interval's width, for which the prompts still needed are told.
    """
    duels, card, chances = duels_of(found)
    if not duels:
        raise RecordError(
            f"{found.source}: no two models answered the same prompt, so nothing can be compared."
        )
    everyone = list(names(duels))
    chief, told = measure(everyone, against, chances)
    facing_it = facing(duels, chief)
    if not facing_it:
        raise RecordError(
            f"{found.source}: no model met {chief} on a prompt. Name another one with --against."
        )
    alike = [sameness(name, found.said[name]) for name in everyone]
    left = aside(alike)
    return {
        "files": found.source,
        "models": everyone,
        "against": chief,
        "prompts": len({duel.prompt for duel in duels}),
        "told": [*found.told, *told],
        "half": half,
        "win_rates": [win_rate(some, half) for some in contests(facing_it).values()],
        "orders": card,
        "controlled": [controlled(facing_it, left)],
        "league": standings(duels, chief, left),
        "tests": [asdict(test) for test in family(tests(found.criteria, duels, chances))],
        "gaming": [asdict(one) for one in alike],
    }


def measure(everyone: Sequence[str], against: str | None, chances: str | None) -> tuple[str, list[str]]:
    """The model that all others are held against, and why it is that one."""
    if against is not None and against not in everyone:
        raise RecordError(f"No answer is of {against}. The models are {', '.join(everyone)}.")
    if chances is None:
        chief = against or everyone[0]
        why = "as asked" if against else "the first of the file; --against names another"
        return chief, [f"Win rates are over {chief}, {why}."]
    if against not in (None, chances):
        raise RecordError(
            f"All scores are chances of beating {chances}, which has 0.5 everywhere, so nothing says how often a "
            f"model beats {against}. Leave out --against."
        )
    return chances, [
        f"Scores are read as chances of beating {chances}: it alone has 0.5 everywhere, all lie in 0..1."
    ]


def win_rate(duels: Sequence[Duel], half: float) -> dict[str, Any]:
    """One model's win rate with its standard error, and how many more prompts would settle or narrow it."""
    value = rate(duels)
    _, error, prompts = cluster_error([duel.share for duel in duels], [duel.prompt for duel in duels])
    return {
        "a": duels[0].a,
        "b": duels[0].b,
        "rate": value,
        "error": error,
        "ties": sum(duel.share == 0.5 for duel in duels),
        "prompts": prompts,
        "more_to_lead": more_to_lead(value, prompts),
        "more_to_narrow": more_prompts(value, prompts, half),
    }


def tests(
    criteria: Mapping[str, Values], duels: Sequence[Duel], chances: str | None
) -> list[Contrast | None]:
    """Every two models by every criterion; without numbers, by who won."""
    found: list[Contrast | None] = []
    for name, values in criteria.items():
        title = f"wins over {chances}" if chances else name
        for a, b in combinations([one for one in values if one != chances], 2):
            pairs: list[Pair] = [
                (prompt, ours, theirs)
                for prompt, some in values[a].items()
                for ours, theirs in zip(some, values[b].get(prompt, []), strict=False)
            ]
            found.append(contrast(a, b, title, pairs))
    if not criteria:
        for (a, b), some in contests(duels).items():
            found.append(contrast(a, b, "wins", [(one.prompt, one.share, 1 - one.share) for one in some]))
    return found
