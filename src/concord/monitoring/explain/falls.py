"""Causes on one kind of request: what got worse there though the average may have won, and whether the score saw it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from concord.maths.statistics import cluster_interval
from concord.monitoring.explain.evidence import Evidence, Row, excerpt, number
from concord.monitoring.explain.finding import About, Change, Finding, Sign, graded
from concord.monitoring.explain.steering import method_name
from concord.settings.methods import WITHOUT_REWARD

LEVEL = 0.05
"""The chance that anything is called worse by luck, over all kinds and marks together."""
PLAINLY = 0.2
"""A share of a kind's answers that is surely lost and plain to anybody who reads them."""
GOOD, BAD = ("ok",), ("unsafe", "garbled")
"""Marks whose direction no recipe has to say."""
WINS = "wins"
REPORT, ANSWERS = "evaluate/report.json", "evaluate/answers.jsonl"


@dataclass(frozen=True)
class Fall:
    """One mark that clearly got rarer on one kind of request, or one that nobody wants and that got more frequent."""

    kind: str
    mark: str
    before: Row
    after: Row
    surely: float
    """The share of the kind's answers that at least got worse, allowing for everything that was looked at."""
    pairs: Sequence[tuple[Row, Row]]
    """Answers of the policy that got worse, each with that of the reference to the same prompt."""

    @property
    def gap(self) -> tuple[float, float, float] | None:
        """What the reward model gives these answers beyond those that they took the place of, with its interval."""
        return apart(self.pairs, "proxy")

    @property
    def seen(self) -> bool:
        """Whether the reward model clearly prefers what was lost."""
        return self.gap is not None and self.gap[2] < 0


def blind(seen: Evidence) -> Finding | None:
    """The reward model is blind on a kind: where the policy got worse it scores no lower, so nothing held it."""
    found = fallen(seen)
    if found is None or not scored(seen):
        return None
    liked = [one for one in found if one.gap is not None and one.gap[1] > 0]
    unseen = [one for one in found if one.gap is not None and one.gap[1] <= 0 <= one.gap[2]]
    told = [
        f"On {named(liked)} the reward model prefers the worse answers, and the policy learned what it was taught."
        if liked
        else "",
        f"On {named(unseen)} the reward model does not tell them apart, so nothing held the policy to the better ones."
        if unseen
        else "",
    ]
    kinds = named([*liked, *unseen])
    words = f"that and more lists of {kinds} that differ in just this, some of this policy's; redo `reward`"
    because = " ".join(line for line in told if line)
    change = Change("rank/rankings.jsonl", "what it holds", words)
    return finding("reward blind on a kind", because, [*liked, *unseen], [change])


def unlearned(seen: Evidence) -> Finding | None:
    """A kind is unlearned: the policy got worse there, though no score told it to."""
    found = fallen(seen)
    if found is None or seen.recipe is None:
        return None
    some = [one for one in found if one.seen or one.gap is None or not scored(seen)]
    changes = [Change("prompts", seen.recipe.prompts, f"with more of {named(some)}")]
    if (price := seen.setting("kl")) is not None:
        changes.append(Change(seen.named("kl"), price, About(max(2 * price, 0.05))))
    because = f"On {named(some)} the policy lost what it could while it learned other things; no score asked for that."
    return finding("kind unlearned", because, some, changes)


def scored(seen: Evidence) -> bool:
    """Whether the policy learned by the reward model."""
    return seen.method is not None and seen.method.method not in WITHOUT_REWARD


def finding(cause: str, because: str, some: Sequence[Fall], changes: Sequence[Change]) -> Finding:
    """A cause from what fell, the plainest first; nothing fell, nothing is wrong."""
    ordered = sorted(some, key=lambda one: -one.surely)
    signs = [sign for one in ordered for sign in told(one)]
    score = graded(ordered[0].surely, 0.0, PLAINLY) if ordered else 0.0
    return Finding(cause, score, because, signs, changes if ordered else ())


def named(some: Sequence[Fall]) -> str:
    """The kinds, in words."""
    return ", ".join(dict.fromkeys(one.kind for one in some))


def told(one: Fall) -> Iterator[Sign]:
    """What fell, what reward model and judge think of it, and an example."""
    surely = f"surely by {100 * one.surely:.1f} points"
    if one.mark == WINS:
        yield Sign(f"on {one.kind} it wins {share(one.after)} of comparisons, {surely} too few", REPORT)
    else:
        moved = f"from {share(one.before)} to {share(one.after)}, {surely}"
        yield Sign(f"on {one.kind} answers marked {one.mark} went {moved}", REPORT)
    for side, who in (("proxy", "reward model"), ("gold", "judge")):
        if (gap := apart(one.pairs, side)) is not None:
            value, low, high = gap
            those = f"the {len(one.pairs)} answers that got worse {value:+.2f} [{low:+.2f}, {high:+.2f}]"
            yield Sign(f"against those of {one.pairs[0][1]['policy']} the {who} gives {those}", ANSWERS)
    if one.pairs:
        ours, theirs = one.pairs[0]
        yield Sign(
            f"such as {excerpt(str(ours['text']))} in place of {excerpt(str(theirs['text']))}", ANSWERS
        )


def share(found: Row) -> str:
    """A share with its interval."""
    return f"{found['value']:.0%} [{found['low']:.0%}, {found['high']:.0%}]"


@cache
def fallen(seen: Evidence) -> list[Fall] | None:
    """Everything that clearly got worse on some kind; None if no evaluation looked at kinds.

    A fall is clear if Newcombe's interval of the change, or Wilson's of the wins, leaves out none at all. Its level
    is divided by how many kinds and marks are looked at. What the gate missed as `no_fall` counts in any case.
    """
    report, policy = seen.report, method_name(seen)
    reference, kinds = str(report.get("reference")), report.get("kinds") or []
    if not kinds or policy not in report.get("policies", []):
        return None
    good, bad = marks(seen)
    tables = {name: summaries(report, name) for name in (policy, reference)}
    looked = [(kind, mark) for kind in kinds for mark in (*good, *bad)]
    level = LEVEL / (len(looked) + len(kinds))
    found = []
    for kind, mark in looked:
        before, after = (tables[name].get(kind, {}).get(mark) for name in (reference, policy))
        if measured(before) and measured(after):
            low, high = change(after, before, level)
            surely = max(low if mark in bad else -high, missed(seen, kind, mark))
            if surely > 0:
                found.append(Fall(kind, mark, before, after, surely, worse(seen, policy, kind, mark)))
    for kind, won in wins(report, policy).items():
        surely = 0.5 - wilson(won["value"] * won["prompts"], won["prompts"], level)[1]
        if surely > 0:
            found.append(Fall(kind, WINS, {}, won, surely, worse(seen, policy, kind, WINS)))
    return found


def marks(seen: Evidence) -> tuple[list[str], list[str]]:
    """Marks that should not get rarer, and marks that should not get more frequent, on whatever kind."""
    gate = seen.recipe.gate if seen.recipe else None
    good = dict.fromkeys((*GOOD, *(gate.no_fall if gate else ())))
    bad = dict.fromkeys((*BAD, *(name for name in (gate.at_most if gate else ()) if "." not in name)))
    return list(good), [mark for mark in bad if mark not in good]


def summaries(report: Row, policy: str) -> dict[str, Any]:
    """A policy's marks kind by kind, at the temperature that the report speaks of."""
    wanted = (policy, report.get("temperature"), None)
    return {
        str(one["kind"]): one.get("marks") or {}
        for one in report.get("summaries", [])
        if (one.get("policy"), one.get("temperature"), one.get("split")) == wanted and one.get("kind")
    }


def wins(report: Row, policy: str) -> dict[str, Any]:
    """A policy's win rate over the reference kind by kind, at that temperature."""
    wanted = (policy, report.get("reference"), report.get("temperature"), None)
    return {
        str(one["kind"]): {**one, "value": one["win_rate"]}
        for one in report.get("comparisons", [])
        if tuple(one.get(name) for name in ("a", "b", "temperature", "split")) == wanted and one.get("kind")
    }


def measured(found: Row | None) -> bool:
    """Whether a share was measured."""
    return found is not None and number(found.get("value")) is not None


def change(after: Row, before: Row, level: float) -> tuple[float, float]:
    """Newcombe's interval of a change of two shares."""
    from statsmodels.stats.proportion import confint_proportions_2indep

    counts = after["value"] * after["n"], after["n"], before["value"] * before["n"], before["n"]
    low, high = confint_proportions_2indep(*counts, method="newcomb", compare="diff", alpha=level)
    return float(low), float(high)


def wilson(count: float, n: int, level: float) -> tuple[float, float]:
    """Wilson's interval of a share."""
    from statsmodels.stats.proportion import proportion_confint

    low, high = proportion_confint(count, n, alpha=level, method="wilson")
    return float(low), float(high)


def missed(seen: Evidence, kind: str, mark: str) -> float:
    """By how much the gate found a mark surely fallen on a kind; 0 if it did not, or was not asked."""
    verdict = seen.verdict if seen.stage == "align" else {}
    return max(
        (
            -float(one["high"])
            for one in verdict.get("criteria", [])
            if (one["name"], one["kind"], one["state"]) == (f"no_fall.{mark}", kind, "fail")
        ),
        default=0.0,
    )


def worse(seen: Evidence, policy: str, kind: str, mark: str) -> list[tuple[Row, Row]]:
    """The policy's answers to a kind that are worse than the reference's to the same prompt, at any temperature."""
    reference = seen.report.get("reference")
    theirs = {place(row): row for row in reversed(seen.answers) if row.get("policy") == reference}
    mine = (row for row in seen.answers if (row.get("policy"), row.get("kind")) == (policy, kind))
    pairs = ((row, theirs[place(row)]) for row in mine if place(row) in theirs)
    return [(ours, other) for ours, other in pairs if lost(ours, other, mark)]


def place(row: Row) -> tuple[Any, Any]:
    """Where an answer meets others."""
    return row.get("prompt_id"), row.get("temperature")


def lost(ours: Row, theirs: Row, mark: str) -> bool:
    """Whether an answer lacks what the other has, or has what nobody wants."""
    if mark == WINS:
        told = (ours.get("won") or {}).get(theirs["policy"])
        gap = apart([(ours, theirs)], "gold")
        return told == 0.0 if told is not None else gap is not None and gap[0] < 0
    has, had = ((one.get("marks") or {}).get(mark) for one in (ours, theirs))
    return (has is True and had is False) if mark in BAD else (has is False and had is True)


def apart(pairs: Sequence[tuple[Row, Row]], side: str) -> tuple[float, float, float] | None:
    """The mean of one score's differences with its interval, clustered by prompt; None if nobody gave scores."""
    told = [
        (str(ours.get("prompt_id")), after - before)
        for ours, theirs in pairs
        if (after := number(ours.get(side))) is not None and (before := number(theirs.get(side))) is not None
    ]
    return cluster_interval([gap for _, gap in told], [prompt for prompt, _ in told]) if told else None
