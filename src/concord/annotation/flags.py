"""Signs that somebody's answers deserve a look: screening, never proof of misconduct."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from concord.annotation.measures import Estimate
from concord.annotation.outcomes import Given, Outcomes, order_shown, words_of

LEVEL = 0.01
"""Chance of one false alarm of a kind in a whole panel, if all are honest and the test's model holds."""
FEWEST = 10
"""Answers below which nobody is flagged."""
WORDS_A_SECOND = 8
"""Nobody reads faster than this."""


@dataclass(frozen=True, slots=True)
class Flag:
    """One sign, and the numbers behind it."""

    name: str
    why: str


def against(agreement: Estimate | None, strict: Estimate | None, typical: float | None) -> list[Flag]:
    """Answers that run against, or have nothing to do with, what all others think.

    `agreement` is told, `strict` is the same with an interval wide enough for a panel of this size.
    """
    if agreement is None or strict is None or typical is None:
        return []
    value = f"agrees with the others in {agreement.value:.0%} of {agreement.n} comparisons"
    if strict.high < 0.5:
        return [Flag("upside down", f"{value}, fewer than by chance")]
    if strict.low < 0.5 and strict.high < typical:
        return [Flag("no signal", f"{value}, which is chance; others reach {typical:.0%}")]
    return []


def position(given: Sequence[Given], people: int) -> list[Flag]:
    """The answer shown first is called best more often than chance allows."""
    won, expected, count = first_wins(given)
    if count < FEWEST:
        return []
    if _tail(won, count, expected) < LEVEL / people and won / count > expected + 0.15:
        return [
            Flag(
                "position",
                f"the answer shown first is best in {won} of {count} lists; {expected:.0%} are expected",
            )
        ]
    return []


def first_wins(given: Sequence[Given]) -> tuple[int, float, int]:
    """Lists in which the first shown alone is best, the share expected by chance, and lists with one best answer."""
    single = [
        one.ranking
        for one in given
        if one.ranking.shown and one.ranking.tiers and len(one.ranking.tiers[0]) == 1
    ]
    if not single:
        return 0, 0.0, 0
    won = sum(one.tiers[0][0] == one.shown[0] for one in single)
    return won, sum(1 / len(one.shown) for one in single) / len(single), len(single)


def pattern(given: Sequence[Given], people: int) -> list[Flag]:
    """The same keys in the same order, whatever is shown."""
    orders = [found for one in given if (found := order_shown(one)) and len(found) > 2]
    if len(orders) < FEWEST:
        return []
    common, count = Counter(orders).most_common(1)[0]
    possible = math.factorial(len(common))
    alike = sum(len(one) == len(common) for one in orders)
    if _tail(count, alike, 1 / possible) < LEVEL / people / possible and count / alike > 1 / possible + 0.2:
        keys = "".join(str(place + 1) for place in common)
        return [Flag("pattern", f"{count} of {alike} answers are the keys {keys}, whatever was shown")]
    return []


def copies(outcomes: Outcomes) -> dict[str, list[Flag]]:
    """People whose answers equal somebody else's far more often than those of two people usually do.

    Where it is known when answers were sent, only the later of the two is flagged; else both are.
    """
    alike: dict[tuple[str, str], tuple[int, int, int]] = {}
    tasks = {who: {task for name, task in outcomes.first if name == who} for who in outcomes.people}
    for number, one in enumerate(outcomes.people):
        for other in outcomes.people[number + 1 :]:
            both = [
                (outcomes.first[one, task], outcomes.first[other, task])
                for task in sorted(tasks[one] & tasks[other])
            ]
            same = [pair for pair in both if pair[0].places == pair[1].places]
            later = sum((_when(b) > _when(a)) - (_when(b) < _when(a)) for a, b in same)
            if len(both) >= FEWEST:
                alike[one, other] = len(same), len(both), later
    found: dict[str, list[Flag]] = {who: [] for who in outcomes.people}
    if not alike:
        return found
    usual = max(median(equal / count for equal, count, _ in alike.values()), 0.02)
    for (one, other), (equal, count, later) in alike.items():
        if _tail(equal, count, usual) < LEVEL / len(alike) and equal / count > usual + 0.3:
            words = f"{equal} of {count} answers equal those of {{}}; {usual:.0%} is usual for two people"
            if later >= 0:
                found[other].append(Flag("copies", words.format(one)))
            if later <= 0:
                found[one].append(Flag("copies", words.format(other)))
    return found


def haste(given: Sequence[Given]) -> list[Flag]:
    """Answers given faster than anyone reads."""
    timed = [one for one in given if one.seconds is not None]
    fast = sum(float(one.seconds or 0.0) < words_of(one) / WORDS_A_SECOND for one in timed)
    if len(timed) >= FEWEST and fast / len(timed) > 0.25:
        return [
            Flag("fast", f"{fast} of {len(timed)} answers came faster than {WORDS_A_SECOND} words a second")
        ]
    return []


def certain(name: str, right: int, total: int, least: float, what: str) -> list[Flag]:
    """Too few comparisons right of those whose answer is known, or the same as the person's own before."""
    from statsmodels.stats.proportion import proportion_confint

    if total >= FEWEST and proportion_confint(right, total, alpha=LEVEL, method="wilson")[1] < least:
        return [Flag(name, f"{right} of {total} {what}")]
    return []


def indifferent(ties: float | None, count: int) -> list[Flag]:
    """Nearly everything is called equal."""
    if ties is not None and count >= FEWEST and ties > 0.9:
        return [Flag("ties", f"{ties:.0%} of the comparisons are ties")]
    return []


def _when(given: Given) -> float:
    return 0.0 if given.at is None else given.at


def _tail(count: int, n: int, chance: float) -> float:
    """How likely so many or more are by chance."""
    from scipy.stats import binomtest

    return float(binomtest(count, n, min(max(chance, 1e-9), 1.0), alternative="greater").pvalue)
