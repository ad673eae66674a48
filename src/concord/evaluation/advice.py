"""What to do next, derived from the numbers of a report and from nothing else."""

from collections.abc import Iterator
from typing import Any

from concord.evaluation.intervals import Estimate, difference

Report = dict[str, Any]

MOST_KINDS = 3
"""Kinds named in one sentence."""


def next_steps(report: Report) -> list[str]:
    """Sentences that say what to do and why, the most pressing first."""
    steps = [
        *about_sameness(report),
        *about_criteria(report),
        *about_length(report),
        *about_kinds(report),
        *about_suites(report),
        *about_drift(report),
        *about_watch(report),
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


def about_sameness(report: Report) -> Iterator[str]:
    """Policies that answer every prompt alike."""
    found = [item["name"] for item in report["gaming"] if item["gaming"]]
    if found:
        yield (
            f"{', '.join(found)}: nearly every prompt is answered with the same text, whatever it asks. "
            "Read the answers before any number; such a policy pleases a judge and helps nobody."
        )


def about_length(report: Report) -> Iterator[str]:
    """A win over the reference that a leaning towards length may have made."""
    for table in report["controlled"]:
        slope = table["length"]["slopes"].get("length")
        for item in table["models"]:
            ours = (item["name"], table["against"]) == (report["candidate"], report["reference"])
            raw, held = item["raw"]["low"], item["length"]["low"]
            if (
                ours
                and slope
                and slope["low"] > 0
                and raw is not None
                and held is not None
                and raw > 1 / 2 >= held
            ):
                yield (
                    f"The win over {table['against']} is not shown with length held equal "
                    f"({item['raw']['value']:.0%} becomes {item['length']['value']:.0%}). "
                    "Rank pairs in which the better answer is short, or price length in the reward."
                )


def about_criteria(report: Report) -> Iterator[str]:
    """Each criterion of the gate that did not pass: those that were missed first."""
    items = (report["verdict"] or {}).get("criteria", [])
    for item in items:
        if item["state"] == "fail":
            yield f"Missed \N{EN DASH} {item['label']}: {remedy(item)}"
    for item in items:
        if item["state"] == "inconclusive":
            yield f"Open \N{EN DASH} {item['label']}: {closing(item, compared=bool(report.get('judge')))}"


def closing(item: dict[str, Any], compared: bool = False) -> str:
    """What would settle a criterion that is open; a judge that only compared has measured no marks and no scores."""
    metric = item["metric"]
    if item["more_needed"]:
        return f"about {item['more_needed']:,} more held-out prompts of that sort would settle it."
    if item["value"] is not None or item["note"]:
        return "it lies too close to its limit, or rests on too little, for more prompts to settle it."
    if metric.startswith("suites."):
        return "put these probes to it; `evaluate.suites` names them."
    if metric.startswith("controlled") or metric == "league":
        return "evaluate again, so that it is measured."
    if metric == "people":
        return "ask people about some of the answers."
    if compared:
        return (
            "an AI judge compares and gives no marks; ask by `evaluate.suites`, or accept it with a reason."
        )
    return "add held-out prompts that ask for it, or correct the name of the metric."


def remedy(item: dict[str, Any]) -> str:
    """What usually mends a criterion."""
    metric, kind = item["metric"], item["kind"]
    if metric in ("win_rate", "controlled", "people"):
        return "rank more answers of the present policy, or train longer at the same price of drift."
    if metric == "kl":
        return "raise `align.kl` or learn fewer rounds, so that the policy stays nearer to what people wrote."
    if metric == "past_peak":
        return "learn fewer rounds, or go back to the weights at the judge's peak."
    if metric == "reward.fit":
        return "read the reward model's card, and rank what it is weak on before anything is aligned with it."
    if metric == "words":
        return "rank pairs in which the better one is short, and look at the win rate at equal length."
    what = f"prompts of kind {kind}" if kind else "such prompts"
    return f"add demonstrations and rankings of {what}."


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


def about_watch(report: Report) -> Iterator[str]:
    """Policies that were stopped because the judge liked them less and less."""
    for name, seen in report["watch"].items():
        end = seen["found"].get("stopped")
        if end and end["rule"] == "gold":
            yield (
                f"Learning of {name} was stopped after step {end['step']}: it had begun to game its reward. Raise its "
                "price of drift, learn more slowly, or rank answers of this policy and learn the reward model anew."
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
    """Whether one share lies clearly under another: the whole interval of their difference is below 0."""
    high = difference(one, other)["high"]
    return high is not None and high < 0
