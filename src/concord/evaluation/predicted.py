"""Prediction-powered intervals: what people would say, from few labels of theirs and many of a judge's."""

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from concord.evaluation.answers import Row, by_prompt
from concord.evaluation.duels import Duel, between, of_ranking, rate, verdict
from concord.evaluation.intervals import Estimate, share
from concord.maths.statistics import cluster_error, student_quantile
from concord.records import Ranking, digest

FEWEST = 10
"""Prompts that people must have compared, and others that the judge alone has: fewer show no spread to speak of."""


@dataclass(frozen=True, slots=True)
class Label:
    """What people and the judge each say of the same two answers: the first one's share of the win."""

    prompt: str
    people: float
    judge: float


@dataclass(frozen=True, slots=True)
class Powered:
    """The win rate that people would give, and what it rests on."""

    rate: Estimate
    alone: Estimate
    """The same from people's labels alone."""
    weight: float
    """How much the judge's word counts: 0 if it tells nothing of people's, 1 if it stands for theirs."""
    worth: float | None
    """How many labels of people alone would give so narrow an interval."""


def powered(labels: Sequence[Label], others: Sequence[tuple[str, float]]) -> Powered:
    """People's win rate from their labels, and from the judge's on other prompts (prompt, share).

    theta = mean(people - w judge) over what people saw + w mean(judge) over the others, which is unbiased for any w.
    Its variance is the sum of both parts', each clustered by prompt (Angelopoulos et al. 2023). w makes it least:
    w = cov(people, judge) / (var(judge) + var(judge, others)), within 0..1. Student's quantile has Welch's degrees of
    freedom. A judge that has few prompts of its own, or says the same of all, leaves people's word alone.
    """
    prompts = [label.prompt for label in labels]
    people, judge = [label.people for label in labels], [label.judge for label in labels]
    alone = share(people, prompts)
    if len(set(prompts)) < 2 or len({prompt for prompt, _ in others}) < FEWEST:
        return Powered(alone, alone, 0.0, None)

    def variance(values: Sequence[float]) -> float:
        return cluster_error(values, prompts)[1] ** 2

    far, error, distant = cluster_error([value for _, value in others], [prompt for prompt, _ in others])
    own, theirs = variance(people), variance(judge)
    shared = (variance([one + other for one, other in zip(people, judge, strict=True)]) - own - theirs) / 2
    weight = min(1.0, max(0.0, shared / (theirs + error**2))) if theirs + error**2 > 0 else 0.0
    if own == 0 or weight == 0 or error == 0:
        # Nothing to learn from the judge; people's own interval knows no spread from certainty.
        return Powered(alone, alone, 0.0, None)
    rest = [one - weight * other for one, other in zip(people, judge, strict=True)]
    near, _, count = cluster_error(rest, prompts)
    value = near + weight * far
    parts = (variance(rest), count - 1), ((weight * error) ** 2, distant - 1)
    both = sum(part for part, _ in parts)
    freedom = both**2 / sum(part**2 / own for part, own in parts)  # Welch's and Satterthwaite's
    reach = student_quantile(0.95, max(1, math.floor(freedom))) * math.sqrt(both)
    found = Estimate(value=value, low=max(0.0, value - reach), high=min(1.0, value + reach), n=len(labels))
    width = (alone["high"] or 0.0) - (alone["low"] or 0.0)
    return Powered(found, alone, weight, len(labels) * (width / (2 * reach)) ** 2)


def preferences(rankings: Sequence[Ranking]) -> list[dict[str, Any]]:
    """Every comparison of two models' answers that people's rankings hold, as a finding keeps it."""
    found = []
    for ranking in rankings:
        for one, other, won in of_ranking(ranking):
            ours, theirs = ranking.completions[one], ranking.completions[other]
            if ours.by and theirs.by and ours.by != theirs.by:
                found.append(
                    {
                        "prompt_id": ranking.prompt.id,
                        "a": ours.by,
                        "b": theirs.by,
                        "texts": [ours.text, theirs.text],
                        "share": won,
                        "by": ranking.by,
                    }
                )
    return found


def labels_of(
    rows: Sequence[Row], said: Sequence[Mapping[str, Any]], a: str, b: str, temperature: float
) -> tuple[list[Label], int]:
    """People's comparisons of two policies beside the judge's of the same answers; how many it never saw."""
    known = {
        (name, prompt, str(row["text"])): row
        for name in (a, b)
        for prompt, some in by_prompt(rows, name, temperature).items()
        for row in some
    }
    labels, unseen = [], 0
    for one in said:
        if {one["a"], one["b"]} != {a, b}:
            continue
        sides = zip((one["a"], one["b"]), one["texts"], strict=True)
        ours, theirs = (known.get((name, one["prompt_id"], text)) for name, text in sides)
        judged = verdict(ours, theirs) if ours and theirs else None
        if judged is None:
            unseen += 1
            continue
        turned = one["a"] == b
        labels.append(
            Label(one["prompt_id"], *(1 - value if turned else value for value in (one["share"], judged)))
        )
    return labels, unseen


def same(duels: Sequence[Duel], seen: Collection[str]) -> list[Label]:
    """Prompts that both policies answer word for word alike: ties that nobody is asked about.

    As large a share of them counts as labelled as of the others; else what people saw would not be like the rest.
    """
    told = [
        duel for duel in duels if duel.texts and duel.texts[0] == duel.texts[1] and duel.prompt not in seen
    ]
    other = {duel.prompt for duel in duels} - {duel.prompt for duel in told}
    share_seen = len(other & set(seen)) / len(other) if other else 0.0
    order = sorted(told, key=lambda duel: digest("same", duel.prompt))
    return [Label(duel.prompt, 0.5, duel.share) for duel in order[: round(share_seen * len(told))]]


def people(
    rows: Sequence[Row], said: Sequence[Mapping[str, Any]], a: str, b: str, temperature: float
) -> dict[str, Any] | None:
    """What people would say of two policies on all held-out prompts; None if nobody was asked.

    If nobody compared these two, it is of the two that were compared most.
    """
    if not said:
        return None
    met = Counter(frozenset((one["a"], one["b"])) for one in said)
    if frozenset((a, b)) not in met:
        b, a = sorted(met.most_common(1)[0][0])
    labels, unseen = labels_of(rows, said, a, b, temperature)
    seen = {label.prompt for label in labels}
    duels: list[Duel] = between(rows, a, b, temperature)
    found: dict[str, Any] = {"a": a, "b": b, "labels": len(labels), "prompts": len(seen), "unseen": unseen}
    ties = same(duels, seen)
    labels, seen, found["same"] = [*labels, *ties], seen | {tie.prompt for tie in ties}, len(ties)
    found["judge"] = rate(duels)
    if found["prompts"] < FEWEST:
        nothing = Estimate(value=None, low=None, high=None, n=len(labels))
        return {
            **found,
            "rate": nothing,
            "alone": nothing,
            "refused": f"people compared answers of {a} and {b} on {found['prompts']} prompts; {FEWEST} are needed",
        }
    others = [(duel.prompt, duel.share) for duel in duels if duel.prompt not in seen]
    decided = [label for label in labels if label.people != 0.5 and label.judge != 0.5]
    return {
        **found,
        "others": len(others),
        **asdict(powered(labels, others)),
        "agreement": share(
            [float(label.people == label.judge) for label in decided], [label.prompt for label in decided]
        ),
        "refused": None,
    }
