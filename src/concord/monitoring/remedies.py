"""What to do about drift: steps in their order, each with the number that asks for it."""

from collections.abc import Mapping, Sequence
from typing import Any

from concord.monitoring.drift import Reference, alike
from concord.monitoring.seen import Seen
from concord.monitoring.shifts import share

MATCHED = 0.9
"""Below this share of answers that were drawn as the evaluation's, the evaluation should be done as is served."""

STEPS: Mapping[str, str] = {
    "topic": "Add questions like these to the prompts of the recipe and to those of the evaluation, let people rank "
    "answers to them, and evaluate again.",
    "question words": "Look whether long or short questions are answered as well as the evaluated ones: evaluate by "
    "their length.",
    "answer words": "Read the samples: answers that grow or shrink without reason are a reward model's taste or a "
    "changed system prompt.",
    "log-probability": "The model is less or more sure of its words than when it was evaluated: see that weights, "
    "template and system prompt are those that were evaluated.",
    "reward": "Let people rank some of these answers. If they disagree with the reward model, teach it anew; if they "
    "agree, the policy is worse on these questions: align again with them.",
    "refused": "Read the refusals: on harmless questions, evaluate over-refusal; on harmful ones, look who asks.",
    "cut off": "Answers end at the limit of tokens: raise it, or see why they do not come to an end.",
    "thumbs": "Read the answers with a thumb down, rank them, and compare what people dislike with what the reward "
    "model likes.",
}


def checklist(
    alarms: Sequence[Mapping[str, Any]], rows: Sequence[Seen], reference: Reference, sent: int
) -> list[dict[str, str]]:
    """The steps that the evidence asks for."""
    steps = []
    contents = sorted({one.content for one in rows if one.content} - {reference.content})
    if reference.content and contents:
        others = sum(one.content in contents for one in rows)
        why = f"{others} of {len(rows)} answers are of another model ({', '.join(contents[:3])})"
        steps.append(step("First evaluate the model that is served: this evaluation is of another one.", why))
    drawn = sum(alike(one, reference.manner) for one in rows)
    value, low, high = share(drawn, len(rows))
    if high < MATCHED and reference.manner is not None:
        temperature, top_p, n, limit = reference.manner
        why = (
            f"{value:.0%} [{low:.0%}, {high:.0%}] of {len(rows)} answers were drawn as the evaluated ones "
            f"(temperature {temperature:g}, top-p {top_p:g}, the best of {n}, at most {limit} tokens)"
        )
        steps.append(step("Evaluate at the temperature and the limit of tokens that are really served.", why))
    for name, what in STEPS.items():
        mine = [one for one in alarms if str(one["measure"]).startswith(name)]
        if mine:
            steps.append(step(what, evidence(mine)))
    if sent:
        steps.append(step("Send the listed questions back to be ranked.", f"{sent} questions have a reason"))
    return steps


def step(what: str, why: str) -> dict[str, str]:
    """A step and the number that asks for it."""
    return {"step": what, "because": why}


def evidence(alarms: Sequence[Mapping[str, Any]]) -> str:
    """The first of some alarms in words, and how many more there are."""
    first, rest = alarms[0], len(alarms) - 1
    more = f", and {rest} more like it" if rest else ""
    return f"{in_words(first)}{more}"


def in_words(alarm: Mapping[str, Any]) -> str:
    """An alarm in one line."""
    between = "" if alarm["low"] is None else f" [{alarm['low']:.2f}, {alarm['high']:.2f}]"
    limit = "" if alarm["limit"] is None else f" over {alarm['limit']:g}"
    was = f"{alarm['before']:.2f} before, {alarm['now']:.2f} now; " if alarm["before"] != alarm["now"] else ""
    place = f"from request {alarm['first']} on ({alarm['time']})"
    if "between" in alarm:
        place = f"{place}, somewhere between {alarm['between'][0]} and {alarm['between'][1]}"
    what = f"{alarm['measure']} {alarm['value']:.2f}{between}{limit} in window {alarm['window']}"
    return f"{what}, {place}; {was}chance {alarm['chance']:.2g}"
