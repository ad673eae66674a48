"""Reward hacking: a habit that the score has come to love more than people do, and that the policy took up."""

from collections.abc import Callable, Sequence
from statistics import fmean, pstdev

from concord.monitoring.explain.evidence import Evidence, Said, excerpt
from concord.monitoring.explain.finding import About, Change, Finding, Sign, graded, third
from concord.monitoring.habits import HABITS, leaning

LEAST_SPREAD = 0.25
"""Spread of a habit that hardly occurs at first: as if one answer in sixteen had it once."""
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
        lean, theirs = third(leans, last=True), people(seen, habit)
        sign = -1 if habit == "length" and lean < 0 else 1
        moved, before, after = movement(seen, habit)
        excess = sign * lean - max(0.0, sign * (theirs or 0.0))
        paid = moved * sign * excess
        told = "people's rankings are not known" if theirs is None else f"people's rankings by {theirs:.2f}"
        first, last = seen.rounds[0], seen.rounds[-1]
        return Finding(
            f"hacking by {habit}",
            min(graded(paid, 0.15, 0.6), graded(excess, 0.25, 0.5)),
            f"Scores lean on {habit} far more than people do, and answers became {SIDES[habit][sign < 0]}.",
            [
                seen.sign(f"scores follow {habit} by {lean:.2f} within a prompt; {told}", leans[-1][0]),
                seen.sign(f"so it raised them by {paid:.2f} spreads more than people would", leans[-1][0]),
                Sign(f"mean {habit} was {before:.2f} around round {first.number}", seen.shown(first.file)),
                Sign(f"it is {after:.2f} around round {last.number}", seen.shown(last.file)),
                Sign(f"such as {excerpt(plainest(last.answers, habit, sign))}", seen.shown(last.file)),
            ],
            remedies(seen),
        )

    return look


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
    words = "with answers of this policy, in which the better one has less of it; then redo `reward`"
    return [*changes, Change("rank/rankings.jsonl", "as it is", words)]


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
