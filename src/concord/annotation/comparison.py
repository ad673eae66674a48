"""Which model is preferred to which, from blind judgements; here alone models have names."""

from itertools import combinations

from sqlalchemy.orm import Session

from concord.annotation import past, records, told
from concord.annotation.measures import share_interval
from concord.annotation.past import ANSWERS
from concord.annotation.tables import Judgement, Project


def comparison(session: Session, project: Project) -> told.Comparison:
    """Wins, ties and losses of each two models; an interval knows that judgements of one prompt belong together."""
    results: dict[tuple[str, str], list[tuple[float, str]]] = {}
    count = 0
    for _, said, known in records.answered(session, project, Judgement.kind.in_(ANSWERS)):
        count += 1
        better = past.preferred([known.wide(tier) for tier in said["tiers"]])
        ranked = sorted({place for tier in said["tiers"] for place in known.wide(tier)})
        for one, other in combinations(ranked, 2):
            first, second = known.completions[one].by, known.completions[other].by
            if not first or not second or first == second:
                continue
            won = 1.0 if (one, other) in better else 0.0 if (other, one) in better else 0.5
            pair, value = ((first, second), won) if first < second else ((second, first), 1 - won)
            results.setdefault(pair, []).append((value, known.prompt.id))
    return told.Comparison(pairs=[tally(*pair, found) for pair, found in sorted(results.items())], n=count)


def tally(one: str, other: str, found: list[tuple[float, str]]) -> told.Pair:
    """One row of the table."""
    values = [value for value, _ in found]
    rate = share_interval(values, [prompt for _, prompt in found])
    assert rate is not None, "a pair that never met has no row"
    return told.Pair(
        a=one,
        b=other,
        wins=values.count(1.0),
        ties=values.count(0.5),
        losses=values.count(0.0),
        win_rate=rate.value,
        low=rate.low,
        high=rate.high,
    )
