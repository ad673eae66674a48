"""How each method learns on the starter world: a figure for its page, from the runs of `benchmarks.methods`.

    python -m benchmarks.curves [--run runs/methods] [--out docs/methods/curves]

Each figure is the mean of all seeds, with a band from the lowest to the highest: what the judge and the reward model
say of answers to prompts set aside, look by look; for imitation and the reward model their own course of training;
for best-of-n the judge's score by n. Nothing is learned or asked here: the runs hold it all.
"""

import argparse
import re
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from concord.evaluation.plots import Chart, Series, draw
from concord.records.files import read_json, read_rows, write_text

PAINT = """\
svg {{ {light}; color: var(--ink); background: var(--paper); font-family: system-ui, sans-serif }}
@media (prefers-color-scheme: dark) {{ svg {{ {dark} }} }}
"""
SPACES = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
STYLE = Path(__file__).resolve().parents[1] / "src/concord/evaluation/report.css"
Points = dict[float, float]
"""A curve: what was measured, by where."""


def band(name: str, curves: Sequence[Points], colour: int) -> Series:
    """The mean of all seeds where each has a point, between the lowest and the highest."""
    shared = sorted(set.intersection(*(set(curve) for curve in curves)))
    if not shared:
        raise SystemExit(f"{name}: the seeds have no point in common; were they trained by one recipe?")
    columns = [[curve[x] for curve in curves] for x in shared]
    means = [sum(column) / len(column) for column in columns]
    return Series(name, shared, means, [min(one) for one in columns], [max(one) for one in columns], colour)


def noted(path: Path, key: str, among: int = 1) -> Points:
    """A measure of each step of a training, each the mean of so many steps."""
    rows = [(row["step"], row[key]) for row in read_rows(path) if key in row]
    cuts = [rows[start:end] for start, end in pairwise([*range(0, len(rows), among), len(rows)])]
    return {cut[-1][0]: sum(value for _, value in cut) / len(cut) for cut in cuts}


def looked(place: Path, what: str) -> Points:
    """What the watch of a training saw, look by look."""
    return {float(row["step"]): float(row[what]["value"]) for row in read_rows(place / "watch.jsonl")}


def watched(places: Sequence[Path], name: str) -> Chart:
    """What judge and reward model say of a policy while it learns."""
    stages = [place / ("align" if name == "ppo" else f"rivals/{name}") for place in places]
    gold = band("judge", [looked(stage, "gold") for stage in stages], 0)
    proxy = band("reward model", [looked(stage, "proxy") for stage in stages], 1)
    drift = band("drift, nats", [looked(stage, "kl") for stage in stages], 2)
    alt = f"{name}: the judge's score goes from {gold.y[0]:.2f} to {gold.y[-1]:.2f}, drift to {drift.y[-1]:.2f} nats"
    return Chart(f"curve-{name}", alt, "step", [gold, proxy, drift])


def imitation(places: Sequence[Path]) -> Chart:
    """Loss while 300 demonstrations are learned."""
    losses = band("loss, nats a token", [noted(place / "sft/metrics.jsonl", "loss") for place in places], 0)
    return Chart(
        "curve-sft", f"the loss goes from {losses.y[0]:.2f} to {losses.y[-1]:.2f}", "steps", [losses]
    )


def reward(places: Sequence[Path]) -> Chart:
    """Share of comparisons put right while the reward model learns, before it learns from them."""
    path = "reward/metrics.jsonl"
    right = band("pairs put right", [noted(place / path, "accuracy", 10) for place in places], 0)
    alt = f"the share of pairs put right goes from {right.y[0]:.2f} to {right.y[-1]:.2f}"
    return Chart("curve-reward-model", alt, "step: share of pairs put right, ten steps at a time", [right])


def best_of_n(places: Sequence[Path]) -> Chart:
    """The judge's score by how many answers the reward model chose from."""
    found = [read_json(place / "report.json")["curves"]["best_of_n"]["points"] for place in places]
    lines = [
        band(said, [{float(row["n"]): float(row[key]["value"]) for row in rows} for rows in found], colour)
        for colour, (key, said) in enumerate((("gold", "judge"), ("proxy", "reward model")))
    ]
    alt = f"best of n: the judge's score goes from {lines[0].y[0]:.2f} to {lines[0].y[-1]:.2f}"
    return Chart("curve-best-of-n", alt, "n", lines)


def colours(scheme: str) -> str:
    """The report's own colours, as this many definitions."""
    return "; ".join(re.findall(r"--(?:ink|quiet|rule|paper|c\d): #[0-9a-f]{6}", scheme))


def picture(chart: Chart) -> str:
    """A figure that stands on its own, in light and in dark."""
    sheet = STYLE.read_text(encoding="utf-8")
    light, _, dark = sheet.partition("prefers-color-scheme: dark")
    style = PAINT.format(light=colours(light), dark=colours(dark.partition("}")[0]))
    opened, _, rest = draw(chart).partition(">")
    return f"{opened.replace('<svg', f'<svg {SPACES}', 1)}><style>{style}</style>{rest}\n"


def watched_in(places: Sequence[Path]) -> Iterable[str]:
    """The methods that every run watched."""
    yield "ppo"
    for folder in sorted((places[0] / "rivals").iterdir()):
        if all((place / "rivals" / folder.name / "watch.jsonl").exists() for place in places):
            yield folder.name


def main() -> None:
    """Draw them all."""
    parser = argparse.ArgumentParser(prog="benchmarks.curves", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--run", type=Path, default=Path("runs/methods"))
    parser.add_argument("--out", type=Path, default=Path("docs/methods/curves"))
    asked = parser.parse_args()
    places = sorted(path for path in asked.run.glob("seed-[0-9]") if (path / "report.json").exists())
    if not places:
        raise SystemExit(f"{asked.run} holds no finished runs: `make table` makes them")
    others: dict[str, Callable[[Sequence[Path]], Chart]] = {
        "sft": imitation,
        "reward-model": reward,
        "best-of-n": best_of_n,
    }
    charts: dict[str, Any] = {name: watched(places, name) for name in watched_in(places)}
    charts.update({name: made(places) for name, made in others.items()})
    for name, chart in charts.items():
        write_text(asked.out / f"{name}.svg", picture(chart))
        print(f"{name}: {chart.alt}")


if __name__ == "__main__":
    main()
