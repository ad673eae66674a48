"""Figures as inline SVG: drawn by matplotlib, coloured by the page, the same bytes every time."""

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from concord.evaluation.markup import clean, escape

WIDTH, HEIGHT = 420, 270
"""Size in points; at this width words stay readable on a phone."""

LONGEST_NAME = 24
"""Characters of a name in a figure."""

PAINT = {
    "#00a0a1": "var(--ink)",
    "#00a0a2": "var(--quiet)",
    "#00a0a3": "var(--rule)",
    "#00a0a4": "var(--paper)",
    **{f"#00b0b{number}": f"var(--c{number})" for number in range(1, 8)},
}
"""Colours that matplotlib writes, and what the page makes of them, so that light and dark both work."""

INK, QUIET, RULE, PAPER, *LINES = PAINT
DASHES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1, 1.5)), (0, (6, 2, 1, 2)), (0, (3, 1)), "-", "-")
"""Lines differ by dash too, for readers who do not see colours apart."""


@dataclass(frozen=True, slots=True)
class Series:
    """One line or one cloud of points, with the range of each point if it has one."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    colour: int = 0


@dataclass(frozen=True, slots=True)
class Chart:
    """What to draw and how to say it to those who cannot see it."""

    name: str
    alt: str
    x_label: str
    series: Sequence[Series]
    dots: bool = False
    """Points on their own, each with its name beside it, instead of lines."""
    peak: tuple[float, float, str] | None = None
    """A point to point at, with words."""
    diagonal: bool = False


STYLE: Any = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.size": 11,
    "axes.edgecolor": RULE,
    "axes.labelcolor": QUIET,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "xtick.color": RULE,
    "ytick.color": RULE,
    "xtick.labelcolor": QUIET,
    "ytick.labelcolor": QUIET,
    "ytick.major.size": 0,
    "text.color": INK,
    "legend.labelcolor": INK,
    "path.simplify": False,
}


def draw(chart: Chart) -> str:
    """One figure as an <svg> element that needs nothing from outside the page."""
    import matplotlib as mpl  # drawing is slow to load, and only pages draw
    from matplotlib.figure import Figure

    with mpl.rc_context():
        mpl.rcdefaults()  # a reader's own matplotlibrc must not change the page
        mpl.rcParams.update({**STYLE, "svg.hashsalt": chart.name})
        figure = Figure(figsize=(WIDTH / 72, HEIGHT / 72), layout="constrained")
        axes = figure.add_subplot()
        axes.grid(axis="both" if chart.dots or chart.diagonal else "y")
        axes.set_axisbelow(True)
        axes.set_xlabel(chart.x_label)
        if chart.diagonal:
            axes.axline((0.5, 0.5), slope=1, color=QUIET, linewidth=1, linestyle=(0, (2, 3)))
        for order, series in enumerate(sorted(chart.series, key=lambda one: one.x[0])):
            if chart.dots:
                dot(axes, series, above=order % 2 == 0)
            else:
                line(axes, series)
        if chart.peak:
            point_at(axes, *chart.peak)
        axes.margins(x=0.04 if not chart.dots else 0.16, y=0.1)
        if len(chart.series) > 1 and not chart.dots:
            place: Any = {"loc": "lower left", "bbox_to_anchor": (-0.02, 1.0), "ncols": 3}
            axes.legend(frameon=False, handlelength=1.8, columnspacing=1.2, **place)
        target = io.StringIO()
        figure.savefig(target, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return settle(target.getvalue(), chart)


def line(axes: Any, series: Series) -> None:
    """A line with its band."""
    colour = LINES[series.colour % len(LINES)]
    if series.low:
        axes.fill_between(series.x, series.low, series.high, color=colour, alpha=0.16, linewidth=0)
    dash = DASHES[series.colour % len(DASHES)]
    marker = "o" if len(series.x) <= 12 else None  # few points were each measured; many are a stream
    look: Any = {"color": colour, "linewidth": 2, "linestyle": dash, "marker": marker, "ms": 4}
    axes.plot(series.x, series.y, label=clean(series.name)[:LONGEST_NAME], **look)


def dot(axes: Any, series: Series, above: bool) -> None:
    """A point with its interval and its name; neighbours put theirs on different sides."""
    colour = LINES[series.colour % len(LINES)]
    if series.low:
        axes.vlines(series.x, series.low, series.high, color=colour, linewidth=2.2, alpha=0.5)
    axes.plot(series.x, series.y, color=colour, marker="o", ms=7, linestyle="none")
    for x, y in zip(series.x, series.y, strict=True):
        name, beside = clean(series.name)[:LONGEST_NAME], (7, 5 if above else -13)
        axes.annotate(name, (x, y), xytext=beside, textcoords="offset points")


def point_at(axes: Any, x: float, y: float, words: str) -> None:
    """A ring around a point, and a note on it."""
    axes.plot([x], [y], marker="o", ms=12, mfc="none", mec=INK, mew=1.4, linestyle="none")
    axes.annotate(words, (x, y), xytext=(0, 13), textcoords="offset points", ha="center", weight="bold")


def settle(text: str, chart: Chart) -> str:
    """Matplotlib's file as part of a page: no links, no styles for other elements, no ids in common."""
    inside = text[text.index("<svg") :]
    inside = re.sub(r"<metadata>.*?</metadata>", "", inside, flags=re.DOTALL)
    inside = re.sub(r"<style[^>]*>.*?</style>", "", inside, flags=re.DOTALL)
    inside = re.sub(r"<!--.*?-->", "", inside, flags=re.DOTALL)
    inside = re.sub(r'<g id="[^"]*"', "<g", inside)
    inside = re.sub(r"font: (?:(\w+) )?([\d.]+px) [^;\"]*", font, inside)
    for colour, variable in PAINT.items():
        inside = inside.replace(colour, variable)
    head = (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(chart.alt)}" '
        'stroke-linejoin="round" stroke-linecap="butt">'
    )
    body = inside[inside.index(">") + 1 :].replace("<g>\n", "<g>")
    return head + re.sub(r"\n\s*", "\n", body)


def font(found: re.Match[str]) -> str:
    """Matplotlib's font as the page's own, in the same size and weight."""
    weight = f"font-weight: {found[1]}; " if found[1] else ""
    return f"{weight}font-size: {found[2]}"
