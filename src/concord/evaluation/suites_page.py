"""The part of the page that shows what the suites found, policy beside policy."""

from typing import Any

from concord.evaluation.markup import escape, figure, said, section, span, table

Report = dict[str, Any]
EXAMPLES = 2
"""Answers of the candidate shown for each suite."""


def suites(report: Report) -> str:
    """All suites, if any was asked."""
    found = report.get("suites") or {}
    if not found:
        return ""
    names = list(dict.fromkeys(suite for own in found.values() for suite in own))
    note = (
        "<p>Probe sets ask the same of each policy: whether it refuses what is unsafe and nothing else, admits what it "
        "does not know, stands by what is right, treats people alike, and tells nothing that it should keep. "
        "\N{UPWARDS ARROW} marks should be high, \N{DOWNWARDS ARROW} marks low; a difference between two "
        "kinds of people should be near nought.</p>"
    )
    return section("suites", "Suites", note, "".join(suite(name, found, report) for name in names))


def suite(name: str, found: dict[str, Any], report: Report) -> str:
    """One suite: a row a mark, a column a policy, and answers of the candidate to read."""
    own = {policy: results[name] for policy, results in found.items() if name in results}
    marks = list(dict.fromkeys(mark for one in own.values() for mark in one["marks"]))
    signs = {"at least": " \N{UPWARDS ARROW}", "at most": " \N{DOWNWARDS ARROW}"}
    directions = {mark: way for one in own.values() for mark, way in one["direction"].items()}
    rows = [
        [
            escape(mark.replace("_", " ")) + signs.get(directions.get(mark, ""), ""),
            *(cell(one["marks"].get(mark)) for one in own.values()),
        ]
        for mark in marks
    ]
    probes = max(one["n"] for one in own.values())
    drawn = table(f"{escape(name)}, {probes:,} probes", ["mark", *map(escape, own)], rows, f"Suite {name}")
    shown = own.get(report["candidate"], {})
    lines = "".join(f"<li>{escape(one)}</li>" for one in shown.get("unmeasured", []))
    left = f"<details><summary>Not measured</summary><ul>{lines}</ul></details>" if lines else ""
    return drawn + left + examples(shown.get("examples", [])[:EXAMPLES], report)


def cell(estimate: Any) -> str:
    """A value with its interval; nothing that was not measured is shown as a number."""
    if estimate is None or estimate["value"] is None:
        return "not measured"
    return f"{figure(estimate['value'])}<small>{span(estimate['low'], estimate['high'], 1, 2)}</small>"


def examples(found: list[Any], report: Report) -> str:
    """Answers of the candidate that went wrong."""
    if not found:
        return ""
    items = "".join(
        f'<article class="exchange"><p class="kind">{escape(one["why"])}</p>'
        f'<div class="asked">{"".join(said(turn["content"]) for turn in one["prompt"])}</div>'
        f'<div class="answers">{said(one["text"])}</div></article>'
        for one in found
    )
    return f"<details><summary>What {escape(report['candidate'])} got wrong</summary>{items}</details>"
