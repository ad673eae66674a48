"""Where it comes from: labels and who gave them, and every artefact by the hash of its content, drawn and listed."""

from collections.abc import Mapping, Sequence
from typing import Any

from concord.evaluation.markup import DASH, clean, escape, section, table

Report = dict[str, Any]

PEOPLE = 12
"""Annotators that a table names one by one."""
WIDTH, STEP, BOX, TALL = 720, 92, 168, 54
"""Points of the drawing: its width, a layer, a box's width and height."""
COLUMNS = (190, 418, 602)
"""The middle of each column: what was made stands in the first, what was given in the others."""
LANE, CORNER = 11, 8
"""Points between two arrows that run side by side, and of the rounding of their corners."""
LONGEST = 26
"""Characters of a line in a box."""


def labels(report: Report) -> str:
    """What was trained on which labels by whom."""
    found = report.get("labels") or []
    if not found:
        return ""
    rows = [
        [
            f"{escape(one['what'])}<small>{'simulated, by programs' if one['simulated'] else ''}</small>",
            f"{one['n']:,}",
            ", ".join(f"{escape(name)} {n:,}" for name, n in one["sources"].items()) or DASH,
            everybody(one["by"]),
            ", ".join(map(escape, one["guidelines"])) or "not known",
            ", ".join(escape(learner(name, report)) for name in one["taught"]) or DASH,
        ]
        for one in found
    ]
    heads = ["labels", "how many", "from", "by whom", "guideline", "taught"]
    note = (
        "<p>Everything that was learned was learned from these. People stand here under pseudonyms, the same person "
        "under the same one throughout.</p>"
    )
    drawn = table("Labels, who gave them, and what learned from them", heads, rows, "Labels")
    return section("labels", "Trained on which labels, by whom", note, f'<div class="told">{drawn}</div>')


def everybody(by: Sequence[Mapping[str, Any]]) -> str:
    """Everybody's share, the most first."""
    told = [f'<span class="one">{escape(one["name"])} {one["n"]:,}</span>' for one in by[:PEOPLE]]
    left = by[PEOPLE:]
    if left:
        told.append(f"and {len(left):,} others with {sum(one['n'] for one in left):,}")
    return ", ".join(told)


def learner(name: str, report: Report) -> str:
    """What learned from labels, in words."""
    known = {
        "sft": "the supervised policy",
        "reward": "the reward model",
        "align": f"policy {report['candidate']}",
    }
    return known.get(name, f"policy {name.partition('/')[2]}")


def lineage(report: Report) -> str:
    """Every artefact by content hash: a drawing of what the candidate rests on, and a table of all."""
    found = report.get("lineage")
    if not found:
        return ""
    artefacts = {one["name"]: one for one in found["artefacts"]}
    rows = [
        [
            f"{escape(one['title'])}<small>{escape(one['sort'])}</small>",
            ", ".join(escape(artefacts[name]["title"]) for name in one["from"] if name in artefacts)
            or "given",
            f'<code class="hash">{escape(one["sha256"])}</code>',
        ]
        for one in found["artefacts"]
    ]
    chained = [
        [
            escape(one["policy"]),
            *(known(artefacts, one, place) for place in ("artefact", "reward_model", "labels")),
        ]
        for one in found["chains"]
    ]
    heads = ["policy", "its weights", "taught by the reward model", "which learned from"]
    note = (
        "<p>Two artefacts with one hash are the same, byte for byte. That of a file is the sha256 of its bytes; that "
        "of a folder is the sha256 of the lines <code>sha256  name</code> of its files, in the order of their names. "
        "An arrow means that one was made from the other.</p>"
    )
    chain = "Which labels taught which reward model taught which policy"
    return section(
        "lineage",
        "Where it comes from",
        note,
        f'<div class="wide drawn" role="region" tabindex="0" aria-label="Lineage">{drawing(report, artefacts)}</div>',
        f'<div class="told">{table(chain, heads, chained, "Chains")}</div>',
        f'<div class="told">{table("Every artefact", ["artefact", "made from", "sha256"], rows, "Artefacts")}</div>',
    )


def known(artefacts: Mapping[str, Any], chain: Mapping[str, Any], place: str) -> str:
    """The artefacts of one link of a chain, with the first digits of their hashes."""
    given = chain[place]
    names = [given] if isinstance(given, str) else given or []
    told = [
        f"{escape(artefacts[name]['title'])} <code>{escape(artefacts[name]['sha256'][:12])}</code>"
        for name in names
    ]
    return ", ".join(told) or ("none" if place == "reward_model" else DASH)


def behind(artefacts: Mapping[str, Any]) -> list[str]:
    """What the candidate's verdict rests on, in order: nothing that only rivals needed."""
    wanted, waiting = {"evaluate"}, ["align", "judge", "sft", *held_out(artefacts)]
    while waiting:
        name = waiting.pop()
        if name in artefacts and name not in wanted:
            wanted.add(name)
            waiting.extend(artefacts[name]["from"])
    return [name for name in artefacts if name in wanted]


def held_out(artefacts: Mapping[str, Any]) -> list[str]:
    """The prompts on which policies were judged."""
    return [
        name
        for name in artefacts.get("evaluate", {}).get("from", [])
        if "held-out" in artefacts[name]["title"]
    ]


def layers(names: Sequence[str], artefacts: Mapping[str, Any]) -> dict[str, int]:
    """How far down each stands: below all that it was made from, and what was given just above its first use."""
    parents = {name: [one for one in artefacts[name]["from"] if one in names] for name in names}
    depth: dict[str, int] = {}
    for name in names:  # those before it come first in the list
        depth[name] = 1 + max((depth[one] for one in parents[name] if one in depth), default=-1)
    for name in names:
        users = [depth[other] for other in names if name in parents[other]]
        if not parents[name] and users:
            depth[name] = min(users) - 1
    return depth


def places(names: Sequence[str], depth: Mapping[str, int]) -> dict[str, tuple[float, float]]:
    """The middle of each box: what is made stands in a column of its own, what is given to its right."""
    found: dict[str, tuple[float, float]] = {}
    for layer in sorted(set(depth.values())):
        row = [name for name in names if depth[name] == layer]
        made = [name for name in row if not outside(name)]
        given = [name for name in row if outside(name)]
        for order, name in enumerate(made):
            found[name] = (COLUMNS[0] + order * (BOX + LANE), 34 + layer * STEP)
        for order, name in enumerate(given):
            # A third one in a row, which is rare, stands lower between the layers.
            found[name] = (COLUMNS[1 + order % 2], 34 + layer * STEP + (order // 2) * (TALL + 4))
    return found


def outside(name: str) -> bool:
    """Whether something was given to the run, and not made in it."""
    return name.startswith("given") or name == "judge"


def drawing(report: Report, artefacts: Mapping[str, Any]) -> str:
    """Boxes and arrows, from what was given at the top to the judged answers at the bottom."""
    names = behind(artefacts)
    depth = layers(names, artefacts)
    middle = places(names, depth)
    lanes = {name: order for order, name in enumerate(name for name in names if outside(name))}
    shown = {name: [one for one in artefacts[name]["from"] if one in middle] for name in names}
    if "evaluate" in shown:  # the drawing follows the candidate; the model to begin with was judged too
        shown["evaluate"] = [one for one in shown["evaluate"] if one != "given-0"]
    arrows = "".join(
        arrow(middle[one], middle[name], depth[name] - depth[one], lanes.get(one, 0))
        for name in names
        for one in shown[name]
    )
    boxes = "".join(box(artefacts[name], *middle[name]) for name in names)
    tall = 34 + max(depth.values()) * STEP + TALL / 2 + 8
    said = "; ".join(
        f"{artefacts[name]['title']} from {', '.join(artefacts[one]['title'] for one in shown[name])}"
        for name in names
        if shown[name]
    )
    head = '<path d="M0 0 L8 4 L0 8 z" style="fill:var(--quiet)"/>'
    size = 'markerWidth="8" markerHeight="8" refX="7" refY="4" orient="auto"'
    marker = f'<defs><marker id="tip" {size}>{head}</marker></defs>'
    return (
        f'<svg class="lineage" viewBox="0 0 {WIDTH} {tall:.0f}" role="img" aria-label="{escape(said)}">'
        f"{marker}{arrows}{boxes}</svg>"
    )


def arrow(start: tuple[float, float], end: tuple[float, float], span: int, lane: int) -> str:
    """Straight down to the next; past boxes it swings out to the left; what was given comes in from the right."""
    (x, y), (to_x, to_y) = start, end
    half, tip = BOX / 2, 2
    if x != to_x:
        down, across = y + TALL / 2, to_x + half + LANE + 4 + 5 * lane
        turn, side = down + 6 + 2 * (lane % 5), to_x + half + tip
        path = (
            f"M{x} {down:.0f} V{turn - 4:.0f} Q{x} {turn:.0f} {x - CORNER} {turn:.0f} H{across + CORNER:.0f} "
            f"Q{across:.0f} {turn:.0f} {across:.0f} {turn + CORNER:.0f} V{to_y - CORNER:.0f} "
            f"Q{across:.0f} {to_y:.0f} {across - CORNER / 2:.0f} {to_y:.0f} H{side:.0f}"
        )
    elif span > 1:
        out, edge = x - half - 16 * span, x - half
        path = f"M{edge:.0f} {y:.0f} C{out:.0f} {y:.0f} {out:.0f} {to_y:.0f} {edge - tip:.0f} {to_y:.0f}"
    else:
        path = f"M{x} {y + TALL / 2:.0f} V{to_y - TALL / 2 - tip:.0f}"
    return f'<path d="{path}" style="fill:none;stroke:var(--quiet);stroke-width:1.2" marker-end="url(#tip)"/>'


def box(one: Mapping[str, Any], x: float, y: float) -> str:
    """One artefact: its name, and the first digits of its hash."""
    dash = "" if one["from"] else ";stroke-dasharray:4 3"
    frame = (
        f'<rect x="{x - BOX / 2:.0f}" y="{y - TALL / 2:.0f}" width="{BOX}" height="{TALL}" rx="8" '
        f'style="fill:var(--sheet);stroke:var(--quiet){dash}"/>'
    )
    first, _, second = clean(one["title"]).partition(": ")
    lines = [line[:LONGEST] for line in (first, second) if line]
    looks = ("font-size:12px;font-weight:600", "font-size:11px;font-weight:400")
    top = y - 2 - 7 * (len(lines) - 1)
    text = "".join(
        f'<text x="{x:.0f}" y="{top + 14 * place:.0f}" text-anchor="middle" style="{look};fill:var(--ink)">'
        f"{escape(line)}</text>"
        for place, (line, look) in enumerate(zip(lines, looks, strict=False))
    )
    under = top + 14 * len(lines) + 2
    return (
        f"{frame}{text}"
        f'<text x="{x:.0f}" y="{under:.0f}" text-anchor="middle" class="hash" style="font-size:11px;fill:var(--quiet)">'
        f"{escape(one['sha256'][:12])}</text>"
    )
