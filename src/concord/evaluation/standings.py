"""The parts of the page that compare many models: the league, equal style, people's word, tests, sameness."""

from collections.abc import Mapping
from typing import Any

from concord.evaluation.markup import bar, escape, figure, paragraphs, percent, said, section, span, table
from concord.evaluation.paired import LEVEL

Report = Mapping[str, Any]
MOST_TESTS = 20
"""Tests that the page shows."""
SMALLEST = 1e-4
"""A p below this is written as being below it."""


def comparisons(report: Report) -> str:
    """Everything that is known of all models together."""
    parts = {"gaming": sameness, "league": league, "controlled": controlled, "people": people, "tests": tests}
    return "".join(part(report) for name, part in parts.items() if report.get(name))


def raw(found: Report) -> str:
    """Win rates over one model, as a file of answers gives them."""
    rows = [
        [
            escape(one["a"]),
            share(one["rate"]),
            bar(one["rate"]["value"], one["rate"]["low"], one["rate"]["high"]),
            percent(one["error"], 2),
            f"{one['ties']:,}",
            needed(one),
        ]
        for one in sorted(found["win_rates"], key=lambda one: -one["rate"]["value"])
    ]
    heads = [
        "model",
        "wins",
        "",
        "standard error",
        "ties",
        f"more prompts for ±{100 * found['half']:g} points",
    ]
    caption = (
        f"Over {escape(found['against'])}; a tie is half a win; small: 95 % intervals, clustered by prompt"
    )
    return section("wins", "How often each wins", table(caption, heads, rows, "Win rates"))


def needed(one: Mapping[str, Any]) -> str:
    """How many more prompts would narrow an interval, and how many would settle who is better."""
    narrow = "" if one["more_to_narrow"] is None else f"{one['more_to_narrow']:,}"
    lead = one["more_to_lead"]
    return f"{narrow}<small>{f'{lead:,} to tell who is better' if lead else ''}</small>"


def sameness(report: Report) -> str:
    """Models that answer every prompt alike."""
    found = [one for one in report["gaming"] if one["gaming"]]
    if not found:
        return ""
    note = (
        "<p>These models answer (nearly) every prompt alike. Such an answer helps nobody who asks; if it wins, it "
        "games the judge. Whatever their win rates, do not believe them.</p>"
    )
    shown = "".join(
        f"<h3>{escape(one['name'])}</h3><p>{percent(one['of_one'])} of its {one['n']:,} answers are this text, and "
        f"{percent(one['of_few'])} are one of five:</p>{said(one['text'])}"
        for one in found
    )
    return section("gaming", "Answers made for the judge", note, shown)


def league(report: Report) -> str:
    """All models by strength."""
    found = report["league"]
    if found["refused"]:
        return section("league", "The league", paragraphs([found["refused"]]))
    rows = [
        [
            escape(one["name"]),
            points(one["elo"]),
            points(one["controlled"]),
        ]
        for one in found["standings"]
    ]
    note = (
        "<p>One number a model from all duels on the same prompts (Bradley-Terry on the scale of Elo): 100 points "
        "more win about 64 % of duels, 200 about 76 %. The second column holds length, headers, lists and bold "
        f"words equal. {escape(found['anchor'])} stands at 1000, and all intervals are distances from it.</p>"
    )
    caption = f"{found['n']:,} duels on {found['prompts']:,} prompts; small: 95 % intervals over prompts"
    drawn = table(caption, ["model", "points", "points, style held equal"], rows, "The league")
    left = [f"{name} has no points: it {why}." for name, why in found["unrated"].items()]
    if found["uncontrolled"]:
        left.append(f"No points with style held equal: {found['uncontrolled']}.")
    return section("league", "The league", note, drawn, paragraphs(left))


def points(estimate: Any) -> str:
    """A strength with its interval; the anchor's is no estimate."""
    if estimate["low"] == estimate["high"] and estimate["low"] is not None:
        return figure(estimate["value"], 0)
    return f"{figure(estimate['value'], 0)}<small>{span(estimate['low'], estimate['high'], 1, 0)}</small>"


def controlled(report: Report) -> str:
    """Win rates with length and style held equal."""
    note = (
        "<p>Judges lean: many like the longer of two answers, or the one with more lists. Here is how often each "
        "model would win if both answers looked alike, by a regression of who won on how the answers differ.</p>"
    )
    return section(
        "controlled", "With style held equal", note, *(against(one) for one in report["controlled"])
    )


def against(found: Any) -> str:
    """The table against one model, and what it means."""
    rows = [
        [
            escape(one["name"]),
            *(share(one[name]) for name in ("raw", "length", "style")),
            "" if one["longer"] is None else figure(one["longer"], 0),
        ]
        for one in found["models"]
    ]
    heads = ["model", "wins", "length held equal", "style held equal", "characters longer"]
    caption = f"Against {escape(found['against'])}; small: 95 % intervals"
    words = [*found["words"], *style(found["style"])]
    return table(caption, heads, rows, f"Against {found['against']}") + paragraphs(words)


def style(held: Any) -> list[str]:
    """What else sways the judge, and what was not held equal."""
    told = [
        f"The judge's leaning towards {name} is a slope of {one['value']:.2f} [{one['low']:.2f}, {one['high']:.2f}]."
        for name, one in held["slopes"].items()
        if name != "length"
    ]
    return told + [
        f"{name.capitalize()}: {why}, so not held equal." for name, why in held["left_out"].items()
    ]


def share(estimate: Any) -> str:
    """A share with its interval."""
    return (
        f"{percent(estimate['value'], 1)}<small>{span(estimate['low'], estimate['high'], digits=1)}</small>"
    )


def people(report: Report) -> str:
    """What people would say."""
    found = report["people"]
    a, b = escape(found["a"]), escape(found["b"])
    rows = [
        [name, share(one), bar(one["value"], one["low"], one["high"])]
        for name, one in (
            ("people, with the judge's help", found["rate"]),
            ("people alone", found["alone"]),
            ("the judge alone", found["judge"]),
        )
    ]
    note = (
        "<p>People compared some of the answers, and the judge all of them. Where both did, it is seen how the judge "
        "errs, and this corrects its word on the rest (prediction-powered inference): the first line is what people "
        "would say of all prompts, without the judge's bias.</p>"
    )
    caption = f"Win rate of {a} over {b}; people compared answers to {found['prompts']:,} prompts"
    told = [found["refused"]] if found["refused"] else worth(found)
    if found["same"]:
        told.append(
            f"{found['same']:,} prompts that both answer word for word alike count as ties beside them."
        )
    if found["unseen"]:
        told.append(
            f"{found['unseen']:,} comparisons of people are of answers that the judge never saw; left out."
        )
    drawn = table(caption, ["whose word", "win rate", ""], rows, "People and the judge")
    return section("people", "What people would say", note, drawn, paragraphs(told))


def worth(found: Any) -> list[str]:
    """How much the judge's word helps."""
    agreement = found["agreement"]
    told = []
    if agreement["value"] is not None:
        told.append(
            f"The judge agrees with people in {agreement['value']:.0%} of {agreement['n']:,} decided comparisons."
        )
    if found["worth"] is None:
        return [*told, "Its word tells nothing of theirs here, so it is not used."]
    return [
        *told,
        f"Its word counts {found['weight']:.2f} of theirs. {found['labels']:,} labels of people are worth "
        f"{found['worth']:,.0f} so.",
    ]


def tests(report: Report) -> str:
    """The candidate against the others, or all models against each other, by every criterion."""
    clear = [one for one in report["tests"] if one["says"] != "no clear difference"]
    near = [one for one in clear if report.get("reference") in (None, one["b"])]
    rows = [
        [
            escape(f"{one['criterion']}: {one['a']} and {one['b']}"),
            f"{figure(one['difference']['value'], 3)}<small>"
            f"{span(one['difference']['low'], one['difference']['high'], 1, 3)}</small>",
            escape(one["says"]),
            chance(one["adjusted"]),
            escape(one["method"]),
        ]
        for one in sorted(near, key=lambda one: one["adjusted"])[:MOST_TESTS]
    ]
    total, rest = len(report["tests"]), len(clear) - len(rows)
    note = (
        f"<p>The same prompts, answer by answer. {total:,} questions were asked, and whoever asks often finds "
        f"something by chance; so each p is Holm's for all of them together. {len(clear):,} differences are clear at "
        f"{LEVEL:g}{f'; {rest:,} of them stand in the report as JSON alone' if rest else ''}.</p>"
    )
    heads = ["criterion", "mean difference", "says", "p, Holm", "test"]
    drawn = table("Differences beyond chance, the surest first", heads, rows, "Paired tests") if rows else ""
    return section("tests", "Which differences are beyond chance", note, drawn)


def chance(p: float) -> str:
    """A p as it is written."""
    return f"&lt; {SMALLEST:g}" if p < SMALLEST else figure(p, 4)
