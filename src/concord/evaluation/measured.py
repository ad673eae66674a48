"""What was measured of a run's candidate, under the names by which a gate asks for it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from concord.evaluation.intervals import Estimate
from concord.evaluation.summary import Summary
from concord.evaluation.win_rate import Comparison

MISSING = Estimate(value=None, low=None, high=None, n=0)
CONTROLLED = {"controlled": "length", "controlled.style": "style"}
"""What is held equal in a win rate: the length of the answers, or all of their style."""
COMPARED = ("win_rate", *CONTROLLED, "people")
"""Metrics of two policies: as the judge finds, with length or style held equal, and as people would find."""
SUMMARISED = ("kl", "gold", "proxy", "words", "cut")
"""Metrics of one policy beside the marks that its answers were given."""
SINGLE = ("league", "reward.fit", "past_peak")
"""Metrics of the run as a whole."""
UNITS = {"kl": "nats", "gold": "number", "proxy": "number", "words": "number", "league": "number"}
"""What a metric is counted in, if not in shares."""
SUITES = "suites."
PER_THOUSAND = "_per_thousand"
"""How the marks of probes are called that count pieces in a thousand answers."""

Table = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Measured:
    """All numbers of one run that a criterion may ask for; what is not there was not measured."""

    candidate: str
    reference: str
    temperature: float
    comparisons: Sequence[Table]
    summaries: Sequence[Table]
    report: Table = field(default_factory=dict)
    """The evaluation's report: `controlled`, `people` and `league` are read from it."""
    suites: Mapping[str, Table] = field(default_factory=dict)
    """By policy and suite, what the probes found."""
    card: Table = field(default_factory=dict)
    """The reward model's card."""
    watch: Table = field(default_factory=dict)
    """What was seen while the candidate learned."""
    origin: Table = field(default_factory=dict)
    """Which run this is: `run`, `judge` and `held_out`, the last two by content hash."""

    @classmethod
    def of(
        cls,
        comparisons: Sequence[Comparison],
        summaries: Sequence[Summary],
        candidate: str,
        reference: str,
        temperature: float,
        **beside: Any,
    ) -> "Measured":
        """The numbers of an evaluation, and beside them what other files say."""
        tables = [asdict(one) for one in comparisons], [asdict(one) for one in summaries]
        return cls(candidate, reference, temperature, *tables, **beside)

    def find(self, metric: str, policy: str, kind: str | None = None, split: str | None = None) -> Estimate:
        """One metric of one policy on one slice of the prompts, or MISSING."""
        if metric in COMPARED:
            return self.compared(metric, policy, kind, split)
        if metric in SINGLE:
            return self.single(metric, policy) if (kind, split) == (None, None) else MISSING
        if metric.startswith(SUITES):
            _, _, rest = metric.partition(".")
            suite, _, mark = rest.rpartition(".")
            found = (self.suites.get(policy) or {}).get(suite) or {}
            return estimate((found.get("marks") or {}).get(mark))
        # Drift is a mean over what the policy says when it speaks as it is: at temperature 1.
        temperature = 1.0 if metric == "kl" else self.temperature
        wanted = (policy, temperature, kind, split)
        for item in self.summaries:
            if tuple(item[name] for name in ("policy", "temperature", "kind", "split")) == wanted:
                return estimate(item[metric] if metric in SUMMARISED else item["marks"].get(metric))
        return MISSING

    def compared(self, metric: str, policy: str, kind: str | None, split: str | None) -> Estimate:
        """How often a policy beats the reference: by the judge, with its manner held equal, or by people."""
        whole = (kind, split) == (None, None)
        if metric in CONTROLLED:
            return self.held_equal(CONTROLLED[metric], policy) if whole else MISSING
        if metric == "people":
            said = self.report.get("people") or {}
            asked = whole and (said.get("a"), said.get("b")) == (policy, self.reference)
            return estimate(said.get("rate"), said.get("prompts")) if asked else MISSING
        wanted = (policy, self.reference, self.temperature, kind, split)
        for item in self.comparisons:
            if tuple(item[name] for name in ("a", "b", "temperature", "kind", "split")) == wanted:
                # Prompts, not answers, are what is independent: they are the n that more prompts add to.
                return estimate({**item, "value": item["win_rate"]}, item["prompts"])
        return MISSING

    def held_equal(self, manner: str, policy: str) -> Estimate:
        """A win rate over the reference as it would be if both answered in the same manner."""
        for table in self.report.get("controlled") or []:
            for model in table["models"] if table["against"] == self.reference else []:
                if model["name"] == policy:
                    return estimate(model.get(manner))
        return MISSING

    def single(self, metric: str, policy: str) -> Estimate:
        """A metric of the run as a whole; a yes is 1, a no is 0, and neither has an interval to doubt."""
        if metric == "reward.fit":
            said = (self.card.get("fit") or {}).get("go")
            return certain(float(said)) if isinstance(said, bool) else MISSING
        if metric == "past_peak":
            return estimate(self.watch.get("past_peak")) if policy == self.candidate else MISSING
        for one in (self.report.get("league") or {}).get("standings", []):
            if one["name"] == policy:
                return estimate(one["elo"])
        return MISSING

    def kinds(self) -> list[str]:
        """The kinds of prompts that were answered."""
        return list(dict.fromkeys(item["kind"] for item in self.summaries if item["kind"]))

    def names(self) -> Iterator[str]:
        """Every metric that was measured of the candidate on some slice."""
        found = [item for item in self.summaries if item["policy"] == self.candidate]
        marks = dict.fromkeys(mark for item in found for mark in item["marks"])
        suites = self.suites.get(self.candidate) or {}
        probes = [f"{SUITES}{name}.{mark}" for name, one in suites.items() for mark in one.get("marks") or {}]
        yield from (*COMPARED, *SUMMARISED, *SINGLE, *marks, *probes)


def certain(value: float) -> Estimate:
    """A number that is known and not estimated."""
    return Estimate(value=value, low=value, high=value, n=1)


def estimate(found: Any, n: int | None = None) -> Estimate:
    """An estimate as a file holds it; a bare number is certain, anything else was not measured."""
    if isinstance(found, int | float) and not isinstance(found, bool):
        return certain(float(found))
    if not isinstance(found, Mapping) or found.get("value") is None:
        return MISSING
    value, low, high = found["value"], found.get("low"), found.get("high")
    return Estimate(value=value, low=low, high=high, n=int(n or found.get("n") or 0))


def unit_of(metric: str, *estimates: Estimate) -> str:
    """What a metric is counted in; probes may count in anything, so their values say whether they are shares."""
    if metric == "reward.fit":
        return "yes or no"
    if not metric.startswith(SUITES):
        return UNITS.get(metric, "share")
    if metric.endswith(PER_THOUSAND):
        return "number"
    ends = [one[end] for one in estimates for end in ("low", "high")]
    return "number" if any(end is not None and not 0 <= end <= 1 for end in ends) else "share"
