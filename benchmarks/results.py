"""The tables of docs/results.md, from the reports of one recipe's runs with several seeds.

python -m benchmarks.results RUN [RUN ...]
"""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from concord.records.files import read_json

Report = Mapping[str, Any]
SHOWN = ("ppo", "grpo", "dpo", "best-of-8", "sft-same-budget")
AGAINST = ("sft", "sft-same-budget")
POLICIES = ("base", "sft", "sft-same-budget", "dpo", "best-of-8", "grpo", "ppo")


def percent(one: Mapping[str, float], digits: int = 1) -> str:
    """A share with its interval, in percent."""
    return f"{100 * one['value']:.{digits}f} [{100 * one['low']:.0f}, {100 * one['high']:.0f}]"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Lines of Markdown."""
    return "\n".join(
        [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|", *(f"| {' | '.join(row)} |" for row in rows)]
    )


def compared(report: Report, a: str, b: str, temperature: float, split: str | None) -> Mapping[str, Any]:
    """One comparison over all kinds."""
    wanted = (a, b, temperature, split, None)
    return next(
        item
        for item in report["comparisons"]
        if (item["a"], item["b"], item["temperature"], item["split"], item["kind"]) == wanted
    )


def summary(
    report: Report, policy: str, warm: float, split: str | None = None, kind: str | None = None
) -> Any:
    """One policy's numbers on one slice."""
    wanted = (policy, warm, split, kind)
    return next(
        item
        for item in report["summaries"]
        if (item["policy"], item["temperature"], item["split"], item["kind"]) == wanted
    )


def win_rates(reports: Sequence[Report]) -> Iterator[list[str]]:
    """Every policy against imitation, and imitation at the same price, on new items."""
    for against in AGAINST:
        for warm in (1.0, 0.5):
            for name in SHOWN:
                if name == against:
                    continue
                found = [compared(report, name, against, warm, "new") for report in reports]
                rates = [percent({**one, "value": one["win_rate"]}) for one in found]
                yield [
                    name,
                    against,
                    f"{warm:g}",
                    *rates,
                    f"{100 * fmean(one['win_rate'] for one in found):.1f}",
                ]


def mark(
    reports: Sequence[Report], policy: str, name: str, warm: float, split: str | None, kind: str | None
) -> float:
    """The mean over seeds of how often a policy earned a mark, in percent."""
    return 100 * fmean(summary(one, policy, warm, split, kind)["marks"][name]["value"] for one in reports)


def deeds(reports: Sequence[Report]) -> Iterator[list[str]]:
    """What the policies do, as means over seeds."""
    for name in POLICIES:
        drifts = [summary(report, name, 1.0)["kl"]["value"] for report in reports]
        drift = f"{fmean(drifts):.2f}" if None not in drifts else "-"
        pairs = [
            " / ".join(f"{mark(reports, name, 'ok', warm, split, None):.1f}" for split in ("in", "new"))
            for warm in (1.0, 0.5)
        ]
        rare = [f"{mark(reports, name, what, 1.0, None, None):.1f}" for what in ("garbled", "unsafe")]
        yield [name, drift, *pairs, *rare]


def kinds(reports: Sequence[Report]) -> Iterator[list[str]]:
    """`ok` by kind of request before and after, and after on new items alone."""
    for kind in reports[0]["kinds"]:
        before, after = (mark(reports, name, "ok", 1.0, None, kind) for name in ("sft", "ppo"))
        new = mark(reports, "ppo", "ok", 1.0, "new", kind)
        yield [kind, f"{before:.0f}", f"{after:.0f}", f"{new:.0f}"]


def refusals(reports: Sequence[Report]) -> Iterator[list[str]]:
    """How surely harm is refused and a look-alike is helped, seed by seed."""
    for kind, name in (("harm", "refused"), ("lookalike", "ok")):
        for split in (None, "new"):
            cells = [percent(summary(one, "ppo", 1.0, split, kind)["marks"][name]) for one in reports]
            yield [
                f"{kind}.{name}",
                split or "all",
                *cells,
                f"{mark(reports, 'ppo', name, 1.0, split, kind):.1f}",
            ]


def cards(reports: Sequence[Report]) -> Iterator[list[str]]:
    """How often the reward models are right, seed by seed."""
    where = (
        ("held_out", None, "rankings kept back, against the simulated people"),
        ("fresh", "in", "new answers of `sft`, against the judge: known items"),
        ("fresh", "new", "the same: new items"),
        ("own", None, "new answers of `ppo`, against the judge"),
    )
    for name, split, words in where:
        found = [report["reward_model"][name] for report in reports]
        shares = [(one["by_split"][split] if split else one["accuracy"])["value"] for one in found]
        yield [words, *(f"{100 * value:.1f}" for value in shares), f"{100 * fmean(shares):.1f}"]


def best_of(reports: Sequence[Report]) -> Iterator[list[str]]:
    """The judge's mean score of the best of n by the reward model."""
    for report in reports:
        points = report["curves"]["best_of_n"]["points"]
        yield [f"seed {report['what']['seed']}", *(f"{point['gold']['value']:.2f}" for point in points)]


def main() -> None:
    """Print all tables."""
    reports = [read_json(Path(name) / "report.json") for name in sys.argv[1:]]
    seeds = [f"seed {report['what']['seed']}" for report in reports]
    sizes = [str(point["n"]) for point in reports[0]["curves"]["best_of_n"]["points"]]
    for heads, rows in (
        (["policy", "against", "temperature", *seeds, "mean"], win_rates(reports)),
        (
            [
                "policy",
                "drift, nats",
                "ok in / new, T 1",
                "ok in / new, T 0.5",
                "garbled, T 1",
                "unsafe, T 1",
            ],
            deeds(reports),
        ),
        (["kind", "`sft`", "`ppo`", "`ppo` on new items"], kinds(reports)),
        (["`ppo`, T 1", "items", *seeds, "mean"], refusals(reports)),
        (["tried on", *seeds, "mean"], cards(reports)),
        (["n", *sizes], best_of(reports)),
    ):
        print(table(heads, rows), end="\n\n")
    print("verdicts:", ", ".join("go" if report["verdict"]["go"] else "no-go" for report in reports))


if __name__ == "__main__":
    main()
