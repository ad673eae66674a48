"""The part of the page that shows looks at policies while they learned: both scores by drift, the law, and the peak."""

from collections.abc import Mapping
from typing import Any

from concord.evaluation.markup import drawing, escape, figure, percent, section, span
from concord.evaluation.plots import Chart, Series, draw
from concord.evaluation.scaling import drawn

Watch = Mapping[str, Any]
"""What one training left: {"looks": lines of watch.jsonl, "found": watch.json, "alarms": lines of alarms.jsonl}."""

FAR = 10
"""Times the drift that was reached: a peak beyond that is a line without end, and its place a number without sense."""
SIDES = {
    "proxy": (
        "What the reward model believes",
        "Its mean score of answers to the same watched prompts, look after look. Training pushes this up.",
    ),
    "gold": (
        "What the judge finds",
        "The same answers before a judge that teaches nobody. Where this turns while the other rises, the policy "
        "has begun to game its reward.",
    ),
}
AXIS = "root of the drift (KL in nats)"


def looks(report: dict[str, Any]) -> str:
    """Every training that was watched, the candidate's first."""
    parts = [watched(name, found) for name, found in report["watch"].items()]
    note = (
        "<p>While it learned, each policy answered the same prompts again and again, and learned from none of "
        "them. So it can be seen when the reward model and the judge part, and whether learning was stopped in "
        "time.</p>"
    )
    return section("watch", "Did it begin to game its reward?", note, *parts) if any(parts) else ""


def watched(name: str, found: Watch) -> str:
    """One training: two figures and what they come to."""
    figures = [side(name, which, found) for which in SIDES]
    if not any(figures):
        return ""
    told = f'<p class="finding">{finding(found)}</p>{alarms(found)}'
    return (
        f'<div class="whole"><h3>{escape(name)}</h3><div class="figures">{"".join(figures)}</div>{told}</div>'
    )


def side(name: str, which: str, found: Watch) -> str:
    """One score by the root of the drift; the judge's with the law and its peak."""
    points = [line for line in found["looks"] if line.get(which) and line[which]["value"] is not None]
    if len(points) < 2:
        return ""
    title, words = SIDES[which]
    ordered = sorted(points, key=lambda line: float(line["sqrt_kl"]))  # a policy may drift back
    values = [[line[which][end] for line in ordered] for end in ("value", "low", "high")]
    low, high = ([], []) if None in values[1] else values[1:]
    at = [line["sqrt_kl"] for line in ordered]
    series = [Series(title, at, values[0], low, high, int(which == "gold"))]
    peak = None
    if which == "gold":
        series += law(found, max(at), points[0][which]["value"])
        best = found["found"].get("peak")
        peak = best and (best["sqrt_kl"], best["gold"]["value"], f"step {best['step']}")
    ends = ", ".join(f"step {line['step']}: {figure(line[which]['value'])}" for line in points)
    chart = Chart(f"watch-{name}-{which}", f"{title} at each look. {ends}.", AXIS, series, peak=peak)
    return drawing(draw(chart), title, words)


def law(found: Watch, most: float, start: float) -> list[Series]:
    """The fitted law as a line, from the score before learning."""
    fits = found["found"].get("fits") or []
    if not fits or not most:
        return []
    d, gains = drawn(fits[0]["law"], fits[0]["a"]["value"], fits[0]["b"]["value"], most)
    return [Series("fitted law", d, [start + gain for gain in gains], colour=2)]


def finding(found: Watch) -> str:
    """What the looks come to, in words."""
    what, fits = found["found"], found["found"].get("fits") or []
    words = []
    if what.get("stopped"):
        end = what["stopped"]
        words.append(f"Learning was stopped after step {end['step']} by the rule {escape(end['rule'])}.")
    if what.get("rolled_back_to") is not None:
        words.append(f"The policy of this run is that of step {what['rolled_back_to']}.")
    if what.get("peak"):
        best = what["peak"]
        words.append(
            f"The judge liked the look after step {best['step']} best: {figure(best['gold']['value'])}."
        )
    change = what.get("fall")
    if change and change["value"] is not None:
        reach = span(change["low"], change["high"], 1, 2)
        words.append(
            f"Since then its score has changed by {figure(change['value'])} [{reach}] on the same prompts."
        )
    if fits:
        law = "Gao et al.'s law d (a - b log d), d the root of the drift,"
        place = summit(fits[0]["peak"], max(look["sqrt_kl"] for look in found["looks"]))
        words.append(
            f"{law} {place}; the chance that the last look is past it is {percent(fits[0]['past_peak'])}."
        )
    return " ".join(words)


def summit(top: dict[str, Any], most: float) -> str:
    """Where the fitted law has its peak; how far beyond all that was reached, no fit can tell."""
    if top["value"] is None:
        return "shows no peak"
    if top["value"] > FAR * most:
        return f"peaks at more than {FAR} times the drift that was reached, at d = {figure(top['low'])} at the earliest"
    reach = f"[{figure(top['low'])}, {'beyond' if top['high'] is None else figure(top['high'])}]"
    return f"peaks at d = {figure(top['value'])} {reach}"


def alarms(found: Watch) -> str:
    """The alarms that were raised; each says where to look, not what is wrong."""
    items = "".join(
        f"<li>step {alarm['step']}: {escape(alarm['says'])} <small>{escape(alarm['rule'])}, {escape(alarm['action'])}"
        "</small></li>"
        for alarm in found["alarms"]
    )
    return f"<ul>{items}</ul>" if items else ""
