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
