"""Words and numbers as HTML: whatever a model or a file said is escaped here and nowhere else."""

from collections.abc import Iterable, Sequence
from html import escape as escape_html
from typing import Any

LONGEST = 900
"""Characters of a reply that a page shows."""

BLANKS = "\n\t"
SPACES = "\N{NO-BREAK SPACE}\N{ZERO WIDTH JOINER}\N{ZERO WIDTH NON-JOINER}"
UNKNOWN = "\N{REPLACEMENT CHARACTER}"
DASH = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"

SPLITS: dict[str | None, str] = {
    None: "all held-out prompts",
    "in": "known items, new wording",
    "new": "items never annotated",
}
"""Splits in words."""


def escape(text: object) -> str:
    """Any text as text: no tags, no quotes, no control characters, nothing that UTF-8 cannot hold."""
    return escape_html(clean(text), quote=True)


def clean(text: object) -> str:
    """Any text without what does not show."""
    whole = str(text).encode("utf-8", "replace").decode("utf-8")
    return "".join(sign if readable(sign) else UNKNOWN for sign in whole)


def readable(sign: str) -> bool:
    """Whether a character shows something; direction marks, for one, could disguise the page's own words."""
    return sign.isprintable() or sign in BLANKS or sign in SPACES


def said(text: str) -> str:
    """What a model or a person said, kept apart from the page's own words and their direction of writing."""
    if not text.strip():
        return '<p class="said empty">(nothing)</p>'
    cut = text[:LONGEST]
    rest = f'<span class="cut"> \N{HORIZONTAL ELLIPSIS} and {len(text) - LONGEST:,} characters more</span>'
    return f'<p class="said" dir="auto">{escape(cut)}{rest if len(text) > LONGEST else ""}</p>'


def percent(value: float | None, digits: int = 0) -> str:
    """A share in percent."""
    return DASH if value is None else f"{100 * value:.{digits}f}\N{NO-BREAK SPACE}%"


def span(low: float | None, high: float | None, scale: float = 100, digits: int = 0) -> str:
    """The ends of an interval."""
    if low is None or high is None:
        return ""
    return f"{figure(scale * low, digits)} to {figure(scale * high, digits)}"


def figure(value: float | None, digits: int = 2) -> str:
    """A number with a true minus sign."""
    if value is None:
        return DASH
    text = f"{value:.{digits}f}"
    return text.replace("-", MINUS) if float(text) else text.lstrip("-")


def paragraphs(lines: Iterable[str]) -> str:
    """Plain sentences, one paragraph each."""
    return "".join(f"<p>{escape(line)}</p>" for line in lines)


def table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[str]], name: str = "") -> str:
    """A table whose first column names its rows; cells are HTML already."""
    top = "".join(f'<th scope="col">{head}</th>' if head else "<td></td>" for head in heads)
    cells = ((row[0], "".join(f"<td>{cell}</td>" for cell in row[1:])) for row in rows)
    body = "".join(f'<tr><th scope="row">{first}</th>{rest}</tr>' for first, rest in cells)
    whole = f"<caption>{caption}</caption><thead><tr>{top}</tr></thead><tbody>{body}</tbody>"
    # A wide table scrolls on its own; the keyboard must be able to reach what scrolls.
    words = escape(name or "table")
    return f'<div class="wide" role="region" tabindex="0" aria-label="{words}"><table>{whole}</table></div>'


def section(name: str, title: str, *parts: str) -> str:
    """One part of the page; nothing at all if it has nothing to show."""
    inside = "".join(part for part in parts if part)
    return f'<section id="{name}"><h2>{title}</h2>{inside}</section>' if inside else ""


def drawing(svg: str, title: str, words: str) -> str:
    """A figure with its words beside it."""
    return f"<figure><h3>{title}</h3>{svg}<figcaption>{words}</figcaption></figure>"


def bar(value: Any, low: Any, high: Any, middle: bool = True) -> str:
    """A dot on a line from 0 to 100 % with its interval; what it says also stands beside it in words."""
    if value is None:
        return ""
    reach = ""
    if low is not None and high is not None:
        reach = f'<i class="reach" style="left:{100 * low:.1f}%;width:{100 * (high - low):.1f}%"></i>'
    half = '<i class="half"></i>' if middle else ""
    dot = f'<i class="dot" style="left:{100 * value:.1f}%"></i>'
    return f'<span class="bar" aria-hidden="true">{half}{reach}{dot}</span>'
