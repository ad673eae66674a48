"""Alarms: rules over the numbers of each round that warn, stop, or send the weights back; plain callables of the loop.

An alarm is a screening signal: it says where to look first, not what is wrong.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean, median
from typing import Any, Literal

from concord.settings import Alarm
from concord.training.notes import Notes, floats, plain

SIGNAL = "screening signal"
SAMPLES = 3
"""Completions that stand beside an alarm."""
USUAL = 32
"""Rounds of which the middle value is what is usual."""
WITHOUT = Alarm()


@dataclass(frozen=True)
class Rule:
    """One rule: which note it reads, how a round's notes become one value, and where too much begins."""

    note: str
    limit: float
    says: str
    """What it means, for `{value}` and `{limit}`."""
    wrong: Literal["above", "below"] = "above"
    of: Literal["mean", "most", "first"] = "mean"
    """How the values of a round's steps become one; the first is of weights that have not moved since they spoke."""
    against: Literal["itself", "first", "change", "usual"] = "itself"
    """The value itself, its share of the first round's, how many times it is more or less than that, or than usual."""
    rounds: int = 1
    """Rounds in a row before it counts."""


RULES: dict[str, Rule] = {
    "not-finite": Rule("skipped", 0.0, "a step was not finite and was not learned", of="most"),
    "drift": Rule("kl", 10.0, "a completion has drifted by {value:.3g} nats"),
    "length": Rule(
        "length",
        2.0,
        "answers are {value:.3g} times as long or as short as at first",
        against="change",
        rounds=2,
    ),
    "entropy": Rule(
        "surprise",
        0.1,
        "the policy is {value:.3g} times as undecided as at first: it says almost always the same",
        "below",
        against="first",
        rounds=2,
    ),
    "group-spread": Rule(
        "group_spread",
        0.1,
        "scores of answers to one prompt lie {value:.3g} times as far apart as at first: nothing is left to compare",
        "below",
        against="first",
        rounds=2,
    ),
    "clipped": Rule("clipped", 0.5, "the clip stopped the pull of {value:.0%} of the tokens", rounds=2),
    "critic": Rule(
        "explained",
        0.0,
        "the critic foresees {value:.3g} of the returns' variance, no more than a mean would",
        "below",
        rounds=5,
    ),
    "gradient": Rule(
        "grad_norm.policy",
        20.0,
        "the policy's gradient is {value:.3g} times as long as usual",
        of="most",
        against="usual",
    ),
    "mismatch": Rule(
        "moved", 0.1, "sampler and learner differ by {value:.3g} nats a token on the same weights", of="first"
    ),
    "repetition": Rule(
        "repeated", 0.3, "{value:.0%} of an answer's runs of two words stood in it before", rounds=2
    ),
    "sameness": Rule(
        "distinct",
        0.3,
        "answers to one prompt are {value:.3g} times as varied as at first",
        "below",
        against="first",
        rounds=2,
    ),
    "truncated": Rule(
        "truncated", 0.3, "{value:.0%} of the answers were cut off by the length limit", rounds=2
    ),
    "constant": Rule(
        "score_spread", 1e-6, "all answers get the same score, {value:.3g} apart", "below", rounds=2
    ),
}
"""All rules with their own limits; one whose note a method does not have is silent."""


@dataclass
class Alarms:
    """Called after each step: gathers a round's notes, and at its end holds every rule against them."""

    asked: Mapping[Any, Alarm]
    settled: Callable[[], bool]
    """Whether a round is over."""
    samples: Callable[[], Sequence[Mapping[str, Any]]]
    """Some completions of the policy as it is."""
    limits: Mapping[str, float] = field(default_factory=dict)
    """Limits that the method's own settings give to notes."""
    raised: list[dict[str, Any]] = field(default_factory=list, init=False)
    """All alarms so far."""
    begun: dict[str, float] = field(default_factory=dict, init=False)
    """What each rule saw first."""
    usual: dict[str, list[float]] = field(default_factory=dict, init=False)
    since: dict[str, list[int]] = field(default_factory=dict, init=False)
    """Of each rule beyond its limit: in how many rounds in a row, and from which step on."""
    steps: list[dict[str, float]] = field(default_factory=list, init=False)

    def __call__(self, number: int, notes: Notes) -> None:
        """Take in a step."""
        wanted = {rule.note for name, rule in RULES.items() if self.action(name) != "off"}
        if notes.get("skipped"):  # what else such a step tells comes of the same cause
            wanted &= {"skipped"}
        self.steps.append(floats({name: notes[name] for name in sorted(wanted) if name in notes}))
        if not self.settled():
            return
        for name, rule in RULES.items():
            seen = [step[rule.note] for step in self.steps if rule.note in step]
            if seen and self.action(name) != "off":
                self.check(name, number, self.value(name, seen))
        self.steps = []

    def check(self, name: str, number: int, value: float) -> None:
        """Raise an alarm once a rule has been beyond its limit for long enough; again only after it was not."""
        rule, limit = RULES[name], self.limit(name)
        fine = (
            value <= limit if rule.wrong == "above" else value >= limit
        )  # so that NaN is beyond every limit
        if fine:
            self.since.pop(name, None)
            return
        rounds, first = self.since.get(name, [0, number])
        self.since[name] = [rounds + 1, first]
        if rounds + 1 == (self.asked.get(name, WITHOUT).rounds or rule.rounds):
            self.ring(
                name,
                number,
                first,
                value,
                limit,
                rule.says.format(value=value, limit=limit),
                self.action(name),
            )

    def ring(
        self, name: str, number: int, first: int, value: float, limit: float, says: str, action: str
    ) -> None:
        """Put an alarm on record."""
        self.raised.append(
            {
                "step": number,
                "rule": name,
                "value": plain(value),
                "limit": plain(limit),
                "action": action,
                "first_step": first,
                "samples": [dict(one) for one in self.samples()[:SAMPLES]],
                "says": f"{SIGNAL}: {says}",
            }
        )

    def value(self, name: str, seen: Sequence[float]) -> float:
        """What a rule makes of the values of a round's steps."""
        rule = RULES[name]
        now = seen[0] if rule.of == "first" else max(seen) if rule.of == "most" else fmean(seen)
        if rule.against == "usual":
            past = self.usual.setdefault(name, [])
            middle = median(past) if past else 0.0
            if math.isfinite(now) and now > 0:
                self.usual[name] = [*past, now][-USUAL:]
            return now / middle if middle else 1.0
        if rule.against == "itself":
            return now
        if name not in self.begun and math.isfinite(now) and now:
            self.begun[name] = now
        share = now / self.begun[name] if name in self.begun else 1.0
        return max(share, 1 / share if share else math.inf) if rule.against == "change" else share

    def action(self, name: str) -> str:
        """What follows when a rule's limit is passed."""
        return self.asked.get(name, WITHOUT).action

    def limit(self, name: str) -> float:
        """Where a rule's limit lies: the recipe's word goes first, then that of the method's settings."""
        given = self.asked.get(name, WITHOUT).limit
        return self.limits.get(RULES[name].note, RULES[name].limit) if given is None else given

    def handled(self) -> set[str]:
        """The notes whose limits are answered here by more than a warning."""
        return {RULES[name].note for name in self.asked if self.action(name) in ("stop", "roll-back")}

    def state(self) -> dict[str, Any]:
        """All that it remembers; a round that is not over is not."""
        return {"raised": self.raised, "begun": self.begun, "usual": self.usual, "since": self.since}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        self.raised, self.begun = list(state["raised"]), dict(state["begun"])
        self.usual, self.since, self.steps = dict(state["usual"]), dict(state["since"]), []
