"""Reward hacking: a habit that the score has come to love more than people do, and that the policy took up."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from statistics import fmean, pstdev

from concord.monitoring.explain.evidence import Evidence, Said, excerpt
from concord.monitoring.explain.finding import FOUND, About, Change, Finding, Sign, graded, third
from concord.monitoring.habits import HABITS, leaning

LEAST_SPREAD = 0.25
"""Spread of a habit that hardly occurs at first: as if one answer in sixteen had it once."""
LITTLE = 0.15
"""Spreads of a score that a habit must have raised it by to be called a cause."""
CLOSE = 0.1
"""Correlations as near as this say nothing of which habit is the cause."""
SIDES = {
    "length": ("longer", "shorter"),
    "format": ("more marked up", "plainer"),
    "repetition": ("more repetitive", "less repetitive"),
}


def hacking(habit: str) -> Callable[[Evidence], Finding | None]:
    """The cause that a policy learns a habit which the score loves and people do not, or not so much.

    A habit that moved by m of its spreads, followed by scores with correlation r, raises them by r m of theirs.
    """

    def look(seen: Evidence) -> Finding | None:
        leans = seen.curve(f"lean.{habit}")
        if not leans or len(seen.rounds) < 2:
            return None
        mine, theirs = taken_up(seen, habit), people(seen, habit)
        told = "people's rankings are not known" if theirs is None else f"people's rankings by {theirs:.2f}"
        score = min(graded(mine.paid, LITTLE, 0.6), graded(mine.excess, 0.25, 0.5))
        if any(stands_before(taken_up(seen, other), mine) for other in HABITS if other != habit):
            score = min(score, FOUND)
        first, last = seen.rounds[0], seen.rounds[-1]
        return Finding(
            f"hacking by {habit}",
            score,
            f"Scores lean on {habit} far more than people do, and answers became {SIDES[habit][mine.sign < 0]}.",
            [
                seen.sign(f"scores follow {habit} by {mine.lean:.2f} within a prompt; {told}", leans[-1][0]),
                seen.sign(
                    f"so it raised them by {mine.paid:.2f} spreads more than people would", leans[-1][0]
                ),
                Sign(
                    f"mean {habit} was {mine.before:.2f} around round {first.number}", seen.shown(first.file)
                ),
                Sign(f"it is {mine.after:.2f} around round {last.number}", seen.shown(last.file)),
                Sign(f"such as {excerpt(plainest(last.answers, habit, mine.sign))}", seen.shown(last.file)),
            ],
            remedies(seen),
        )

    return look


@dataclass(frozen=True)
class Taken:
    """How far a policy took a habit up, and what it was paid for it."""

    lean: float
    excess: float
    """How much more scores lean on it than people do."""
    paid: float
    """Spreads by which scores rose through it beyond what people would have given."""
    sign: int
    """-1 where less of it is what pays."""
    before: float
    after: float


@cache
def taken_up(seen: Evidence, habit: str) -> Taken:
    """The same of one habit; nothing of one that scores were not seen to lean on."""
    leans = seen.curve(f"lean.{habit}")
    lean, theirs = third(leans, last=True), people(seen, habit) or 0.0
    sign = -1 if habit == "length" and lean < 0 else 1
    moved, before, after = movement(seen, habit)
    excess = sign * lean - max(0.0, sign * theirs)
    return Taken(lean, excess, moved * sign * excess, sign, before, after)


def stands_before(other: Taken, mine: Taken) -> bool:
    """Whether another habit explains the scores better: this one may come along with it."""
    return abs(other.lean) > abs(mine.lean) + CLOSE and other.paid > LITTLE


def plainest(answers: Sequence[Said], habit: str, sign: int) -> str:
    """The answer with the most of a habit, or the least where that is what pays."""
    return max((one.text for one in answers), key=lambda text: sign * HABITS[habit](text))


def remedies(seen: Evidence) -> list[Change]:
    """What to change against a habit."""
    changes = []
    if (price := seen.setting("kl")) is not None:
        changes.append(Change(seen.named("kl"), price, About(max(3 * price, 0.05))))
    if seen.recipe and seen.recipe.reward.members.count < 4:
        changes.append(Change("reward.members.count", seen.recipe.reward.members.count, 4))
    words = "that and lists of this policy's answers, in which the better one has less of it; redo `reward`"
    return [*changes, Change("rank/rankings.jsonl", "what it holds", words)]


@cache
def people(seen: Evidence, habit: str) -> float | None:
    """How far those who ranked lean on a habit."""
    of, values, places, groups = HABITS[habit], [], [], []
    for group, row in enumerate(seen.rankings or seen.held_out):
        said = row.get("completions", row.get("texts", []))
        texts = [str(one.get("text", "")) if isinstance(one, dict) else str(one) for one in said]
        for tier, members in enumerate(row.get("tiers", [])):
            for place in members:
                values.append(of(texts[place]))
                places.append(-float(tier))
                groups.append(group)
    return leaning(values, places, groups)


def movement(seen: Evidence, habit: str) -> tuple[float, float, float]:
    """How far a habit moved from the first rounds to the last, in spreads of the first; and both means."""
    of, size = HABITS[habit], max(1, len(seen.rounds) // 4)
    first = [of(one.text) for turn in seen.rounds[:size] for one in turn.answers]
    last = [of(one.text) for turn in seen.rounds[-size:] for one in turn.answers]
    return (fmean(last) - fmean(first)) / max(pstdev(first), LEAST_SPREAD), fmean(first), fmean(last)
