"""The league: one strength a model from all their duels, whoever met whom (Bradley-Terry, on the scale of Elo)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from concord.errors import RecordError
from concord.evaluation.duels import Duel, clusters, names
from concord.evaluation.intervals import Estimate
from concord.evaluation.logistic import Fit, NoAnswer, fit
from concord.evaluation.style import STYLE, differences
from concord.maths.statistics import student_quantile

Floats = NDArray[np.float64]

START, POINTS = 1000.0, 400 / math.log(10)
"""The anchor's Elo, and how many points a unit of log-odds is."""
RESAMPLES = 400
ENOUGH = 0.975
"""Share of the draws that must have finite strengths if they are to tell how far a strength can be trusted."""
TOGETHER = 200
"""Models whose strengths are found in one call: it keeps a table of all of them by all of them."""
TOLERANCE, LIMIT = 1e-9, 100_000
SHOWN = 5
"""Models of a group that a refusal names."""


@dataclass(frozen=True, slots=True)
class Standing:
    """One model of the league."""

    name: str
    elo: Estimate
    """Its strength; an end that no number of points bounds is None."""
    controlled: Estimate
    """The same with length, headers, lists and bold words held equal; no value where the data do not say."""


@dataclass(frozen=True, slots=True)
class League:
    """All models by strength, best first."""

    anchor: str
    standings: tuple[Standing, ...]
    unrated: dict[str, str]
    """Models without a strength, and why."""
    uncontrolled: str | None
    """Why there are no strengths with the style held equal, if there are none."""
    n: int
    prompts: int


def league(duels: Sequence[Duel], anchor: str, resamples: int = RESAMPLES, seed: int = 0) -> League:
    """Strengths that make P(a beats b) = sigma(s_a - s_b) likeliest; a tie is half a win for either.

    The anchor has 1000 points. Intervals come from a bootstrap over prompts. RecordError if the models fall
    into groups that never met, for then nothing says how the groups compare.
    """
    everyone = list(names(duels))
    if anchor not in everyone:
        raise RecordError(f"{anchor} took part in no duel. The models are {', '.join(everyone)}.")
    refuse_apart(duels, everyone)
    rated, unrated = connected(duels, everyone, anchor)
    inside = [duel for duel in duels if duel.a in rated and duel.b in rated]
    found = strengths(inside, rated, resamples, seed)
    place = rated.index(anchor)
    levels = found - found[:, [place]]
    held, why = held_equal(inside, rated, place)
    count = len({duel.prompt for duel in inside})
    standings = [
        Standing(name, points(levels[:, column], len(inside), count), held[column])
        for column, name in enumerate(rated)
    ]
    standings.sort(key=lambda one: -(one.elo["value"] or 0.0))
    return League(anchor, tuple(standings), unrated, why, len(inside), count)


def refuse_apart(duels: Sequence[Duel], everyone: Sequence[str]) -> None:
    """Refuse models that fall into groups between which nobody met."""
    met = wins_of(duels, everyone)
    groups = parted(met + met.T, everyone)
    if len(groups) > 1:
        told = "; ".join(
            ", ".join(group[:SHOWN]) + (f" and {len(group) - SHOWN} more" if len(group) > SHOWN else "")
            for group in groups
        )
        raise RecordError(
            f"The models fall into {len(groups)} groups that never met on a prompt: {told}. Nothing says how the "
            "groups compare. Have one model of each answer the same prompts, or compare each group on its own."
        )


def parted(beats: Floats, everyone: Sequence[str]) -> list[list[str]]:
    """The groups within which everybody can be reached from everybody along wins."""
    from scipy.sparse.csgraph import connected_components

    count, labels = connected_components(beats > 0, directed=True, connection="strong")
    groups = [
        [name for name, label in zip(everyone, labels, strict=True) if label == one] for one in range(count)
    ]
    return sorted(groups, key=lambda group: everyone.index(group[0]))


def wins_of(duels: Sequence[Duel], everyone: Sequence[str]) -> Floats:
    """[models, models] how often the row's model beat the column's."""
    place = {name: number for number, name in enumerate(everyone)}
    found = np.zeros((len(everyone), len(everyone)))
    for duel in duels:
        found[place[duel.a], place[duel.b]] += duel.share
        found[place[duel.b], place[duel.a]] += 1 - duel.share
    return found


def connected(
    duels: Sequence[Duel], everyone: Sequence[str], anchor: str
) -> tuple[list[str], dict[str, str]]:
    """Those who have a finite distance to the anchor, and why the others have none.

    Who never lost to a group, or never won, is infinitely far from it (Ford 1957). What is beyond the group says
    nothing of the distances within it.
    """
    beats = wins_of(duels, everyone)
    rated = next(group for group in parted(beats, everyone) if anchor in group)
    if len(rated) < 2:
        raise RecordError(
            f"{anchor} won every duel or lost every duel with each of the others, so no distance from it is finite. "
            "Name another model to measure from."
        )
    inside = [everyone.index(name) for name in rated]
    unrated = {}
    for number, name in enumerate(everyone):
        if name not in rated:
            above = reaches(beats, number, inside)
            unrated[name] = (
                "never lost to those who are rated" if above else "never won against those who are rated"
            )
    return rated, unrated


def reaches(beats: Floats, start: int, goals: Sequence[int]) -> bool:
    """Whether a chain of wins leads from one model to some."""
    from scipy.sparse.csgraph import breadth_first_order

    found = breadth_first_order(beats > 0, start, directed=True, return_predecessors=False)
    return bool(set(found.tolist()) & set(goals))


def strengths(duels: Sequence[Duel], rated: Sequence[str], resamples: int, seed: int) -> Floats:
    """[1 + resamples, models] log-strengths: from all prompts, then from prompts drawn anew.

    A draw in which some model won or lost everything has no finite strengths; there they are nan.
    """
    from scipy.sparse import csr_array

    place = {name: number for number, name in enumerate(rated)}
    count, prompts = len(rated), clusters(duels)
    total = int(prompts.max()) + 1
    ours, theirs = (np.array([place[name] for name in side]) for side in sides(duels))
    shares = np.array([duel.share for duel in duels])
    cells = np.concatenate([ours * count + theirs, theirs * count + ours])
    won = np.concatenate([shares, 1 - shares])
    table = csr_array((won, (np.concatenate([prompts, prompts]), cells)), shape=(total, count * count))
    draws = np.random.default_rng(seed).multinomial(total, np.full(total, 1 / total), size=resamples)
    weights = np.concatenate([np.ones((1, total)), draws])
    return solve((table.T @ weights.T).T.reshape(-1, count, count))


def sides(duels: Sequence[Duel]) -> tuple[list[str], list[str]]:
    """The first model of each duel, and the second."""
    return [duel.a for duel in duels], [duel.b for duel in duels]


def solve(wins: Floats) -> Floats:
    """[draws, models, models] wins -> [draws, models] log-strengths, nan where a draw has none.

    Many draws go into one call as models of different names that never meet: each group of them finds its own
    strengths, and what is common to a group cancels in every difference.
    """
    draws, count, _ = wins.shape
    found = np.full((draws, count), np.nan)
    whole = np.flatnonzero(finite(wins))
    size = max(1, TOGETHER // count)
    edges = [*range(0, len(whole), size), len(whole)]
    for start, end in pairwise(edges):
        some = whole[start:end]
        found[some] = together(wins[some])
    return found


def together(wins: Floats) -> Floats:
    """The log-strengths of some draws by one call of evalica."""
    import evalica
    import pandas as pd

    draws, count, _ = wins.shape
    draw, one, other = np.nonzero(wins)
    result = evalica.bradley_terry(
        (draw * count + one).tolist(),
        (draw * count + other).tolist(),
        [evalica.Winner.X] * len(draw),
        index=pd.RangeIndex(draws * count),
        weights=wins[draw, one, other].tolist(),
        tolerance=TOLERANCE,
        limit=LIMIT,
    )
    if result.iterations >= LIMIT:
        raise RecordError(
            "The strengths of the models did not settle, because some of them hardly ever met. Leave out models with "
            "few duels, or have them answer more prompts."
        )
    levels: Floats = np.log(result.scores.sort_index().to_numpy()).reshape(draws, count)
    return levels


def finite(wins: Floats) -> NDArray[np.bool_]:
    """Which draws have finite strengths: those in which a chain of wins leads from every model to every other."""
    reach: NDArray[np.bool_] = (wins > 0) | np.eye(wins.shape[1], dtype=bool)
    for _ in range(max(1, math.ceil(math.log2(wins.shape[1])))):
        steps = reach.astype(np.float32)
        reach = np.asarray(steps @ steps > 0)
    linked: NDArray[np.bool_] = np.asarray(reach.all(axis=(1, 2)))
    return linked


def points(levels: Floats, n: int, prompts: int) -> Estimate:
    """Elo from log-strengths above the anchor's: the first is of all prompts, the others are draws.

    The reach is Student's t, of as many prompts, times the draws' standard deviation: with few draws it is less
    shaken by chance than their percentiles.
    """
    value, drawn = START + POINTS * float(levels[0]), levels[1:]
    known = drawn[np.isfinite(drawn)]
    if prompts < 2 or len(known) < max(2, ENOUGH * len(drawn)):
        return Estimate(
            value=value, low=None, high=None, n=n
        )  # an end lies where there is no finite strength
    reach = POINTS * student_quantile(0.95, prompts - 1) * float(known.std(ddof=1))
    return Estimate(value=value, low=value - reach, high=value + reach, n=n)


def held_equal(duels: Sequence[Duel], rated: Sequence[str], anchor: int) -> tuple[list[Estimate], str | None]:
    """Elo with all of the style held equal, by one regression: a column a model, +1 for the first, -1 for the second.

    Intervals are those of the sandwich, clustered by prompt.
    """
    nothing = [Estimate(value=None, low=None, high=None, n=len(duels)) for _ in rated]
    if any(duel.texts is None for duel in duels):
        return nothing, "the texts of the answers are not known"
    looked = differences(duels, STYLE)
    models = np.zeros((len(duels), len(rated)))
    for sign, side in zip((1, -1), sides(duels), strict=True):
        models[np.arange(len(duels)), [rated.index(name) for name in side]] += sign
    columns = [column for column in range(len(rated)) if column != anchor]
    x = np.column_stack([models[:, columns], looked[:, looked.any(axis=0)]])
    try:
        found = fit([duel.share for duel in duels], x, clusters(duels))
    except NoAnswer as reason:
        return nothing, str(reason)
    held = list(nothing)
    held[anchor] = Estimate(value=START, low=START, high=START, n=len(duels))
    for place, column in enumerate(columns):
        held[column] = scaled(found, place)
    return held, None


def scaled(found: Fit, place: int) -> Estimate:
    """A coefficient as points above the anchor's."""
    one = found.estimate(place)
    value, low, high = (START + POINTS * float(one[end] or 0.0) for end in ("value", "low", "high"))
    return Estimate(value=value, low=low, high=high, n=one["n"])
