"""The first page: the verdict, why, what was asked, and a memo for whoever decides."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from concord.evaluation.markup import DASH, MINUS, escape, percent, section, span
from concord.evaluation.wording import limit, reach, written

Report = dict[str, Any]

STATES = {
    "pass": ("\N{CHECK MARK}", "passed"),
    "fail": ("\N{BALLOT X}", "missed"),
    "inconclusive": ("?", "open"),
}
MOST = 4
"""Lines of each part of the memo: it has to fit on one page."""
MOST_LEFT, MOST_PASSED = 5, 6
"""Criteria shown line by line of those that did not pass, and of those that did; all stand further below."""
LOOKS = {"GO": "go", "GO WITH ACCEPTED RISK": "risk", "NO-GO": "stop"}


def memo(report: Report) -> str:
    """The first thing to read, and for whoever decides the last: it stands on one page when it is printed."""
    verdict, found = report["verdict"], report.get("memo")
    if found is None or not verdict:
        return without_memo(report)
    name = escape(report["candidate"])
    ending = {
        "GO": f"{name} may be released.",
        "GO WITH ACCEPTED RISK": f"{name} may be released, at a risk that somebody took.",
        "NO-GO": f"{name} must not be released.",
    }[verdict["verdict"]]
    look = LOOKS[verdict["verdict"]]
    parts = (
        f'<p class="run">{identity(report)}</p>',
        f"<h1><span class='stamp'>{escape(verdict['verdict'])}</span> {ending}</h1>",
        f'<p class="lead">{shown(verdict["reason"])}</p>',
        criteria(verdict["criteria"]),
        f'<div class="memo">{"".join(boxes(found))}</div>',
    )
    return f'<header id="memo" class="{look}">{"".join(parts)}</header>'


def without_memo(report: Report) -> str:
    """The head of a page before which no gate stood, or one of an evaluation alone."""
    verdict = report["verdict"]
    name = escape(report["candidate"])
    if verdict is None:
        state, words = "open", f"No gate was asked about {name}."
    elif verdict["go"]:
        state, words = "go", f"GO: {name} showed all that was asked of it."
    else:
        states = [item["state"] for item in verdict["criteria"]]
        missed, opened = states.count("fail"), states.count("inconclusive")
        state, words = "stop", f"NO-GO: {name} {shortfall(missed, opened, len(states))}"
    top = f'<p class="run">{escape(report["title"])}</p><h1>{words}</h1>'
    rows = criteria((verdict or {}).get("criteria", []))
    return f'<header class="{state}">{top}<p class="lead">{headline(report)}</p>{rows}</header>'


def shortfall(missed: int, opened: int, total: int) -> str:
    """What kept a candidate from passing, in words."""
    left = f"{opened} {'is' if opened == 1 else 'are'} still open"
    if missed:
        return f"missed {missed} of {total} criteria" + (f", and {left}." if opened else ".")
    return f"missed none of {total} criteria, but {left}."


def identity(report: Report) -> str:
    """Which run this is, in one line: by names, and by the first digits of content hashes."""
    what = report["what"]
    hashes = {one["name"]: one["sha256"][:8] for one in (report.get("lineage") or {}).get("artefacts", [])}
    facts = [
        report["title"],
        f"{report['candidate']} against {report['reference']}",
        *(
            f"{word} {hashes[name]}"
            for name, word in (("align", "policy"), ("rank", "labels"))
            if name in hashes
        ),
        *([f"judge {hashes['judge']}"] if "judge" in hashes else []),
        *([f"seed {what['seed']}"] if "seed" in what else []),
        *([f"commit {str(what['commit'])[:8]}"] if what.get("commit") else []),
    ]
    held = [fact.replace(" ", "\N{NO-BREAK SPACE}") for fact in facts[2:]]  # a hash stays with its word
    return " \N{MIDDLE DOT} ".join(escape(fact) for fact in [*facts[:2], *held])


def headline(report: Report) -> str:
    """The main result in one sentence."""
    split = "new" if "new" in report["splits"] else None
    wanted = (report["candidate"], report["temperature"], split, None)
    found = {
        item["b"]: item
        for item in report["comparisons"]
        if (item["a"], item["temperature"], item["split"], item["kind"]) == wanted
    }
    if not found:
        return "Nothing was compared."
    where = "about things that nobody had annotated" if split else "that no stage had seen"
    wins = " and ".join(
        f"{escape(b)} in {percent(item['win_rate'])} [{span(item['low'], item['high'])}]"
        for b, item in found.items()
    )
    return f"On prompts {where}, its answers beat those of {wins}. 50 % would be no difference."


def criteria(items: Sequence[dict[str, Any]]) -> str:
    """Every question of the gate: what was missed or is open line by line, and shorter what passed."""
    order = ("fail", "inconclusive", "pass")
    left = sorted(
        (item for item in items if item["state"] != "pass"), key=lambda item: order.index(item["state"])
    )
    passed = [item for item in items if item["state"] == "pass"]
    return lines("criteria", left, MOST_LEFT) + lines("criteria passed", passed, MOST_PASSED)


def lines(look: str, items: Sequence[dict[str, Any]], most: int) -> str:
    """Some questions as a list; what does not fit on the first page is counted."""
    told = "".join(asked(item) for item in items[:most])
    more = len(items) - most
    told += f'<li class="more quiet">and {more} more, further below</li>' if more > 0 else ""
    return f'<ul class="{look}">{told}</ul>' if told else ""


def asked(item: dict[str, Any]) -> str:
    """One question of the gate as a line."""
    sign, word = STATES[item["state"]]
    value = written(item["value"], item["unit"])
    if item["baseline"] and item["value"] is not None:
        value = apart(item)
    notes = [word, f"asked for {limit(item)}", *([] if item["required"] else ["may stay open"])]
    if item["more_needed"]:
        notes.append(f"about {item['more_needed']:,} more prompts would settle it")
    if item["accepted"]:
        notes.append(f"accepted by {item['accepted']['by']} because {item['accepted']['reason']}")
    if item["lapsed"]:
        notes.append(
            f"{item['lapsed']['by']} accepted it as far as {item['lapsed']['worst']:g} and no further"
        )
    between = reach(item)[1:-1].replace(", ", " to ")
    return (
        f'<li class="{item["state"]}"><span class="sign" aria-hidden="true">{sign}</span>'
        f'<span class="question">{shown(item["label"])}<small>{shown("; ".join(notes))}</small></span>'
        f'<span class="value">{shown(value)}<small>{shown(between) or DASH}</small></span></li>'
    )


def shown(text: str) -> str:
    """A sentence as HTML: numbers with a true minus sign, and never torn from their unit."""
    return re.sub(r"(?<![\w.])-(?=\d)", MINUS, escape(text)).replace(" %", "\N{NO-BREAK SPACE}%")


def apart(item: dict[str, Any]) -> str:
    """A change as it stands in a list."""
    return f"{100 * item['value']:+.1f} points" if item["unit"] == "share" else f"{item['value']:+.2f}"


def boxes(found: dict[str, Any]) -> Iterable[str]:
    """What improves and is unknown on one side; what worsens, who takes which risk and what to do on the other."""
    missed = (
        "Nothing became clearly worse. What was missed stands above."
        if found["missed"]
        else "Nothing clearly."
    )
    risks = [
        f"{one['by']} accepts: {one['label']}. Because {one['reason'].rstrip('.')}." for one in found["risks"]
    ]
    nobody = "Nobody has accepted a risk."
    if found["decision"] == "NO-GO":
        nobody += " To release all the same, somebody has to put a name and a reason under gate.accept."
    improves = box("improves", "\N{UPWARDS ARROW}", "What improves", found["improves"], "Nothing clearly.")
    worsens = box("worsens", "\N{DOWNWARDS ARROW}", "What worsens", found["worsens"], missed)
    unknown = box("unknown", "?", "What is unknown", found["unknown"], "Nothing that was asked.")
    taken = box("risks", "!", "Who accepts which risk", risks, nobody)
    yield f'<div class="side">{improves}{unknown}</div>'
    yield f'<div class="side">{worsens}{taken}{todo(found["next"])}</div>'


def box(name: str, sign: str, title: str, lines: Sequence[str], none: str) -> str:
    """One part of the memo; what does not fit is counted and stands further below."""
    told = "".join(f"<li>{shown(line)}</li>" for line in lines[:MOST])
    more = f'<li class="quiet">and {len(lines) - MOST} more, further below</li>' if len(lines) > MOST else ""
    inside = f"<ul>{told}{more}</ul>" if lines else f"<p>{escape(none)}</p>"
    return f'<div class="box {name}"><h2><span aria-hidden="true">{sign}</span> {title}</h2>{inside}</div>'


def todo(steps: Sequence[str]) -> str:
    """What to do next, the most pressing first."""
    items = "".join(f"<li>{shown(step)}</li>" for step in steps[:3])
    arrow = "\N{RIGHTWARDS ARROW}"
    return (
        f'<div class="box todo"><h2><span aria-hidden="true">{arrow}</span> What to do next</h2><ol>{items}</ol></div>'
        if items
        else ""
    )


def in_full(report: Report) -> str:
    """Every criterion in one sentence with every figure, and all that the memo had no room for."""
    verdict, found = report["verdict"], report.get("memo") or {}
    if not verdict or not verdict.get("because"):
        return ""
    told = "".join(f"<li>{shown(line)}</li>" for line in verdict["because"])
    parts = [f"<ul>{told}</ul>"]
    for name, title in (
        ("improves", "What improves"),
        ("worsens", "What worsens"),
        ("unknown", "What is unknown"),
    ):
        if len(found.get(name, [])) > MOST:
            parts.append(
                f"<h3>{title}</h3><ul>{''.join(f'<li>{shown(one)}</li>' for one in found[name])}</ul>"
            )
    note = (
        "<p>Each criterion is passed if the whole 95 % interval clears its limit, missed if the whole interval "
        "misses it, and open otherwise. How many prompts are asked is fixed before anybody looks. Lines under what "
        "improves and worsens are those whose interval leaves out no change, made wider for the number of kinds that "
        "were looked at.</p>"
    )
    return section("criteria", "What was asked, with every figure", note, *parts)
