"""The same recipe with several seeds: what holds on all of them is a finding, the rest is luck."""

from collections.abc import Mapping, Sequence
from typing import Any

KEYS = ("a", "b", "temperature", "split")


def table(reports: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Every comparison over all kinds, with its win rate at each seed, their mean, least and most."""
    rows: dict[tuple[Any, ...], list[float]] = {}
    for report in reports:
        for item in report["comparisons"]:
            if item["kind"] is None:
                rows.setdefault(tuple(item[key] for key in KEYS), []).append(item["win_rate"])
    return {
        "seeds": [report["what"]["seed"] for report in reports],
        "verdicts": [bool(report["verdict"]["go"]) for report in reports],
        "comparisons": [
            {
                **dict(zip(KEYS, key, strict=True)),
                "win_rates": rates,
                "mean": sum(rates) / len(rates),
                "least": min(rates),
                "most": max(rates),
            }
            for key, rates in rows.items()
            if len(rates) == len(reports)
        ],
    }


def lines(found: Mapping[str, Any]) -> list[str]:
    """The same as a table for a terminal: one line a comparison, a column a seed."""
    seeds = "".join(f"{f'seed {seed}':>9}" for seed in found["seeds"])
    heads = f"{'win rate, %':<40}{'temperature':>12}{'items':>7}{seeds}{'mean':>8}"
    body = []
    for item in found["comparisons"]:
        name = f"{item['a']} over {item['b']}"
        rates = "".join(f"{100 * rate:>9.1f}" for rate in item["win_rates"])
        split = item["split"] or "all"
        body.append(f"{name:<40}{item['temperature']:>12g}{split:>7}{rates}{100 * item['mean']:>8.1f}")
    verdicts = ", ".join("go" if go else "no-go" for go in found["verdicts"])
    return [heads, *body, f"verdicts: {verdicts}"]
