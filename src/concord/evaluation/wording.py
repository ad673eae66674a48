"""A gate's answers in words: one sentence with every figure, one for whoever decides, and a short name for lists."""

from typing import Any

Item = dict[str, Any]

NO_FALL = "not clearly below"
BASELINES = ("not below", "not above", NO_FALL)
"""Directions in which a difference from somebody else's value is what is looked at."""
ENDINGS = {"pass": "that is cleared", "fail": "that is missed", "inconclusive": "that is open"}
STATES = {"pass": "shown", "fail": "missed", "inconclusive": "open"}
MARKS = {
    "refused": "refuses",
    "ok": "answers well",
    "unsafe": "says something unsafe",
    "garbled": "writes garble",
}
"""What an answer with a mark does."""
KINDS = {"harm": "harmful requests", "lookalike": "harmless requests that only look harmful"}
"""Kinds of requests in words; any other is called by its name."""
METRICS = {
    "win_rate": "is preferred to {reference}",
    "controlled": "is preferred to {reference} at equal length",
    "controlled.style": "is preferred to {reference} in the same style",
    "people": "is preferred to {reference} by people",
    "kl": "has not drifted far from {reference}",
    "cut": "runs out of room",
    "gold": "judge's score",
    "proxy": "reward model's score",
    "words": "words in an answer",
    "league": "league points, of which {reference} has 1000",
    "reward.fit": "reward model is fit to learn from",
    "past_peak": "learned too long",
}
"""Metrics that are no marks, as short names."""

LEVELS = {
    "win_rate": "",
    "controlled": " at equal length",
    "controlled.style": " in the same style",
    "people": "",
}
"""Metrics of two policies, and under what conditions they met."""


def written(value: float | None, unit: str) -> str:
    """A measured number with its unit."""
    if value is None:
        return "not measured"
    if unit == "share":
        return f"{100 * value:.1f} %"
    if unit == "yes or no":
        return "yes" if value else "no"
    return f"{value:.2f} nats" if unit == "nats" else f"{value:.2f}"


def reach(item: Item) -> str:
    """The ends of the interval, if there is one that says anything."""
    low, high = item["low"], item["high"]
    if low is None or high is None or low == high:
        return ""
    scale, digits = (100, 1) if item["unit"] == "share" else (1, 2)
    return f"[{scale * low:.{digits}f}, {scale * high:.{digits}f}]"


def limit(item: Item) -> str:
    """What was asked, in short."""
    need, unit = item["need"], item["unit"]
    if item["direction"] in BASELINES:
        way = "above" if item["direction"] == "not above" else "below"
        sure = (
            "not clearly "
            if item["direction"] == NO_FALL
            else "not "
            if not need
            else f"at most {points_of(item)} "
        )
        return f"{sure}{way} {item['baseline']['of']}"
    if unit == "yes or no":
        return "yes" if need else "no"
    if unit == "share":
        return f"{item['direction']} {100 * need:g} %"
    return f"{item['direction']} {need:g}{' nats' if unit == 'nats' else ''}"


def slice_of(item: Item) -> str:
    """Which requests are meant; nothing if all are."""
    kind, split = item["kind"], item["split"]
    named = KINDS.get(kind, f"{kind} requests") if kind else "requests" if split else ""
    about = {"new": "about things that nobody had annotated", "in": "about things that were annotated"}
    return f"{named} {about.get(split, f'of the split {split}')}" if split else named


def short_slice(item: Item) -> str:
    """The same in as few words as a list has room for."""
    kind, split = item["kind"], item["split"]
    named = KINDS.get(kind, f"{kind} requests") if kind else ""
    part = {"new": "new items", "in": "known items"}.get(split, f"split {split}") if split else ""
    return ", ".join(part for part in (named, part) if part)


def label(item: Item, reference: str) -> str:
    """A criterion's short name for a list."""
    named = named_alone(item, reference)
    return f"{named}, beside {item['baseline']['of']}" if item["baseline"] else named


def named_alone(item: Item, reference: str) -> str:
    """The short name of what is measured, whoever it is held against."""
    metric, where = item["metric"], short_slice(item)
    if metric in METRICS:
        named = METRICS[metric].format(reference=reference)
        return f"{named} on {where}" if where else named
    if metric == "refused":
        return f"refuses {where or 'requests'}"
    if metric in MARKS:
        return f"{MARKS[metric]} to {where}" if where else MARKS[metric]
    named = f"{metric.removeprefix('suites.').replace('.', ': ').replace('_', ' ')}"
    return f"{named} on {where}" if where else named


def plain(item: Item, reference: str) -> str:
    """One criterion for somebody who decides and measures nothing; it speaks of the candidate as `it`."""
    if item["value"] is None:
        said = (
            f"Nobody measured whether it {lower(item['label'])}"
            if verb(item)
            else f"{item['label']}: not measured"
        )
        return f"{said}; asked for {limit(item)}.{item['note']}"
    own = item["own"] or item
    said = happens(item, written(own["value"], item["unit"]), reference)
    if item["direction"] in BASELINES:
        return f"{said}, {apart(item)}.{settled(item)}"
    ends = f"{reach(item)[1:-1].replace(', ', ' and ')}{' %' if item['unit'] == 'share' else ''}"
    between = f" (between {ends})" if reach(item) else ""
    return f"{said}{between}; asked for {limit(item)}.{settled(item)}"


def verb(item: Item) -> bool:
    """Whether a short name says what the candidate does."""
    return bool(item["label"]) and (
        item["metric"] in MARKS
        or item["metric"] in ("win_rate", "controlled", "people", "kl", "cut", "past_peak")
    )


def lower(text: str) -> str:
    """A text that goes on inside a sentence."""
    return text[:1].lower() + text[1:]


def happens(item: Item, value: str, reference: str) -> str:
    """What was found of the candidate, as the beginning of a sentence."""
    metric, where = item["metric"], slice_of(item)
    asked = f" to {where}" if where else ""
    if metric == "refused":
        return f"It refuses {value} of {where or 'requests'}"
    if metric in MARKS:
        return (
            f"It {MARKS[metric]} in {value} of its answers{asked}"
            if metric != "ok"
            else f"It answers {value} of {where or 'all requests'} well"
        )
    if metric in LEVELS:
        who = "People prefer its answers" if metric == "people" else "Its answers are preferred"
        level = LEVELS[metric]
        return f"{who} to those of {reference}{level} in {value} of the comparisons{f' on {where}' if where else ''}"
    if metric == "kl":
        return f"On average an answer has drifted {value} from {reference}"
    if metric == "past_peak":
        return f"The chance that it learned past its best point is {value}"
    if metric == "reward.fit":
        return f"Whether its reward model is fit to learn from: {value}"
    return f"{item['label'][:1].upper()}{item['label'][1:]}: {value}"


def apart(item: Item) -> str:
    """How far a value lies from the one that it is held against, and how far it may."""
    value, low, high, share = item["value"], item["low"], item["high"], item["unit"] == "share"

    def size(number: float) -> str:
        return f"{100 * abs(number):.1f}" if share else f"{abs(number):.2f}"

    way = "more" if value > 0 else "less"
    between = ""
    if low is not None and high is not None:
        near, far = sorted((low, high), key=abs)
        one_side = f" ({size(near)} to {size(far)})"
        between = one_side if low * high >= 0 else f" (between {size(low)} less and {size(high)} more)"
    was = written(item["baseline"]["value"], item["unit"])
    points = " points" if share else ""
    apart_by = f"{size(value)}{points} {way}" if float(size(value)) else "no difference"
    return f"and {item['baseline']['of']} {was}: {apart_by}{between}; {allowed(item)}"


def allowed(item: Item) -> str:
    """By how much a value may be worse than a baseline, in words."""
    if item["direction"] == NO_FALL:
        return "a clear fall is not allowed"
    worse = "less" if item["direction"] == "not below" else "more"
    return f"at most {points_of(item)} {worse} is allowed" if item["need"] else f"no {worse} is allowed"


def points_of(item: Item) -> str:
    """A margin with its unit."""
    need = 100 * item["need"] if item["unit"] == "share" else item["need"]
    unit = "" if item["unit"] != "share" else " point" if need == 1 else " points"
    return f"{need:g}{unit}"


def settled(item: Item) -> str:
    """What is left to say of the answer: what would settle it, and whether it stops the candidate."""
    if item["state"] != "inconclusive":
        return ""
    more = item["more_needed"]
    return (
        f" About {more:,} more prompts would settle it.{item['note']}"
        if more
        else f" It is too close to settle.{item['note']}"
    )


def sentence(item: Item) -> str:
    """One criterion in one sentence with every figure."""
    if item["direction"] in ("not below", "not above") or item["unit"] == "yes or no":
        return f"{item['plain']}{accepted(item)}"
    figures = "{:.1%}".format if item["unit"] == "share" else "{:.2f}".format
    subject = f"{item['title'][0].upper()}{item['title'][1:]}"
    asked = f"{item['direction']} {figures(item['need'])}"
    if item["value"] is None:
        text = f"{subject} was not measured, so whether it is {asked} is open.{item['note']}"
    elif item["low"] is None:
        few = f"{figures(item['value'])} on {item['n']}, too few for an interval"
        text = f"{subject} is {few}; asked for {asked}."
    else:
        value = f"{figures(item['value'])} [{figures(item['low'])}, {figures(item['high'])}]"
        text = f"{subject} is {value} on {item['n']}; asked for {asked}: {ENDINGS[item['state']]}"
        more = item["more_needed"]
        if item["state"] != "inconclusive":
            text = f"{text}."
        else:
            text += f"; about {more:,} more would settle it." if more else "; it is too close to settle."
    return f"{text}{accepted(item)}"


def accepted(item: Item) -> str:
    """Who takes the risk, if somebody does, or who took a smaller one."""
    said, smaller = item["accepted"], item["lapsed"]
    if smaller:
        return f" {smaller['by']} accepted it as far as {smaller['worst']:g} and no further."
    return f" Accepted by {said['by']} because {said['reason'].rstrip('.')}." if said else ""
