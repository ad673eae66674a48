"""Paired tests: two models on the same prompts, by one criterion or many, with Holm's price for asking often."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from concord.evaluation.answers import Row, kinds, marks, meetings, number
from concord.evaluation.duels import verdict
from concord.evaluation.intervals import Estimate, mean
from concord.maths.statistics import ROUNDING, cluster_error
from concord.monitoring.together import holm

LEVEL = 0.05
SCORE = "judge's score"
WINS = "wins"
Pair = tuple[str, float, float]
"""A prompt, and a criterion's value of either model's answer."""


@dataclass(frozen=True, slots=True)
class Contrast:
    """One criterion of two models, and whether its difference is more than chance."""

    a: str
    b: str
    criterion: str
    difference: Estimate
    """Mean of `a`'s value less `b`'s, with its own interval, which knows nothing of the other criteria."""
    method: str
    p: float
    adjusted: float
    """Holm's p: below 0.05 on all of a family together, no more than 1 family in 20 is wrong anywhere."""
    says: str
    """"higher", "lower", or "no clear difference" by the adjusted p."""


def contrast(a: str, b: str, criterion: str, pairs: Sequence[Pair]) -> Contrast | None:
    """One test; None if nothing can be told from fewer than two prompts.

    A mark that each prompt has once is McNemar's, exactly. All else is Student's test of the mean difference, with
    the error clustered by prompt.
    """
    prompts = [prompt for prompt, _, _ in pairs]
    if len(set(prompts)) < 2:
        return None
    gaps = [ours - theirs for _, ours, theirs in pairs]
    plain = len(set(prompts)) == len(pairs)
    marked = {value for _, *both in pairs for value in both} <= {0.0, 1.0}
    if plain and marked:
        method, p = "McNemar's exact test", mcnemar(gaps)
    elif not cluster_error(gaps, prompts)[1]:  # no spread: a t would be infinite, but all had the same sign
        none = abs(sum(gaps)) <= ROUNDING * max(map(abs, gaps)) * len(gaps)
        method, p = "sign test", 1.0 if none else signs(len(set(prompts)))
    else:
        method, p = "Student's paired test", student(gaps, prompts)
    return Contrast(a, b, criterion, mean(gaps, prompts), method, p, p, "")


def mcnemar(gaps: Sequence[float]) -> float:
    """The chance of discordant prompts so uneven, if either model were as likely to have the mark."""
    from statsmodels.stats.contingency_tables import mcnemar as exact

    table = [[0, gaps.count(1.0)], [gaps.count(-1.0), 0]]
    return float(exact(table, exact=True).pvalue) if any(gaps) else 1.0


def signs(prompts: int) -> float:
    """The chance that all prompts differ the same way, if either way were as likely."""
    from scipy.stats import binomtest

    return float(binomtest(prompts, prompts).pvalue)


def student(gaps: Sequence[float], prompts: Sequence[str]) -> float:
    """The chance of a mean so far from 0."""
    from scipy.stats import t

    value, error, count = cluster_error(gaps, prompts)
    return float(2 * t.sf(abs(value) / error, count - 1))


def family(tests: Iterable[Contrast | None]) -> list[Contrast]:
    """Tests that are read together, with Holm's p."""
    found = [test for test in tests if test is not None]
    return [
        replace(test, adjusted=p, says=says(test, p))
        for test, p in zip(found, holm([test.p for test in found]), strict=True)
    ]


def says(test: Contrast, p: float) -> str:
    """What a test says at its level."""
    if p >= LEVEL:
        return "no clear difference"
    return "higher" if (test.difference["value"] or 0.0) > 0 else "lower"


def criteria(met: Sequence[tuple[Row, Row]]) -> dict[str, list[Pair]]:
    """Every criterion that both answers of each meeting have, with its values."""
    rows = [row for pair in met for row in pair]
    asked: dict[str, Callable[[Row], object]] = {
        SCORE: partial(valued, "gold"),
        "words": partial(valued, "words"),
    }
    for mark in marks(rows):
        asked[mark] = partial(marked, mark)
    for kind in kinds(rows):
        asked[f"{SCORE} on {kind}"] = partial(gold_of, kind)
    found: dict[str, list[Pair]] = {}
    for name, value in asked.items():
        for ours, theirs in met:
            both = number(value(ours)), number(value(theirs))
            if both[0] is not None and both[1] is not None:
                found.setdefault(name, []).append((str(ours["prompt_id"]), both[0], both[1]))
    for ours, theirs in met:
        share = verdict(ours, theirs) if ours.get("won") is not None else None
        if share is not None:
            inside = [f"{WINS} on {ours['kind']}"] if ours.get("kind") else []
            for name in (WINS, *inside):
                found.setdefault(name, []).append((str(ours["prompt_id"]), share, 1.0 - share))
    return found


def valued(field: str, row: Row) -> object:
    """A field that not every file has."""
    return row.get(field)


def marked(mark: str, row: Row) -> float | None:
    """Whether an answer has a mark, as a number; None if the judge did not look."""
    value = (row.get("marks") or {}).get(mark)
    return None if value is None else float(value)


def gold_of(kind: str, row: Row) -> object:
    """The judge's score of an answer to one kind of prompt."""
    return row["gold"] if row.get("kind") == kind else None


def compared(rows: Sequence[Row], a: str, others: Iterable[str], temperature: float) -> list[Contrast]:
    """One policy against some others by every criterion, as one family."""
    found: list[Contrast | None] = []
    for b in others:
        values = criteria(list(meetings(rows, a, b, temperature)))
        found += [contrast(a, b, name, pairs) for name, pairs in values.items()]
    return family(found)
