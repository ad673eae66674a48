"""What the looks at a learning policy come to: the best of them, whether there was a fall since, and where the peak is.

A look says of each watched prompt what the judge and the reward model make of the answers to it, and how far they
have drifted: {"step", "round", "prompts": [P names], "gold": [P], "proxy": [P], "kl": [P]}; without a judge `gold` is
absent. Where rankings of the prompts were kept back, `ranked` names the prompts and `agreement` tells the share of
pairs that the policy prefers as people do.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from concord.evaluation.intervals import Estimate, mean
from concord.evaluation.scaling import by_prompts, enough, fitted, spread

Look = Mapping[str, Any]

CHANCE = 0.05
"""Chance of a false fall in a whole training."""
PLAIN = 0.1
"""Chance that is left outside an interval, half of it above, once the peak is thought to be behind."""
MEASURES = ("gold", "proxy", "agreement", "kl")


def told(look: Look, past_peak: float | None) -> dict[str, Any]:
    """A look as a line of a file: means with intervals over prompts, and the root of the mean drift."""
    found: dict[str, Any] = {"step": look["step"], "round": look["round"]}
    for name in MEASURES:
        if look.get(name) is not None:
            found[name] = mean(look[name], names(look, name))
    found["sqrt_kl"] = root(look)
    return {**found, "past_peak": past_peak, "samples": look.get("samples", [])}


def names(look: Look, measure: str) -> Sequence[str]:
    """The prompts that a measure speaks of: rankings were kept back of some of them only."""
    found: Sequence[str] = look["ranked"] if measure == "agreement" else look["prompts"]
    return found


def root(look: Look) -> float:
    """The root of a look's mean drift; a mean below 0 is chance around no drift."""
    return math.sqrt(max(0.0, sum(look["kl"]) / len(look["kl"])))


def best(looks: Sequence[Look], measure: str = "gold") -> int:
    """Which look has the highest mean; the earliest of equals."""
    sums = [math.fsum(look[measure]) for look in looks]
    return sums.index(max(sums))


def fall(looks: Sequence[Look], since: int, level: float, measure: str = "gold") -> Estimate:
    """How much lower than at an earlier look the last look's scores are, prompt by prompt."""
    pairs = zip(looks[-1][measure], looks[since][measure], strict=True)
    return mean([now - then for now, then in pairs], names(looks[-1], measure), level)


def strict(looks: int, planned: int) -> float:
    """The level at which a fall since the best of so many looks is told, in a training of so many.

    The chance of a false one is shared among all looks of the training, and at each among those that could have been
    the best: a best one that was looked for is partly a lucky one.
    """
    return 1 - CHANCE / max(1, planned * (looks - 1))


def judged(looks: Sequence[Look], planned: int, sure: float, measure: str = "gold") -> dict[str, Any]:
    """Whether the score has clearly fallen since its best look.

    It has if the interval of the paired differences lies wholly below 0 at the strict level; or if it does at 90 % and
    the policy is past the fitted peak with a chance of `sure`.
    """
    top, now = best(looks, measure), len(looks) - 1
    law = scaled(looks) if measure == "gold" else None
    found = {"best": top, "law": law, "fall": None, "fell": False}
    if top == now:
        return found
    deep, plain, shown = (
        fall(looks, top, level, measure) for level in (strict(len(looks), planned), 1 - PLAIN, 0.95)
    )
    past = law is not None and law["past_peak"] >= sure
    return {**found, "fall": shown, "fell": below(deep) or (past and below(plain))}


def below(change: Estimate) -> bool:
    """Whether a whole interval lies below 0."""
    return change["high"] is not None and change["high"] < 0


def scaled(looks: Sequence[Look]) -> dict[str, Any] | None:
    """Gao et al.'s law of reinforcement learning through the looks so far, or None if they are too few."""
    d = [root(look) for look in looks]
    if not enough(d):
        return None
    gains = [fall([looks[0], look], 0, 0.95) for look in looks]
    errors = [spread(gain) for gain in gains]
    found = fitted("rl", d, [gain["value"] or 0.0 for gain in gains], errors)
    assert found is not None, "enough points were counted"
    drift, gold = ([look[name] for look in looks] for name in ("kl", "gold"))
    return {**found, **by_prompts("rl", drift, gold, errors)}
