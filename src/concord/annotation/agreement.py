"""How far annotators agree, with each other and with themselves, and whose answers deserve a look."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from statistics import fmean, median
from typing import Any

import numpy as np

from concord.annotation import flags, measures
from concord.annotation.flags import Flag
from concord.annotation.measures import Estimate
from concord.annotation.outcomes import Given, Outcomes, outcome, ranks

Gold = Mapping[str, Sequence[tuple[str, str]]]
"""The comparisons of a task that are certain: texts of the better and the worse answer."""
HARDEST = 20


@dataclass(frozen=True, slots=True)
class Known:
    """How many comparisons with a known answer somebody got right."""

    right: int
    total: int


@dataclass(frozen=True, slots=True)
class Same:
    """How many comparisons somebody decided as he did the first time."""

    same: int
    total: int


@dataclass(frozen=True, slots=True)
class Annotator:
    """One person's line of the table."""

    name: str
    judgements: int
    agreement: Estimate | None
    """Share of comparisons that agree with what all others think on average; a tie is half."""
    reliability: Estimate | None
    """Slope of the person's choices on what others think: 0 is chance, below 0 upside down."""
    gold: Known
    self: Same
    first_share: float | None
    """Share of lists in which the answer shown first is the best one."""
    tie_share: float | None
    median_seconds: float | None
    flags: tuple[Flag, ...] = ()
    """Screening, not misconduct."""


@dataclass(frozen=True, slots=True)
class Hard:
    """A task on which people disagree; 0 nobody does, 1 they are of two minds on every comparison."""

    task: str
    prompt: str
    disagreement: float


@dataclass(frozen=True, slots=True)
class Tagged:
    """Krippendorff's alpha on the prompts of one tag."""

    tag: str
    alpha: float


@dataclass(frozen=True, slots=True)
class Agreement:
    """All of it, as the page of agreement shows it."""

    alpha: Estimate | None
    """Krippendorff's alpha over comparisons; 0.26 to 0.54 is usual for people's preferences."""
    pairs: float | None
    """Share of two people's comparisons that agree where both see a difference."""
    tau: float | None
    """Mean Kendall tau-b over two people and a task."""
    top: float | None
    """How often two people name the same best answer."""
    fleiss: float | None
    """Fleiss' kappa, where every comparison has equally many raters."""
    annotators: tuple[Annotator, ...]
    matrix: tuple[tuple[float | None, ...], ...]
    """Mean tau-b of each two people, in the order of the annotators."""
    hardest: tuple[Hard, ...]
    tags: tuple[Tagged, ...]

    def facts(self) -> dict[str, Any]:
        """The same as plain values."""
        return asdict(self)


def agreement(
    given: Iterable[Given], gold: Gold | None = None, seed: int = 0, resamples: int = measures.RESAMPLES
) -> Agreement:
    """Compare everybody with everybody; `resamples` of the tasks make alpha's interval."""
    outcomes = Outcomes.of(given)
    taus = {pair: tau(outcomes, *pair) for pair in combinations(outcomes.people, 2)}
    known = [one for one in taus.values() if one is not None]
    return Agreement(
        alpha=measures.alpha(outcomes.table, outcomes.task_numbers, seed, resamples),
        pairs=pairs(outcomes),
        tau=fmean(known) if known else None,
        top=top(outcomes),
        fleiss=full(outcomes),
        annotators=annotators(outcomes, gold or {}),
        matrix=tuple(
            tuple(
                1.0 if one == other else taus.get((one, other), taus.get((other, one)))
                for other in outcomes.people
            )
            for one in outcomes.people
        ),
        hardest=hardest(outcomes),
        tags=by_tag(outcomes),
    )


def annotators(outcomes: Outcomes, gold: Gold) -> tuple[Annotator, ...]:
    """Everybody's line, with flags."""
    people = len(outcomes.people)
    level = 1 - flags.LEVEL / max(people, 1)
    lines = [line(outcomes, row, gold) for row in range(people)]
    strict = [beside(outcomes, row, level) for row in range(people)]
    values = [one.agreement.value for one in lines if one.agreement]
    typical = median(values) if values else None
    copied = flags.copies(outcomes)
    found = []
    for one, wide in zip(lines, strict, strict=True):
        given = outcomes.of_person(one.name)
        enough = len(given) >= flags.FEWEST
        signs = [
            *(flags.against(one.agreement, wide, typical) if enough else []),
            *flags.position(given, people),
            *flags.pattern(given, people),
            *copied[one.name],
            *flags.haste(given),
            *flags.certain(
                "gold", one.gold.right, one.gold.total, 0.75, "comparisons with a known answer are right"
            ),
            *flags.certain(
                "self", one.self.same, one.self.total, 0.6, "comparisons are as they were the first time"
            ),
            *flags.indifferent(one.tie_share, len(given)),
        ]
        found.append(replace(one, flags=tuple(signs)))
    return tuple(found)


def line(outcomes: Outcomes, row: int, gold: Gold) -> Annotator:
    """What is known of one person, without flags."""
    who = outcomes.people[row]
    given = outcomes.of_person(who)
    own, others = outcomes.table[row], outcomes.others(row)
    both = ~np.isnan(own) & ~np.isnan(others)
    seconds = [one.seconds for one in given if one.seconds is not None]
    won, _, lists = flags.first_wins(given)
    decided = own[~np.isnan(own)]
    return Annotator(
        name=who,
        judgements=len(given),
        agreement=beside(outcomes, row),
        reliability=measures.reliability(own[both], others[both], outcomes.task_numbers[both].tolist()),
        gold=known(given, gold),
        self=himself(outcomes, who),
        first_share=won / lists if lists else None,
        tie_share=float((decided == 0).mean()) if len(decided) else None,
        median_seconds=float(median(seconds)) if seconds else None,
    )


def beside(outcomes: Outcomes, row: int, level: float = 0.95) -> Estimate | None:
    """How often one person sides with all others, where they lean to a side at all; his ties count half."""
    own, others = outcomes.table[row], outcomes.others(row)
    both = ~np.isnan(own) & ~np.isnan(others) & (others != 0)
    credit = (np.sign(others[both]) * own[both] + 1) / 2
    return measures.share_interval(credit.tolist(), outcomes.task_numbers[both].tolist(), level)


def known(given: Sequence[Given], gold: Gold) -> Known:
    """The certain comparisons that somebody respects."""
    told = [outcome(one.places, better, worse) for one in given for better, worse in gold.get(one.key, ())]
    decided = [value for value in told if not np.isnan(value)]
    return Known(sum(value > 0 for value in decided), len(decided))


def himself(outcomes: Outcomes, who: str) -> Same:
    """The comparisons that somebody decided twice, and those he decided alike; ties are decisions too."""
    same = total = 0
    for one in outcomes.again:
        if one.who == who:
            before, now = outcomes.first[who, one.key].places, one.places
            for first, second in combinations(sorted(before), 2):
                told = outcome(before, first, second), outcome(now, first, second)
                if not np.isnan(told).any():
                    total += 1
                    same += told[0] == told[1]
    return Same(same, total)


def shared(outcomes: Outcomes, one: str, other: str) -> list[tuple[Given, Given]]:
    """The answers of two people to the same tasks."""
    tasks = [task for who, task in outcomes.first if who == one and (other, task) in outcomes.first]
    return [(outcomes.first[one, task], outcomes.first[other, task]) for task in tasks]


def tau(outcomes: Outcomes, one: str, other: str) -> float | None:
    """Mean Kendall tau-b of two people over the tasks that both ranked."""
    found = []
    for mine, theirs in shared(outcomes, one, other):
        a, b = mine.places, theirs.places
        texts = [text for text in a if a[text] is not None and b.get(text) is not None]
        left, right = ranks(a, texts), ranks(b, texts)
        value = measures.kendall(left, right) if left and right else None
        if value is not None:
            found.append(value)
    return fmean(found) if found else None


def pairs(outcomes: Outcomes) -> float | None:
    """How often two people agree on a comparison where both see a difference."""
    up, down = (outcomes.table > 0).sum(0), (outcomes.table < 0).sum(0)
    alike = (up * (up - 1) + down * (down - 1)).sum() / 2
    total = alike + (up * down).sum()
    return float(alike / total) if total else None


def top(outcomes: Outcomes) -> float | None:
    """How often two people name the same best answer; of several best, one is drawn."""
    found = []
    for one, other in combinations(outcomes.people, 2):
        for mine, theirs in shared(outcomes, one, other):
            a, b = best(mine), best(theirs)
            if a and b:
                found.append(len(a & b) / (len(a) * len(b)))
    return fmean(found) if found else None


def best(given: Given) -> set[str]:
    """The texts that somebody put highest."""
    return {text for text, tier in given.places.items() if tier == 0}


def full(outcomes: Outcomes) -> float | None:
    """Fleiss' kappa over the comparisons, if all have equally many raters, two or more."""
    counts = (~np.isnan(outcomes.table)).sum(0)
    if not len(counts) or counts.min() < 2 or counts.min() != counts.max():
        return None
    columns = [column[~np.isnan(column)] for column in outcomes.table.T]
    return measures.fleiss(np.array(columns))


def hardest(outcomes: Outcomes, most: int = HARDEST) -> tuple[Hard, ...]:
    """The tasks on which two people or more differ most."""
    table = outcomes.table
    known = ~np.isnan(table)
    several = known.sum(0) > 1
    lean = np.abs(np.where(known, table, 0.0).sum(0)) / np.maximum(known.sum(0), 1)
    decided = (np.where(known, np.abs(table), 0.0)).sum(0) / np.maximum(known.sum(0), 1)
    found = []
    for number in np.unique(outcomes.task_numbers[several]):
        columns = np.flatnonzero((outcomes.task_numbers == number) & several)
        task = outcomes.tasks[int(columns[0])]
        split = float((decided[columns] - lean[columns]).mean())
        found.append(Hard(task, outcomes.prompts[task].messages[-1].content, split))
    return tuple(sorted(found, key=lambda one: (-one.disagreement, one.task))[:most])


def by_tag(outcomes: Outcomes) -> tuple[Tagged, ...]:
    """Alpha of each tag's prompts alone."""
    found = []
    for tag in sorted({tag for prompt in outcomes.prompts.values() for tag in prompt.tags}):
        mine = {task for task, prompt in outcomes.prompts.items() if tag in prompt.tags}
        columns = np.array([task in mine for task in outcomes.tasks])
        if len(columns) and columns.any():
            value = measures.krippendorff(outcomes.table[:, columns])
            if value is not None:
                found.append(Tagged(tag, value))
    return tuple(found)
