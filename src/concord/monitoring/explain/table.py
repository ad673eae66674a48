"""The table of causes: each with what it needs to see, and what it may merely follow from."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from concord.monitoring.explain import falls, guidance, rewarding, steering
from concord.monitoring.explain.evidence import Evidence
from concord.monitoring.explain.finding import FOUND, Finding
from concord.monitoring.explain.hacking import hacking

BEHIND = 0.02
"""How far a finding that may follow from another stands behind it."""


@dataclass(frozen=True)
class Cause:
    """One cause: who looks for it, in what, and which other causes bring it about."""

    look: Callable[[Evidence], Finding | None]
    needs: str
    """What must be there for it to be seen, in words."""
    follows: tuple[str, ...] = ()


HABITS = tuple(f"hacking by {habit}" for habit in ("repetition", "format", "length"))
FIRST = ("dead reward", "answers cut off", "sampler and learner disagree", "wrong reference")
CAUSES: dict[str, Cause] = {
    "dead reward": Cause(rewarding.dead, "a diary with `score_spread`"),
    "leaked data": Cause(guidance.leaked, "the evaluation's prompts"),
    "contradictory data": Cause(guidance.contradictory, "rankings that compare some answers twice"),
    "answers cut off": Cause(rewarding.cut_off, "rollouts"),
    "sampler and learner disagree": Cause(steering.sampler, "a diary with `moved`"),
    "wrong reference": Cause(
        steering.reference, "a diary with `kl` and `length`", ("sampler and learner disagree",)
    ),
    "forgetting": Cause(guidance.forgetting, "`sft.general`, or an evaluation"),
    "reward model off its ground": Cause(
        rewarding.foreign, "rankings, rollouts and `reward/held_out.jsonl`", (*FIRST, "forgetting")
    ),
    "learning rate too high": Cause(steering.rate, "a diary with `kl` and `score`", FIRST[2:]),
    **{
        f"hacking by {habit}": Cause(hacking(habit), f"rollouts and `lean.{habit}`", FIRST[1:])
        for habit in ("repetition", "format", "length")
    },
    "reward blind on a kind": Cause(
        falls.blind,
        "an evaluation with kinds of requests, of a method that learns by the reward model",
        (*FIRST, "learning rate too high", *HABITS),
    ),
    "kind unlearned": Cause(
        falls.unlearned,
        "an evaluation with kinds of requests",
        (*FIRST, "learning rate too high", "price of drift too low", *HABITS),
    ),
    "advantages collapsed": Cause(
        steering.advantages, "a diary of a group method with `tied`", ("dead reward",)
    ),
    "critic not learning": Cause(steering.critic, "PPO's diary with `explained_variance`", FIRST),
    "price of drift too high": Cause(steering.price_high, "a diary with `score_spread` and `price`", FIRST),
    "price of drift too low": Cause(
        steering.price_low,
        "a diary with `kl` and `score`",
        (*FIRST[1:], *HABITS, "learning rate too high"),
    ),
}


def findings(seen: Evidence) -> tuple[list[Finding], list[str]]:
    """The causes that are plain enough, the plainest first; and those that could not be looked for."""
    found: dict[str, Finding] = {}
    unseen = []
    for name, cause in CAUSES.items():
        one = cause.look(seen)
        if one is None:
            unseen.append(name)
        elif one.score >= FOUND:
            found[name] = one
    for name, one in list(found.items()):
        above = [found[other].score for other in CAUSES[name].follows if other in found]
        if above:
            found[name] = replace(one, score=max(FOUND, min(one.score, max(above) - BEHIND)))
    order = list(CAUSES)
    return sorted(found.values(), key=lambda one: (-one.score, order.index(one.cause))), unseen
