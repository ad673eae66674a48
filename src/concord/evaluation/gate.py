"""Go or no-go: every criterion must be cleared by its whole interval, not by a lucky mean."""

from collections.abc import Sequence
from typing import Any

from concord.errors import SettingsError
from concord.evaluation.criteria import questions, state, worded
from concord.evaluation.measured import Measured
from concord.evaluation.summary import Summary
from concord.evaluation.win_rate import Comparison
from concord.settings.stages import Gate

__all__ = ["decide", "state", "weigh"]

WORDS = {"go": "GO", "risk": "GO WITH ACCEPTED RISK", "no-go": "NO-GO"}
TOLD = 3
"""Criteria that a verdict's reason spells out."""
ORDER = ("fail", "inconclusive", "pass")


def decide(
    gate: Gate,
    comparisons: Sequence[Comparison],
    summaries: Sequence[Summary],
    candidate: str,
    reference: str = "sft",
    temperature: float | None = None,
) -> dict[str, Any]:
    """The verdict on the candidate from an evaluation's numbers alone, at the first temperature if none is named."""
    if temperature is None:
        temperature = summaries[0].temperature if summaries else 1.0
    return weigh(gate, Measured.of(comparisons, summaries, candidate, reference, temperature))


def weigh(gate: Gate, found: Measured, release: Measured | None = None) -> dict[str, Any]:
    """The verdict: GO only if nothing is missed and nothing that is required is open, or somebody accepts it.

    Win rate is asked on new items if there are any; drift and marks on all held-out prompts, since no stage
    saw any of them. All must pass, so asking several questions makes a false GO less likely, not more.
    """
    criteria = [worded(one, found, gate.accept.get(one["name"])) for one in questions(gate, found, release)]
    refuse_needless(gate, criteria)
    stops = [one for one in criteria if stopping(one)]
    risks = [one for one in criteria if one["accepted"]]
    verdict = "no-go" if stops else "risk" if risks else "go"
    return {
        "go": not stops,
        "verdict": WORDS[verdict],
        "candidate": found.candidate,
        "reference": found.reference,
        "temperature": found.temperature,
        "against": {**release.origin, "candidate": release.candidate} if release else None,
        "criteria": criteria,
        "reason": reason(found.candidate, criteria),
        "because": [one["sentence"] for one in sorted(criteria, key=lambda one: ORDER.index(one["state"]))],
    }


def stopping(one: dict[str, Any]) -> bool:
    """Whether a criterion stands in the way: missed, or open and required, and accepted by nobody."""
    left = one["state"] == "fail" or (one["state"] == "inconclusive" and one["required"])
    return left and not one["accepted"]


def refuse_needless(gate: Gate, criteria: Sequence[dict[str, Any]]) -> None:
    """An acceptance of what passed is an error: it would wait there for a day on which it fails."""
    for name in gate.accept:
        if all(one["state"] == "pass" for one in criteria if one["name"] == name):
            left = [one["name"] for one in criteria if one["state"] != "pass"]
            others = f"Not passed: {', '.join(left)}." if left else "Everything passed."
            raise SettingsError(
                f"`gate.accept` names {name}, which passed; there is no risk to accept. {others} Take it out."
            )


def reason(candidate: str, criteria: Sequence[dict[str, Any]]) -> str:
    """Why, in a few sentences for somebody who decides."""
    stops = [one for one in criteria if stopping(one)]
    risks = [one for one in criteria if one["accepted"]]
    wins = next(one for one in criteria if one["metric"] == "win_rate")
    if not stops and not risks:
        return f"{candidate} showed all that was asked of it. {wins['plain']}"
    if not stops:
        who = " and ".join(dict.fromkeys(one["accepted"]["by"] for one in risks))
        told = " ".join(one["plain"] for one in risks)
        return f"{candidate} may go because {who} accepted what it did not show. {told}"
    missed = [one["plain"] for one in stops if one["state"] == "fail"]
    opened = [one["plain"] for one in stops if one["state"] != "fail"]
    though = ""
    if missed and wins["state"] == "pass":
        though = f" {wins['plain']} A high win rate does not make up for what was missed."
    if missed:
        return f"{some(missed)}{though}"
    return f"Nothing was missed, but what follows is not shown yet. {some(opened)}"


def some(sentences: Sequence[str]) -> str:
    """As many sentences as somebody reads before deciding, and how many more there are."""
    left = len(sentences) - TOLD
    more = f" {left} more of the criteria {'is' if left == 1 else 'are'} like this." if left > 0 else ""
    return f"{' '.join(sentences[:TOLD])}{more}"
