"""What to do next, derived from the numbers of a report and from nothing else."""

import math
from collections.abc import Iterator
from typing import Any

from concord.evaluation.intervals import Estimate

Report = dict[str, Any]

MOST_KINDS = 3
"""Kinds named in one sentence."""


def next_steps(report: Report) -> list[str]:
    """Sentences that say what to do and why, the most pressing first."""
    steps = [
        *about_criteria(report),
        *about_kinds(report),
        *about_suites(report),
        *about_drift(report),
        *about_reward_model(report),
        *about_best_of(report),
    ]
    if steps:
        return steps
    if report["verdict"] and report["verdict"]["go"]:
        return [
            "Everything asked for was shown. Use the policy, rank what it says in use, and go round again."
        ]
    return ["Nothing here calls for a change. Add criteria to the recipe's `gate` to ask for more."]


def about_criteria(report: Report) -> Iterator[str]:
    """Each criterion of the gate that did not pass."""
    for item in (report["verdict"] or {}).get("criteria", []):
        title = item.get("title", item["name"])
        if item["state"] == "fail":
            yield f"The gate's question about the {title} was missed. {remedy(item)}"
        elif item["state"] == "inconclusive" and item.get("more_needed"):
            more = f"{item['more_needed']:,}"
            yield f"The {title} is open. About {more} more held-out prompts of that sort would settle it."
        elif item["state"] == "inconclusive":
            yield f"The {title} could not be settled. Add held-out prompts that ask for it."


def remedy(item: dict[str, Any]) -> str:
    """What usually mends a criterion."""
    if item["name"] == "win_rate":
        return "Rank more answers of the present policy, or train longer at the same price of drift."
    if item["name"] == "kl":
        return "Raise `align.kl` or learn fewer rounds, so that the policy stays nearer to what people wrote."
    kind = item["name"].rpartition(".")[0]
    what = f"prompts of kind {kind}" if kind else "such prompts"
    return f"Add demonstrations and rankings of {what}."


def about_kinds(report: Report) -> Iterator[str]:
    """Kinds on which the candidate clearly loses although the average may win."""
    worse = [
        item["kind"]
        for item in report["comparisons"]
        if (item["a"], item["b"], item["temperature"])
        == (report["candidate"], report["reference"], report["temperature"])
        and item["kind"] is not None
        and item["split"] is None
        and item["high"] < 1 / 2
    ]
    if worse:
        names = ", ".join(worse[:MOST_KINDS])
        yield (
            f"On {names} the candidate is worse than {report['reference']}, whatever the average says. "
            "Rank answers to such prompts before the next round."
        )


def about_suites(report: Report) -> Iterator[str]:
    """Marks of the suites on which the candidate is clearly worse than the reference."""
    before, after = (report["suites"].get(report[who]) or {} for who in ("reference", "candidate"))
    for name in (name for name in after if name in before):
        old, new = before[name]["marks"], after[name]["marks"]
        worse = [
            f"{mark.replace('_', ' ')} ({old[mark]['value']:.2f} to {new[mark]['value']:.2f})"
            for mark, way in after[name]["direction"].items()
            if mark in old
            and (below(new[mark], old[mark]) if way == "at least" else below(old[mark], new[mark]))
        ]
        if worse:
            yield (
                f"In the suite {name} the candidate is clearly worse than {report['reference']}: {', '.join(worse)}. "
                "Read its answers there, and rank such prompts before the next round."
            )


def about_drift(report: Report) -> Iterator[str]:
    """Policies that please the reward model more and the judge less."""
    over = [item["policy"] for item in report["curves"]["drift"] if item["says"] == "over-optimised"]
    if over:
        yield (
            f"{', '.join(over)}: the reward model's score rose while the judge's fell. "
            "Stop earlier or raise the price of drift (`kl`), and rank this policy's answers."
        )


def about_reward_model(report: Report) -> Iterator[str]:
    """Where the reward model is weak: new items, its policy's own answers, short answers."""
    cards = report["reward_model"]
    held, fresh, own = (cards.get(name) for name in ("held_out", "fresh", "own"))
    if (
        fresh
        and {"in", "new"} <= set(fresh["by_split"])
        and below(fresh["by_split"]["new"], fresh["by_split"]["in"])
    ):
        yield (
            "The reward model knows new items clearly less well than seen ones. "
            "More different prompts teach it more than more answers to the same ones."
        )
    if fresh and own and below(own["accuracy"], fresh["accuracy"]):
        yield (
            "The reward model reads the candidate's own answers clearly worse than the supervised policy's. "
            "Sample from the candidate, rank, and do a second round."
        )
    if held and below(held["better_is_shorter"], held["better_is_longer"]):
        yield "The reward model leans towards long answers. Rank pairs in which the better one is short."


def about_best_of(report: Report) -> Iterator[str]:
    """Whether choosing harder by the reward model hurts."""
    curve = report["curves"]["best_of_n"]
    if curve and curve["says"] == "over-optimised":
        yield (
            f"Choosing the best of more than {curve['peak']} by this reward model makes answers worse. "
            "Train the reward model on more rankings before optimising harder."
        )


def below(one: Estimate, other: Estimate) -> bool:
    """Whether one share lies clearly under another: the whole interval of their difference is below 0.

    The interval is Newcombe's, which joins the two distances that matter: (u1 - p1) and (p2 - l2).
    """
    value, high = one["value"], one["high"]
    rival, low = other["value"], other["low"]
    if value is None or high is None or rival is None or low is None:
        return False
    return value - rival + math.hypot(high - value, rival - low) < 0
