"""Results as people read them: a table, and two results side by side."""

from collections.abc import Iterable
from typing import Any

from benchmarks.plan import LIST_BAR, MEMORY_BAR, UTILISATION_BAR

LOSS = 0.9
"""A stage that keeps less than this share of its ratio has lost something."""
HEAD = (
    *("stage", "model", "threads", "neighbour", "ours/s", "peer"),
    *("ratio", "low-high", "bar", "memory", "GEMM", "losses"),
)


def lines(rows: Iterable[dict[str, Any]]) -> list[str]:
    """A Markdown table: one line for each peer of each comparison."""
    found = [f"| {' | '.join(HEAD)} |", f"|{'---|' * len(HEAD)}"]
    for row in rows:
        if "failed" in row:
            cells = [
                row["stage"],
                row["model"],
                row["threads"],
                company(row),
                f"failed: {row['failed'][:80]}",
            ]
            found.append(f"| {' | '.join(map(str, cells))} |{' |' * (len(HEAD) - len(cells))}")
            continue
        found += [line(row, peer) for peer in row["ratios"]]
    return found


def line(row: dict[str, Any], peer: str) -> str:
    """One comparison with one peer."""
    ratio, bar = row["ratios"][peer], bar_of(row, peer)
    ours = row["rates"]["ours"]["median"]
    memory = row["peak_mb"]["ours"] / row["peak_mb"][peer]
    share = row["utilisation"]
    cells = (
        row["stage"],
        row["model"],
        row["threads"],
        company(row),
        f"{ours:,.1f} {row['unit']}" if ours < 100 else f"{ours:,.0f} {row['unit']}",
        peer,
        f"{ratio['median']:.2f}",
        f"{ratio['low']:.2f}-{ratio['high']:.2f}",
        f"{bar:g} {'met' if ratio['median'] >= bar else 'missed'}" if bar else "",
        f"{memory:.2f}",
        f"{share:.0%}" if share is not None else "",
        apart(row),
    )
    return f"| {' | '.join(map(str, cells))} |"


def company(row: dict[str, Any]) -> str:
    """Whether somebody else was at work."""
    return "busy" if row["neighbour"] else "idle"


def apart(row: dict[str, Any]) -> str:
    """How far the losses are from each other."""
    found = row["loss_difference"]
    if found is None:
        return "not compared"
    return f"{found:.1e}" + ("" if row["comparable"] else " NOT COMPARABLE")


def bar_of(row: dict[str, Any], peer: str) -> float | None:
    """The least ratio to clear."""
    bars: dict[str, float] = row["bars"]
    lower = row["model"] == "small" and peer in ("plain", "best")
    return bars.get("small", bars.get(peer)) if lower else bars.get(peer)


def verdicts(rows: list[dict[str, Any]]) -> list[str]:
    """What no single line of the table can tell."""
    whole = [row for row in rows if "failed" not in row]
    found = []
    shares = [row for row in whole if row["utilisation"] is not None]
    if shares:
        least = min(shares, key=lambda row: row["utilisation"])
        found.append(
            f"least share of the best matrix product in training: {least['utilisation']:.0%} "
            f"({least['stage']}, {least['model']}; bar {UTILISATION_BAR:.0%})"
        )
    small = [row for row in whole if row["model"] == "small"]
    for row in small:
        told = ", ".join(
            f"{row['peak_mb']['ours'] / peak:.2f} of {peer}"
            for peer, peak in row["peak_mb"].items()
            if peer != "ours"
        )
        found.append(f"memory, small, {row['stage']}: {told} (bar {MEMORY_BAR})")
    lists = [row for row in whole if row["stage"] == "reward-list"]
    for one in lists:
        same = [row for row in whole if row["stage"] == "reward" and place(row)[1:] == place(one)[1:]]
        if same:
            pairs = same[0]["rates"]["ours"]["median"] / one["rates"]["ours"]["median"]
            found.append(f"a list of 4, {one['model']}, costs {pairs:.2f} pairs (bar: less than {LIST_BAR})")
    return found


def place(row: dict[str, Any]) -> tuple[Any, ...]:
    """What makes two rows the same comparison."""
    return row["stage"], row["model"], row["threads"], row["neighbour"]


def compared(before: dict[str, Any], after: dict[str, Any]) -> tuple[list[str], list[str]]:
    """Every ratio of two results that both have, and those that were lost."""
    told, lost = [], []
    old = {place(row): row for row in before["rows"] if "failed" not in row}
    for row in after["rows"]:
        known = old.get(place(row))
        if known is None:
            continue
        name = f"{row['stage']}, {row['model']}, {row['threads']} threads, {company(row)}"
        if "failed" in row:
            lost.append(f"{name}: failed: {row['failed'][:80]}")
            continue
        for peer in row["ratios"].keys() & known["ratios"].keys():
            was, now = known["ratios"][peer]["median"], row["ratios"][peer]["median"]
            text = f"{name}, to {peer}: {was:.2f} -> {now:.2f} ({now / was - 1:+.0%})"
            told.append(text)
            if now < LOSS * was:
                lost.append(text)
    return told, lost
