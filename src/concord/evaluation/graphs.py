"""The parts of the page that are drawn: training, over-optimisation, the reward model, and what it cost."""

import math
from typing import Any

from concord.evaluation.markup import (
    DASH,
    SPLITS,
    bar,
    drawing,
    escape,
    figure,
    percent,
    section,
    span,
    table,
)
from concord.evaluation.plots import Chart, Series, draw
from concord.evaluation.scaling import drawn

Report = dict[str, Any]

TRAINING_WORDS = {
    "proxy": (
        "Reward while learning",
        "The reward model's mean score of what the policy says. It should rise; that alone proves nothing, "
        "for this is what training pushes up.",
    ),
    "gold": (
        "Judge's score while learning",
        "The same answers before the judge, from whom nothing learns. Where this falls while the reward "
        "rises, training has gone too far.",
    ),
    "kl": (
        "Drift while learning",
        "How many nats an answer has drifted from the supervised policy (KL). More drift for the same reward "
        "means that the policy is bending the language to please the reward model.",
    ),
}
BEST_WORDS = {
    "proxy": "Take n answers and keep the one that the reward model likes best. Its own score can only rise.",
    "gold": "The same kept answers before the judge. The ring marks the n that was best for real.",
}


def training(report: Report) -> str:
    """Reward and drift of each method while it learned."""
    curves, colours = report["curves"]["training"], colours_of(report)
    figures = [curve(field, *TRAINING_WORDS[field], curves, colours) for field in TRAINING_WORDS]
    drawn = "".join(figures)
    return section("training", "While it learned", f'<div class="figures">{drawn}</div>' if drawn else "")


def colours_of(report: Report) -> dict[str, int]:
    """A colour for everyone, the same in every figure; the candidate has the first."""
    names = (report["candidate"], *report["policies"], *report["curves"]["training"])
    return {name: place for place, name in enumerate(dict.fromkeys(name for name in names if name != "base"))}


def curve(field: str, title: str, words: str, curves: dict[str, Any], colours: dict[str, int]) -> str:
    """One value of every method that measured it, step by step."""
    series = []
    for name, points in curves.items():
        there = [point for point in points if point[field] is not None]
        if len(there) > 1:
            steps, values = [point["step"] for point in there], [point[field] for point in there]
            series.append(Series(name, steps, values, colour=colours[name]))
    if not series:
        return ""
    ends = ", ".join(f"{one.name} from {figure(one.y[0])} to {figure(one.y[-1])}" for one in series)
    chart = Chart(f"training-{field}", f"{title}: {ends}.", "optimiser step", series)
    return drawing(draw(chart), title, words)


def pursuit(report: Report) -> str:
    """What the reward model believes against what the judge finds, for best-of-n and for policies."""
    best, policies = best_of(report["curves"]["best_of_n"]), frontier(report) + drifts(report)
    if not best and not policies:
        return ""
    note = (
        "<p>A reward model is a stand-in for people. Push hard enough on a stand-in and its score keeps "
        "rising while the answers get worse. Here both are measured: the stand-in, and a judge that "
        "nothing learns from.</p>"
    )
    return section(
        "pursuit",
        "When does chasing the reward stop helping?",
        note,
        best,
        f'<div class="figures">{policies}</div>',
    )


def best_of(found: Any) -> str:
    """The two curves of best-of-n, side by side on the same drift."""
    if not found or len(found["points"]) < 2:  # one point is no curve
        return ""
    points, peak = found["points"], found["peak"]
    drawn = []
    for place, (side, title) in enumerate(
        (("proxy", "What the reward model believes"), ("gold", "What the judge finds"))
    ):
        values = [[point[side][end] for point in points] for end in ("value", "low", "high")]
        low, high = values[1:] if None not in values[1] else ((), ())
        series = Series(title, [point["kl"] for point in points], values[0], low, high, place)
        top = next(point for point in points if point["n"] == peak)
        lines = [series, *fitted(found, values[0][0])] if side == "gold" else [series]
        note = (top["kl"], top["gold"]["value"], f"n = {peak}") if side == "gold" else None
        ends = ", ".join(f"n={point['n']}: {figure(point[side]['value'])}" for point in points)
        alt, label = f"{title} by n. {ends}.", "drift of best-of-n (nats, upper bound)"
        chart = Chart(f"best-of-{side}", alt, label, lines, peak=note)
        drawn.append(drawing(draw(chart), title, BEST_WORDS[side]))
    since = found["since"]["gold"]
    if found["says"] == "over-optimised":
        verdict = (
            f"The judge's score peaks at n = {peak} and then falls by {figure(-since['value'])} "
            f"[{span(-since['high'], -since['low'], 1, 2)}] while the reward model's keeps rising."
        )
    elif peak == points[-1]["n"]:
        verdict = f"Up to n = {peak} the judge agrees that choosing harder helps; no peak is in sight."
    else:
        verdict = f"The judge's score is highest at n = {peak}; the fall after it is within chance."
    sizes = f"{found['prompts']} prompts, {found['samples']} samples each"
    if found["distinct"]["value"] is not None:
        sizes += f" ({percent(found['distinct']['value'])} of a prompt's runs of two words are different)"
    counts = f"{sizes}; bands are 95 % intervals over prompts."
    told = f'<p class="finding">{verdict} <span class="quiet">{counts}</span></p>'
    return f'<div class="figures">{"".join(drawn)}</div>{told}'


def fitted(found: Any, start: float) -> list[Series]:
    """Gao et al.'s law of best-of-n as a line, if it could be fitted."""
    law = found.get("law")
    if not law:
        return []
    d, gains = drawn(law["law"], law["a"]["value"], law["b"]["value"], math.sqrt(found["points"][-1]["kl"]))
    return [Series("fitted law", [x * x for x in d], [start + gain for gain in gains], colour=2)]


GAINS = {"gold": ("Gain against drift", "Judge's score"), "proxy": ("Reward against drift", "Reward")}
"""What is held against drift: a title, and what it is."""


def frontier(report: Report) -> str:
    """Every policy but the base model by how far it drifted, and how good judge and reward model find it."""
    return "".join(gain(report, side) for side in GAINS)


def gain(report: Report, side: str) -> str:
    """One opinion of every policy against the drift that it cost."""
    colours = colours_of(report)
    found = [one for one in report["frontier"] if one["policy"] in colours and one[side]["value"] is not None]
    if len(found) < 2:  # one point is no comparison
        return ""
    series = []
    for one in found:
        low, high = ([one[side][end]] if one[side]["low"] is not None else [] for end in ("low", "high"))
        name, place = one["policy"], colours[one["policy"]]
        series.append(Series(name, [one["kl"]["value"]], [one[side]["value"]], low, high, place))
    title, what = GAINS[side]
    ends = ", ".join(f"{one.name} drift {figure(one.x[0])}, score {figure(one.y[0])}" for one in series)
    label = f"drift from {report['reference']} (nats an answer)"
    chart = Chart(f"frontier-{side}", f"{what} against drift: {ends}.", label, series, dots=True)
    best = ", ".join(escape(one["policy"]) for one in found if one["on"][side])
    words = (
        f"Each policy at temperature {report['temperature']:g}: the mean with its interval, against the drift that it "
        f"cost. Up and to the left is better. Nobody gives more for less drift than these: {best}."
    )
    return drawing(draw(chart), title, words)


def drifts(report: Report) -> str:
    """For each policy, whether proxy and judge moved together."""
    says = {
        "over-optimised": "the reward model's score rose, the judge's fell: over-optimised",
        "helped": "both rose",
        "hurt": "both fell",
        "unclear": "at least one did not clearly change",
    }
    rows = [
        [
            escape(item["policy"]),
            *(value_of(item[side]) for side in ("proxy", "gold")),
            f'<span class="say">{says[item["says"]]}</span>',
        ]
        for item in report["curves"]["drift"]
    ]
    if not rows:
        return ""
    where = f"on the same prompts, temperature {report['temperature']:g}"
    caption = f"Change against {escape(report['reference'])} {where}"
    return table(caption, ["policy", "reward model", "judge", "together"], rows, "Reward model and judge")


def value_of(estimate: Any) -> str:
    """A mean with its interval."""
    return f"{figure(estimate['value'])}<small>{span(estimate['low'], estimate['high'], 1, 2)}</small>"


def reward_model(report: Report) -> str:
    """The report card of the reward model."""
    cards = {name: found for name, found in report["reward_model"].items() if found}
    if not cards:
        return ""
    titles = {
        "held_out": "rankings kept back from training",
        "fresh": "new answers of the supervised policy, against the judge",
        "own": "new answers of the candidate, against the judge",
    }
    rows = [accuracy_row(titles[name], found["accuracy"]) for name, found in cards.items()]
    chief = cards.get("fresh") or next(iter(cards.values()))
    rows += details(chief)
    kinds = [accuracy_row(name, one) for name, one in chief["by_kind"].items()]
    note = (
        "<p>The reward model reads two answers and says which people would prefer. Guessing is right in 50 "
        "% of cases; people themselves often agree in only 65 to 80 %. What it gets wrong on the "
        "candidate's own answers is what the candidate can exploit.</p>"
    )
    heads = ["where", "right", ""]
    drawn = table("How often the reward model is right", heads, rows, "Reward model accuracy")
    by_kind = table("The same, kind by kind", heads, kinds, "Reward model accuracy by kind") if kinds else ""
    both = f'<div class="figures">{drawn}{by_kind}{claims(chief)}</div>'
    return section("reward", "How good is the reward model?", note, both)


def details(found: Any) -> list[list[str]]:
    """The accuracies of one card by split, by how far apart the two answers were, and by length."""
    groups = [
        *((SPLITS.get(name, name), one) for name, one in found["by_split"].items()),
        *((f"ranked {name}" if "place" in name else name, one) for name, one in found["by_gap"].items()),
        ("when the better one is shorter", found["better_is_shorter"]),
        ("when the better one is longer", found["better_is_longer"]),
    ]
    return [accuracy_row(name, one) for name, one in groups if one["n"]]


def accuracy_row(name: str, one: Any) -> list[str]:
    """One accuracy, drawn and written."""
    written = f"{percent(one['value'])}<small>{span(one['low'], one['high'])}</small>"
    head = f"{escape(name)}<small>{one['n']:,} comparisons</small>"
    return [head, written, bar(one["value"], one["low"], one["high"])]


def claims(found: Any) -> str:
    """Whether the reward model is as often right as it claims."""
    points = found["calibration"]["bins"]
    series = Series("reward model", [p["claimed"] for p in points], [p["right"] for p in points])
    ends = ", ".join(f"claims {percent(p['claimed'])}, is right {percent(p['right'])}" for p in points)
    chart = Chart("calibration", f"Calibration: {ends}.", "how sure it claims to be", [series], diagonal=True)
    length = found["length_correlation"]
    leaning = "" if length is None else f" Correlation of score and length within a prompt: {figure(length)}."
    numbers = found["calibration"]
    words = (
        "On the dotted line it is as often right as it claims; below it, it is too sure of itself. "
        f"Mean distance (ECE) {percent(numbers['ece'], 1)}, log loss {figure(numbers['nll'])}, "
        f"Brier {figure(numbers['brier'])}.{leaning}"
    )
    return drawing(draw(chart), "Is it as right as it claims?", words)


def costs(report: Report) -> str:
    """Time and memory of each stage."""
    stages = [stage for stage in report["stages"] if stage.get("seconds") is not None]
    if not stages:
        return ""
    total = sum(stage["seconds"] for stage in stages)
    longest = max(stage["seconds"] for stage in stages) or 1
    rows = [
        [
            escape(stage["name"]),
            f"{figure(stage['seconds'], 1)} s",
            length(stage["seconds"] / longest),
            DASH if stage.get("peak_mb") is None else f"{stage['peak_mb']:,.0f} MB",
        ]
        for stage in stages
    ]
    caption = f"{total:,.0f} seconds of work in all; stages that ran side by side both count"
    drawn = table(caption, ["stage", "time", "", "most memory"], rows, "Costs")
    return section("costs", "Time and memory", drawn)


def length(part: float) -> str:
    """A share of the longest time as a bar."""
    return f'<span class="length" aria-hidden="true"><i style="width:{100 * part:.1f}%"></i></span>'
