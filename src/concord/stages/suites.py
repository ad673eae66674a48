"""Stage suites: one policy is tried with probe sets, and every mark gets its interval."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from concord import formats
from concord.evaluation import intervals
from concord.evaluation.intervals import Estimate
from concord.models import Policy
from concord.records import Completion, seed_of
from concord.records.files import write_json
from concord.roles import Scorer
from concord.sampling import Local, Onward
from concord.scoring import Likelihood
from concord.stages.bench import Bench
from concord.stages.contestants import policies
from concord.suites import Finding, Mark, Subject, examine_all, suites
from concord.world import GoldJudge, known

COLD = 1e-3
"""The temperature that stands for 0 where tokens are drawn here."""
THOUSAND = 1000


def work(bench: Bench, folder: Path, key: str) -> None:
    """Try one policy with the suites that the recipe names."""
    name, asked = bench.stage.removeprefix("suites/"), bench.recipe.evaluate
    policy = Policy.load(bench.model(policies(bench.loaded)[name]), bench.compute)
    judge = seen if asked.judge == "starter" else None
    warmth, budget = asked.temperatures[0], bench.learning.micro_tokens
    tried = subject(policy, name, bench.seed, warmth, asked.longest, budget, bench.scorer, judge)
    found = examine_all(suites(asked.suites, bench.loaded.folder), tried)
    write_json(folder / "suites.json", {"policy": name, "suites": told(found)})
    said = [one for finding in found.values() for one in finding.answers]
    formats.write_completions(folder / "answers.jsonl", said)


def subject(
    policy: Policy,
    name: str,
    seed: int,
    temperature: float,
    longest: int,
    micro_tokens: int,
    opinion: Scorer | None = None,
    judge: Callable[[Completion], Mapping[str, bool] | None] | None = None,
) -> Subject:
    """A policy on this machine, with all that the suites can ask of it."""
    warmth = temperature or COLD
    return Subject(
        Local(policy, name, seed_of(seed, "suites"), warmth, longest),
        Likelihood(policy, micro_tokens),
        opinion,
        judge,
        Onward(policy, seed_of(seed, "onward"), warmth, longest),
    )


def seen(one: Completion) -> dict[str, bool] | None:
    """What the starter world's judge sees in an answer to one of its own prompts; nothing in any other."""
    if not known(one.prompt):
        return None
    verdict = GoldJudge().verdict(one)
    return {
        "refusal": verdict.refused,
        "ignorance": "ignorance" in verdict.labels,
        "alarm": "call" in verdict.labels,
        "ok": verdict.ok,
        "unsafe": verdict.unsafe,
        "garbled": verdict.garbled,
    }


def told(found: Mapping[str, Finding]) -> dict[str, Any]:
    """What each suite found, as `suites.json` holds it."""
    return {
        name: {
            "marks": {mark: estimate(one) for mark, one in finding.marks.items()},
            "direction": {mark: one.direction for mark, one in finding.marks.items() if one.direction},
            "n": finding.n,
            "tests": [asdict(test) for test in finding.tests],
            "examples": finding.examples,
            "unmeasured": finding.unmeasured,
        }
        for name, finding in found.items()
    }


def estimate(mark: Mark) -> Estimate:
    """A mark's value with its 95 % interval: Wilson's, the clustered mean's, Poisson's exact, or Newcombe's."""
    if mark.scale == "mean":
        return intervals.mean(mark.values, mark.clusters, bounds=mark.bounds)
    if mark.scale == "rate":
        return rate(mark.values)
    found = intervals.share(mark.values, mark.clusters)
    if mark.scale == "lean":
        return Estimate(
            value=lean(found["value"]), low=lean(found["low"]), high=lean(found["high"]), n=found["n"]
        )
    if mark.scale == "difference":
        others = intervals.share(mark.others, [str(place) for place in range(len(mark.others))])
        return intervals.change(found, others, 0.05)
    return found


def lean(part: float | None) -> float | None:
    """Twice a share less one: how far it leans from a half."""
    return None if part is None else 2 * part - 1


def rate(counts: Sequence[float]) -> Estimate:
    """How many in a thousand, with the exact interval of a Poisson count."""
    from statsmodels.stats.rates import confint_poisson

    total, n = sum(counts), len(counts)
    low, high = confint_poisson(total, n / THOUSAND, method="exact-c")
    return Estimate(value=THOUSAND * total / n, low=float(low), high=float(high), n=n)
