"""The report of a run: every number that the page shows, as plain JSON."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from concord.evaluation.advice import next_steps
from concord.evaluation.answers import Row, kinds, policies, splits, temperatures
from concord.evaluation.comparing import comparing
from concord.evaluation.examples import losses, samples
from concord.evaluation.overoptimisation import best_of_n, drift, training_curve
from concord.evaluation.reward_quality import card
from concord.evaluation.summary import summarise
from concord.evaluation.win_rate import compare, usual_pairs

CARDS = ("held_out", "fresh", "own")
"""On what a reward model is tried: rankings kept back, new answers of the reference, of the candidate."""


def report(data: Mapping[str, Any]) -> dict[str, Any]:
    """Everything known about a run, from its answers and what its stages left behind.

    `rows` (answers) is needed. Optional: `stages`, `metrics` (by stage), `best_of_n` (scored samples),
    `reward` (lists by the names in CARDS), `reward_card`, `people` (their comparisons), `watch` (looks and alarms by
    policy), `suites` (by policy), `judge` (how an AI judge compared), `verdict`, `what`, `candidate`, `reference`,
    `temperature`, `title`. What is missing is left out.
    """
    rows: Sequence[Row] = data["rows"]
    names = policies(rows)
    verdict = data.get("verdict")
    chief = {**roles(rows, names), **known(verdict or {}), **known(data)}
    candidate, reference, temperature = chief["candidate"], chief["reference"], chief["temperature"]
    reward, summaries = data.get("reward") or {}, summarise(rows)
    content: dict[str, Any] = {
        "title": data.get("title") or "A run of Concord",
        **chief,
        "policies": names,
        "kinds": kinds(rows),
        "splits": splits(rows),
        "temperatures": temperatures(rows),
        "what": dict(data.get("what") or {}),
        "verdict": verdict,
        "judge": data.get("judge"),
        "comparisons": [asdict(item) for item in compare(rows, usual_pairs(names))],
        "summaries": [asdict(item) for item in summaries],
        **comparing(rows, data.get("people") or [], summaries, names, chief),
        "stages": list(data.get("stages") or []),
        "curves": curves(data, names, chief),
        "watch": dict(data.get("watch") or {}),
        "reward_model": {name: card(reward.get(name) or []) for name in CARDS},
        "reward_card": data.get("reward_card"),
        "samples": samples(rows, shown(names, candidate, reference), temperature),
        "suites": dict(data.get("suites") or {}),
        "losses": losses(rows, candidate, reference, temperature) if candidate != reference else [],
    }
    content["next"] = next_steps(content)
    plain: dict[str, Any] = finite(content)
    return plain


def known(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Who is who, as far as somebody said so."""
    fields = ("candidate", "reference", "temperature")
    return {name: facts[name] for name in fields if facts.get(name) is not None}


def roles(rows: Sequence[Row], names: Sequence[str]) -> dict[str, Any]:
    """Who is who if nobody said so: the last policy is held against `sft`, or else against the first."""
    warm = temperatures(rows)
    reference = "sft" if "sft" in names else names[0] if names else ""
    candidate = names[-1] if names else ""
    return {"candidate": candidate, "reference": reference, "temperature": warm[0] if warm else 1.0}


def shown(names: Sequence[str], candidate: str, reference: str) -> list[str]:
    """Whose replies stand side by side: the model to begin with, after imitation, after alignment."""
    return [name for name in dict.fromkeys(("base", reference, candidate)) if name in names]


def curves(data: Mapping[str, Any], names: Sequence[str], chief: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that is drawn as a line."""
    training = {}
    for stage, metrics in (data.get("metrics") or {}).items():
        points = training_curve(metrics)
        if len(points) > 1 and stage.split("/")[0] in ("align", "rivals"):
            name = chief["candidate"] if stage == "align" else stage.rpartition("/")[2]
            training[name] = points
    rows, reference, temperature = data["rows"], chief["reference"], chief["temperature"]
    changes = [drift(rows, name, reference, temperature) for name in names if name != reference]
    return {
        "training": training,
        "best_of_n": best_of_n(data.get("best_of_n") or []),
        "drift": [change for change in changes if change],
    }


def finite(value: Any) -> Any:
    """The same value as JSON can hold it: numbers that are not finite become None, tuples become lists."""
    if isinstance(value, Mapping):
        return {str(key): finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value
