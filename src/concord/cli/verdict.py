"""A gate's verdict on a terminal: one line a question, signs that can be told apart, and plain ASCII where needed."""

import sys
from collections.abc import Mapping
from typing import Any

SIGNS = {"pass": "\N{HEAVY CHECK MARK}", "fail": "\N{HEAVY MULTIPLICATION X}", "inconclusive": "?"}
PLAIN = {
    SIGNS["pass"]: "+",
    SIGNS["fail"]: "x",
    "\N{MIDDLE DOT}": "|",
    "\N{GREATER-THAN OR EQUAL TO}": ">=",
    "\N{LESS-THAN OR EQUAL TO}": "<=",
    "\N{RIGHTWARDS ARROW}": "->",
    "\N{EN DASH}": "-",
    "\N{HORIZONTAL ELLIPSIS}": "...",
    "\N{NO-BREAK SPACE}": " ",
}
"""What stands for a sign where there is only ASCII."""
SHORT = {"above": ">", "at least": "\N{GREATER-THAN OR EQUAL TO}", "at most": "\N{LESS-THAN OR EQUAL TO}"}
ORDER = ("fail", "inconclusive", "pass")


def lines(verdict: Mapping[str, Any], report: Mapping[str, Any] | None = None) -> list[str]:
    """The whole verdict: what was decided, why, every question, and who took which risk."""
    items = sorted(verdict.get("criteria", []), key=lambda item: ORDER.index(item["state"]))
    if not items or "label" not in items[0]:
        return [headline(verdict), *(f"  {reason}" for reason in verdict.get("because", []))]
    told = [headline(verdict)]
    told += [f"  {identity(report)}"] if report else []
    told += ["", *wrapped(verdict["reason"]), ""]
    width = max(len(item["label"]) for item in items)
    found = [figures(item) for item in items]
    wide, broad = (max(len(pair[place]) for pair in found) for place in (0, 1))
    for item, (value, between) in zip(items, found, strict=True):
        line = f" {SIGNS[item['state']]} {item['label']:{width}}  {value:>{wide}} {between:{broad}}  {asked(item)}"
        told.append(line.rstrip())
        if item["lapsed"]:
            said = item["lapsed"]
            told.append(f"   {said['by']} accepted it as far as {said['worst']:g} and no further")
        if item["accepted"]:
            said = item["accepted"]
            told.append(f"   accepted by {said['by']} because {said['reason']}")
    if not any(item["accepted"] for item in items):
        told.append("   accepted risks: none")
    return told


def headline(verdict: Mapping[str, Any]) -> str:
    """The decision in one line."""
    if "candidate" not in verdict:
        return f"The gate says {'go' if verdict.get('go') else 'no-go'}."
    word = verdict.get("verdict") or ("GO" if verdict["go"] else "NO-GO")
    states = [item["state"] for item in verdict.get("criteria", [])]
    parts = [(states.count("fail"), "missed"), (states.count("inconclusive"), "open")]
    counts = ", ".join(f"{count} {name}" for count, name in parts if count)
    return f"{verdict['candidate']} against {verdict['reference']}: {word}{f' ({counts})' if counts else ''}"


def identity(report: Mapping[str, Any]) -> str:
    """Which policy, labels and judge by the first digits of their hashes, and which seed and commit."""
    artefacts = (report.get("lineage") or {}).get("artefacts", [])
    hashes = {one["name"]: one["sha256"][:8] for one in artefacts}
    names = (("align", "policy"), ("rank", "labels"), ("judge", "judge"))
    facts = [f"{word} {hashes[name]}" for name, word in names if name in hashes]
    what = report.get("what") or {}
    facts += [f"{name} {str(what[name])[:8]}" for name in ("seed", "commit") if what.get(name) is not None]
    return " \N{MIDDLE DOT} ".join(facts)


def figures(item: Mapping[str, Any]) -> tuple[str, str]:
    """A question's number and its interval; a difference carries its sign."""
    from concord.evaluation.wording import reach, written

    value = item["value"]
    if value is None or not item["baseline"]:
        return written(value, item["unit"]), reach(dict(item))
    return (f"{100 * value:+.1f} points" if item["unit"] == "share" else f"{value:+.2f}"), reach(dict(item))


def asked(item: Mapping[str, Any]) -> str:
    """What was asked of it, and what would settle it."""
    from concord.evaluation.wording import limit

    need = limit(dict(item))
    for words, sign in SHORT.items():
        need = need.replace(words, sign) if need.startswith(words) and not item["baseline"] else need
    more = f" \N{RIGHTWARDS ARROW} {item['more_needed']:,} more prompts" if item["more_needed"] else ""
    return f"need {need}{more}{'' if item['required'] else ' (may stay open)'}"


def wrapped(text: str, width: int = 100) -> list[str]:
    """A paragraph in lines."""
    import textwrap

    return textwrap.wrap(text, width, initial_indent="  ", subsequent_indent="  ")


def fitted(told: list[str], encoding: str | None = None) -> list[str]:
    """The same in plain ASCII where standard output cannot show more."""
    if (encoding or sys.stdout.encoding or "ascii").lower().replace("-", "") == "utf8":
        return told
    for sign, plain in PLAIN.items():
        told = [line.replace(sign, plain) for line in told]
    return [line.encode("ascii", "backslashreplace").decode("ascii") for line in told]
