"""The parts of the page that show answers: replies side by side, win rates, and tables by kind and policy."""

from collections.abc import Iterable, Sequence
from typing import Any

from concord.evaluation.markup import SPLITS, bar, escape, figure, percent, said, section, span, table

Report = dict[str, Any]

BAD = ("unsafe", "garbled")
"""Marks that nobody wants."""


def replies(report: Report) -> str:
    """One prompt of each kind, answered before and after."""
    if not report["samples"]:
        return ""
    each = "of each kind" if report["kinds"] else "of the held-out prompts"
    scored = "" if report.get("judge") else " The number is the judge's score; the higher, the better."
    note = (
        "<p>The same prompts, answered by the model at each stage. These are not picked by hand: they are "
        f"the first prompt {each} in the order of their ids, and the first answer that was sampled at "
        f"temperature {report['temperature']:g}.{scored}</p>"
    )
    shown = "".join(exchange(item, report) for item in report["samples"])
    return section("replies", "What it says, before and after", note, shown)


def lost(report: Report) -> str:
    """Where the candidate did worst."""
    if not report["losses"]:
        return ""
    how = ", the first by the names of their prompts" if report.get("judge") else " furthest, the worst first"
    note = (
        f"<p>An average hides its failures. These are the answers in which {escape(report['candidate'])} "
        f"fell below {escape(report['reference'])} on the same prompt{how}.</p>"
    )
    shown = "".join(exchange(item, report) for item in report["losses"])
    return section("losses", "Where it lost", note, shown)


def exchange(item: dict[str, Any], report: Report) -> str:
    """One prompt and the answers to it."""
    split = f" \N{MIDDLE DOT} {SPLITS.get(item['split'], item['split'])}" if item["split"] else ""
    top = f'<p class="kind">{escape(item["kind"] or "prompt")}{escape(split)}</p>'
    asked = f'<div class="asked">{said(item["prompt"])}</div>'
    answers = "".join(answer(one, report) for one in item["replies"])
    return f'<article class="exchange">{top}{asked}<div class="answers">{answers}</div></article>'


def answer(one: dict[str, Any], report: Report) -> str:
    """One answer with its score and marks."""
    stage = {report["reference"]: "after imitation", report["candidate"]: "after alignment", "base": "before"}
    words = stage.get(one["policy"], "") if report["reference"] == "sft" else ""
    final = " final" if one["policy"] == report["candidate"] else ""
    name = f'<b>{escape(one["policy"])}</b> <span class="quiet">{words}</span>'
    score = "" if one["gold"] is None else f'<span class="score">{figure(one["gold"], 1)}</span>'
    cut = '<span class="mark bad">cut off</span>' if one["finish"] == "length" else ""
    return (
        f'<div class="answer{final}"><p class="who">{name}{score}</p>{said(one["text"])}'
        f'<p class="marks">{"".join(mark(*pair) for pair in (one["marks"] or {}).items())}{cut}</p></div>'
    )


def mark(name: str, value: Any) -> str:
    """A mark that says something: a bad one given, a good one given, or `ok` withheld."""
    if name in BAD:
        return f'<span class="mark bad">\N{WARNING SIGN} {escape(name)}</span>' if value else ""
    if name == "ok":
        good = '<span class="mark good">\N{CHECK MARK} ok</span>'
        return good if value else '<span class="mark">not ok</span>'
    return f'<span class="mark">{escape(name)}</span>' if value else ""


def win_rates(report: Report) -> str:
    """Every policy against imitation, at every temperature and split."""
    found = [item for item in report["comparisons"] if item["kind"] is None]
    references = {b: [item for item in found if item["b"] == b] for b in unique(found, "b")}
    blocks = "".join(against(b, inside, report) for b, inside in references.items())
    if not blocks:
        return ""
    note = (
        "<p>Two policies answer the same prompt with independent seeds, and the judge says who did better. "
        "A tie is half a win. The line is the range in which the true rate lies with 95 % confidence; if "
        "it stays right of the middle, the win is not luck; if not, it is told how many more prompts would about tell "
        "who is better. A lower temperature makes every policy say its "
        "likeliest answer: a win that vanishes there was only sharpening.</p>"
    )
    return section("wins", "How often it wins", note, blocks)


def against(reference: str, found: Sequence[dict[str, Any]], report: Report) -> str:
    """The panels against one reference."""
    splits: list[str | None] = [split for split in ("new", "in") if split in report["splits"]]
    panels = []
    for temperature in report["temperatures"]:
        for split in splits or [None]:
            rows = [item for item in found if (item["temperature"], item["split"]) == (temperature, split)]
            if rows:
                head = f"Temperature {temperature:g} \N{MIDDLE DOT} {SPLITS.get(split, split)}"
                panels.append(panel(head, rows, report))
    note = {
        "sft": "imitation of the demonstrations alone",
        "sft-same-budget": "imitation again, with every ranking spent on another demonstration instead",
    }.get(reference, "the reference")
    title = f"<h3>Against {escape(reference)} <span class='quiet'>({note})</span></h3>"
    return f'{title}<div class="panels">{"".join(panels)}</div>'


def contest(item: dict[str, Any], final: bool) -> str:
    """One policy's win rate, drawn and written."""
    name = f'<th scope="row">{escape(item["a"])}</th>'
    drawn = f'<td class="track">{bar(item["win_rate"], item["low"], item["high"])}</td>'
    open_ = f"<small>{item['more_to_lead']:,} more would tell</small>" if item["more_to_lead"] else ""
    written = f"{percent(item['win_rate'])}<small>{span(item['low'], item['high'])}</small>{open_}"
    look = ' class="final"' if final else ""
    return f'<tr{look}>{name}{drawn}<td class="number">{written}</td></tr>'


def panel(head: str, rows: Sequence[dict[str, Any]], report: Report) -> str:
    """Win rates under one condition."""
    lines = "".join(contest(item, item["a"] == report["candidate"]) for item in rows)
    counts = f"{max(item['n'] for item in rows):,} comparisons each"
    if more := max(item["more_to_narrow"] or 0 for item in rows):
        counts += f"; about {more:,} more prompts would narrow all to \N{PLUS-MINUS SIGN}3 points"
    top = (
        '<thead class="hidden"><tr><th scope="col">policy</th><th scope="col">drawn</th>'
        '<th scope="col">win rate and 95 % interval</th></tr></thead>'
    )
    caption = f'<caption>{head}<span class="quiet"> {counts}</span></caption>'
    return f'<table class="panel">{caption}{top}<tbody>{lines}</tbody></table>'


def unique(rows: Iterable[dict[str, Any]], field: str) -> list[Any]:
    """The different values of a field in order."""
    return list(dict.fromkeys(row[field] for row in rows))


def by_kind(report: Report) -> str:
    """The candidate beside the reference, kind by kind, since a good average can hide a bad kind."""
    before, after = (slices(report, report[role]) for role in ("reference", "candidate"))
    kinds = [kind for kind in report["kinds"] if kind in before and kind in after]
    if not kinds or report["reference"] == report["candidate"]:
        return ""
    marks = list(dict.fromkeys(name for kind in kinds for name in after[kind]["marks"]))
    wins = {
        item["kind"]: item
        for item in report["comparisons"]
        if (item["a"], item["b"]) == (report["candidate"], report["reference"])
        and (item["temperature"], item["split"]) == (report["temperature"], None)
    }
    rows = [
        [
            escape(kind),
            str(after[kind]["n"]),
            *(change(before[kind]["marks"].get(name), after[kind]["marks"].get(name)) for name in marks),
            f"{percent(wins[kind]['win_rate'])}<small>{span(wins[kind]['low'], wins[kind]['high'])}</small>"
            if kind in wins
            else "",
        ]
        for kind in kinds
    ]
    heads = ["kind", "answers", *(escape(f"{name} %") for name in marks), "wins"]
    caption = (
        f"{escape(report['reference'])} \N{RIGHTWARDS ARROW} {escape(report['candidate'])}, all held-out "
        f"prompts at temperature {report['temperature']:g}; small: 95 % interval of the latter"
    )
    note = (
        "<p>A policy can win on average and yet have stopped refusing what it must refuse. So every kind "
        "of request is judged on its own. What a mark should be depends on the kind: a refusal is right "
        "for harm and wrong for a harmless look-alike.</p>"
    )
    return section("kinds", "Kind by kind", note, table(caption, heads, rows, "Marks by kind"))


def slices(report: Report, policy: str) -> dict[str | None, Any]:
    """One policy's summaries over both splits, by kind."""
    return {
        item["kind"]: item
        for item in report["summaries"]
        if (item["policy"], item["temperature"], item["split"]) == (policy, report["temperature"], None)
    }


def change(before: Any, after: Any) -> str:
    """A share before and after, with the interval of the latter."""
    if before is None or after is None or before["value"] is None or after["value"] is None:
        return ""
    old, new = (figure(100 * estimate["value"], 0) for estimate in (before, after))
    return f"{old} \N{RIGHTWARDS ARROW} <b>{new}</b><small>{span(after['low'], after['high'])}</small>"


def everyone(report: Report) -> str:
    """Every policy in one line a temperature."""
    found = [item for item in report["summaries"] if item["split"] is None and item["kind"] is None]
    if not found:
        return ""
    marks = list(dict.fromkeys(name for item in found for name in item["marks"]))
    tables = []
    for temperature in report["temperatures"]:
        rows = [line(item, marks) for item in found if item["temperature"] == temperature]
        heads = ["policy", "judge's score", *map(escape, marks), "drift (nats)", "words", "cut off"]
        caption = f"All held-out prompts at temperature {temperature:g}"
        tables.append(table(caption, heads, rows, caption))
    note = "<p>Everybody who took part. Small numbers are 95 % intervals.</p>"
    return section("policies", "Every policy in numbers", note, *tables)


def line(item: dict[str, Any], marks: Sequence[str]) -> list[str]:
    """One policy's numbers."""
    gold, drift = item["gold"], item["kl"]
    return [
        escape(item["policy"]),
        f"{figure(gold['value'])}<small>{span(gold['low'], gold['high'], 1, 2)}</small>",
        *(share_of(item["marks"].get(name)) for name in marks),
        f"{figure(drift['value'])}<small>{span(drift['low'], drift['high'], 1, 2)}</small>",
        figure(item["words"]["value"], 1),
        percent(item["cut"]["value"], 1),
    ]


def share_of(estimate: Any) -> str:
    """A share with its interval."""
    if estimate is None or estimate["value"] is None:
        return ""
    reach = span(estimate["low"], estimate["high"], digits=1)
    return f"{percent(estimate['value'], 1)}<small>{reach}</small>"
