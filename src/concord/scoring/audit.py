"""How far a judge can be trusted: the same in both orders, blind to length, and of one mind with people."""

import math
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from concord.annotation import measures
from concord.annotation.outcomes import Given, compared, outcome
from concord.evaluation.intervals import Estimate, share
from concord.records import Ranking, prompt_key
from concord.scoring.judge import Judgement

FEWEST = 20
"""Fewer comparisons than this show no slope."""
SPREAD = 0.1
"""Nor do lengths that differ less, on a scale from -1 to 1."""


def audit(
    heard: Sequence[Judgement], ranked: Sequence[Ranking], people: Iterable[Ranking] = ()
) -> dict[str, Any]:
    """The whole card of a judge, from all that it was asked and what came of it."""
    valid = [one for one in heard if not one.invalid]
    return {
        "lists": len({(one.prompt.id, tuple(said.text for said in one.completions)) for one in heard}),
        "ranked": len(ranked),
        "invalid_replies": sum(one.invalid for one in heard),
        "asked_again": sum(one.attempt > 0 for one in heard),
        "withheld_sentences": sum(sum(one.withheld) for one in valid),
        "answers_with_withheld": sum(count > 0 for one in valid for count in one.withheld),
        "comparisons": sum(len(one.readings) for one in valid),
        "position_consistency": consistency(valid),
        "first_share": first_share(valid),
        "length_slope": length_slope(valid),
        "people": beside_people(ranked, people),
    }


def consistency(judged: Sequence[Judgement]) -> Estimate:
    """How often both orders of a comparison give the same verdict; all others count as ties."""
    told = [
        (
            one.prompt.id,
            float((reading.forth - 0.5) * (reading.back - 0.5) > 0 or reading.forth == reading.back),
        )
        for one in judged
        for reading in one.readings
    ]
    return share([value for _, value in told], [prompt for prompt, _ in told])


def first_share(judged: Sequence[Judgement]) -> Estimate:
    """How often the answer shown first wins, both orders taken together: a half if the judge has no such bias."""
    told = []
    for one in judged:
        for reading in one.readings:
            for chance in (reading.forth, 1 - reading.back):
                told.append((one.prompt.id, 0.5 if chance == 0.5 else float(chance > 0.5)))
    return share([value for _, value in told], [prompt for prompt, _ in told])


def length_slope(judged: Sequence[Judgement]) -> Estimate:
    """How the log-odds of winning grow with length: logit P(win) = a + b tanh(words more / their spread).

    b with its interval, clustered by prompt; 0 is blind to length. No value where too little was compared.
    """
    import statsmodels.api as sm

    rows = [
        (one.prompt.id, words(one, reading.one) - words(one, reading.other), reading.chance)
        for one in judged
        for reading in one.readings
    ]
    gaps = np.array([gap for _, gap, _ in rows], dtype=float)
    prompts = {prompt for prompt, _, _ in rows}
    steps = np.tanh(gaps / (gaps.std() or 1.0))
    if len(rows) < FEWEST or len(prompts) < 3 or np.ptp(steps) < SPREAD:
        return Estimate(value=None, low=None, high=None, n=len(rows))
    x = np.column_stack([np.ones(len(rows)), steps])
    y = np.clip(
        [chance for _, _, chance in rows], 0.01, 0.99
    )  # an endpoint that tells no odds is not infinitely sure
    groups = np.unique([prompt for prompt, _, _ in rows], return_inverse=True)[1]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # soft labels are no counts, which the family calls strange
        fit = sm.GLM(y, x, family=sm.families.Binomial()).fit(cov_type="cluster", cov_kwds={"groups": groups})
    low, high = fit.conf_int()[1]
    if not all(map(math.isfinite, (fit.params[1], low, high))):
        return Estimate(value=None, low=None, high=None, n=len(rows))
    return Estimate(value=float(fit.params[1]), low=float(low), high=float(high), n=len(rows))


def words(judged: Judgement, place: int) -> int:
    """The words of one of the answers."""
    return len(judged.completions[place].text.split())


def beside_people(ranked: Iterable[Ranking], people: Iterable[Ranking]) -> dict[str, Any] | None:
    """Agreement with people on whatever two answers to one prompt both compared; None if there are none."""
    mine = {key: told for one in ranked for key, told in comparisons(one)}
    both = [(key, told, mine[key]) for one in people for key, told in comparisons(one) if key in mine]
    if not both:
        return None
    decided = [(key[0], told == own) for key, told, own in both if told and own]
    names = sorted({key[0] for key, _, _ in both})
    tasks = np.array([names.index(key[0]) for key, _, _ in both])
    alpha = measures.alpha(np.array([[told, own] for _, told, own in both]).T, tasks)
    return {
        "prompts": len(names),
        "comparisons": len(decided),
        "agreement": share([float(right) for _, right in decided], [name for name, _ in decided]),
        "alpha": None if alpha is None else asdict(alpha),
    }


def comparisons(ranking: Ranking) -> list[tuple[tuple[str, str, str], float]]:
    """What a ranking says of every two of its answers, by the words of the prompt and of both."""
    name, places = prompt_key(ranking.prompt.messages), Given("", ranking).places
    told = [((name, *pair), outcome(places, *pair)) for pair in compared(places)]
    return [(key, value) for key, value in told if not math.isnan(value)]
