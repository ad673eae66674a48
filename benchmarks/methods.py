"""Every method with the same guidance: what each makes of 300 demonstrations and 1,200 rankings, over several seeds.

    python -m benchmarks.methods [--seeds 3] [--only dpo,kto] [--run runs/methods]

Runs the starter recipe with every method of `align` as a rival, and prints a table: how often each beats the
supervised policy on new items before the gold judge (interval over prompts), its drift, and what it cost.
What is done already is not done again. The table and its figures lie in the run folder, as table.md and table.json.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from concord.maths.statistics import cluster_interval
from concord.records.files import read_json, read_rows, write_json, write_text
from concord.runs import Run, load
from concord.settings import Method
from concord.stages.carry_out import carry_out
from concord.stages.demo import init
from concord.stages.plan import plan

REFERENCE, BUDGET = "sft", "sft-same-budget"
NEEDY = {"sft", "distill"}
"""Methods that are no way to spend rankings, or need a teacher."""
HEADS = (
    "method",
    "wins at T 1, %",
    "wins at T 0.5, %",
    "over same budget, %",
    "drift, nats",
    "seconds",
    "peak MB",
)


def methods() -> list[str]:
    """The names of all methods that rankings can be spent on."""
    union = get_args(Method)[0]
    names = [one.model_fields["method"].default for one in get_args(union)]
    return [name for name in names if name not in NEEDY]


def run(folder: Path, seed: int, names: Sequence[str]) -> Path:
    """One run of the recipe with all these methods; returns its folder."""
    inputs = folder / "inputs"
    if not (inputs / "recipe.yaml").exists():
        init(inputs)
    rivals = [f"rivals.{name}.method={name}" for name in names if name not in ("ppo", "grpo", "dpo")]
    place = folder / f"seed-{seed}"
    loaded = load(inputs / "recipe.yaml", [f"seed={seed}", *rivals])
    with Run.open(place, loaded) as opened:
        carry_out(loaded, opened, [task.name for task in plan(loaded)], frozenset(), tell)
    return place


def tell(line: str) -> None:
    """Progress, beside the table."""
    print(line, file=sys.stderr, flush=True)


def outcomes(place: Path, a: str, b: str, temperature: float) -> Iterator[tuple[str, float]]:
    """Each new prompt, and 1, 0.5 or 0 for a win, a tie or a loss of a against b."""
    gold: dict[str, dict[str, float]] = {a: {}, b: {}}
    for row in read_rows(place / "evaluate" / "answers.jsonl"):
        if row["policy"] in gold and row["temperature"] == temperature and row["split"] == "new":
            gold[row["policy"]][row["prompt_id"]] = row["gold"]
    for prompt, score in gold[a].items():
        other = gold[b][prompt]
        yield prompt, 1.0 if score > other else 0.5 if score == other else 0.0


def share(places: Sequence[Path], a: str, b: str, temperature: float) -> dict[str, float]:
    """The win rate over all seeds; answers to one prompt tell partly the same, so prompts are the clusters."""
    found = [pair for place in places for pair in outcomes(place, a, b, temperature)]
    mean, low, high = cluster_interval([won for _, won in found], [prompt for prompt, _ in found])
    return {"value": mean, "low": low, "high": high, "n": len(found)}


def row(places: Sequence[Path], name: str) -> dict[str, Any]:
    """All that the table says of one method."""
    reports = [read_json(place / "report.json") for place in places]
    stage = {"ppo": "align"}.get(name, f"rivals/{name}")
    spent = [one for report in reports for one in report["stages"] if one["name"] == stage]
    drifts = [
        one["kl"]["value"]
        for report in reports
        for one in report["summaries"]
        if one["policy"] == name and one["temperature"] == 1 and one["split"] is None and one["kind"] is None
    ]
    return {
        "method": name,
        "hot": share(places, name, REFERENCE, 1.0),
        "cool": share(places, name, REFERENCE, 0.5),
        "budget": share(places, name, BUDGET, 1.0),
        "drift": sum(drifts) / len(drifts),
        "seconds": sum(one["seconds"] for one in spent) / len(spent),
        "peak_mb": max(one["peak_mb"] for one in spent),
    }


def line(found: Mapping[str, Any]) -> str:
    """One method's line of the table."""
    shares = [
        f"{100 * one['value']:.1f} [{100 * one['low']:.1f}, {100 * one['high']:.1f}]"
        for one in (found["hot"], found["cool"], found["budget"])
    ]
    cells = (
        found["method"],
        *shares,
        f"{found['drift']:.2f}",
        f"{found['seconds']:.0f}",
        f"{found['peak_mb']:,.0f}",
    )
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Run, then print and keep the table."""
    parser = argparse.ArgumentParser(
        prog="benchmarks.methods", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", type=lambda text: text.split(","), default=None)
    parser.add_argument("--run", type=Path, default=Path("runs/methods"))
    asked = parser.parse_args()
    names = asked.only or methods()
    places = [run(asked.run, seed, names) for seed in range(asked.seeds)]
    rows = sorted((row(places, name) for name in names), key=lambda one: -one["hot"]["value"])
    table = "\n".join([f"| {' | '.join(HEADS)} |", f"|{'---|' * len(HEADS)}", *(line(one) for one in rows)])
    write_json(asked.run / "table.json", {"seeds": asked.seeds, "rows": rows})
    write_text(asked.run / "table.md", table + "\n")
    print(table)


if __name__ == "__main__":
    main()
