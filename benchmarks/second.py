"""What a second round of rankings is worth on the starter world: its policy, and what its reward model knows.

    python -m benchmarks.second [--run runs/methods] [--out runs/second]

For each seed `concord next`, then `concord run` without rivals: the first round's policy answers, the panel ranks, all
rankings teach the reward model, and PPO goes on. Both reward models are then tried on the same pairs of that policy's
answers, so that what they differ by is no matter of which answers were drawn.
"""

import sys
from pathlib import Path
from typing import Any

from benchmarks.results import compared, percent, table
from benchmarks.starter import asked, of, right, scorer
from concord import formats
from concord.cli.main import main as concord
from concord.errors import GateRefused
from concord.records import Completion
from concord.records.files import read_json, read_rows

FIRST, SECOND = "sft", "ppo"
"""The policies of a second round's report: the first round's, and its own."""


def gone_on(run: Path, seed: int, place: Path) -> Path:
    """The second round after one seed's run, carried out."""
    recipe = run / "inputs" / f"second-{seed}.yaml"
    if not recipe.exists() and concord(["next", str(run / f"seed-{seed}"), "--to", str(recipe)]):
        sys.exit(f"no second round after {run / f'seed-{seed}'}")
    code = concord(["run", str(recipe), "rivals={}", "--run", str(place)])
    if code not in (0, GateRefused.exit_code):
        sys.exit(f"{place} ended with code {code}")
    return place


def both(run: Path, seed: int, place: Path) -> list[tuple[str, float, float]]:
    """Of each pair of the first policy's answers, of both rounds and clearly apart: its prompt, and who is right."""
    prompts = {one.id: one for one in formats.read_prompts(run / "inputs/data/held_out.jsonl").records}
    files = (run / f"seed-{seed}/answers/ppo/many.jsonl", place / f"answers/{FIRST}/many.jsonl")
    golds = {
        (row["prompt_id"], text): gold
        for file in files
        for row in read_rows(file)
        for text, gold in zip(row["texts"], row["gold"], strict=True)
    }
    said = [Completion(prompts[prompt], text, by="ppo", finish="stop") for prompt, text in golds]
    before, after = (
        right(said, scorer(folder / "reward").score(said), lambda one: golds[one.prompt.id, one.text])
        for folder in (run / f"seed-{seed}", place)
    )
    return [
        (f"{seed} {prompt}", first, second)
        for (prompt, first), (_, second) in zip(before, after, strict=True)
    ]


def line(seed: int, place: Path) -> list[str]:
    """A seed's line of the table."""
    report = read_json(place / "report.json")
    cells = [str(seed)]
    for name in (FIRST, SECOND):
        halves = {
            one["split"]: one
            for one in report["summaries"]
            if (one["policy"], one["temperature"], one["kind"]) == (name, 1.0, None)
        }
        known, new = halves["in"], halves["new"]
        cells += [
            f"{known['gold']['value']:.2f} / {new['gold']['value']:.2f}",
            f"{100 * known['marks']['ok']['value']:.1f} / {100 * new['marks']['ok']['value']:.1f}",
        ]
    for temperature in (1.0, 0.5):
        one = compared(report, SECOND, FIRST, temperature, "new")
        cells.append(percent({**one, "value": one["win_rate"]}))
    return [*cells, "go" if report["verdict"]["go"] else "no-go"]


def told(pairs: list[tuple[str, float, float]]) -> list[str]:
    """How often each model is right, and by how much the second is better."""
    prompts = [prompt for prompt, _, _ in pairs]
    sides: list[Any] = [[one[side] for one in pairs] for side in (1, 2)]
    sides.append([after - before for _, before, after in pairs])
    return [percent(of(values, prompts)) for values in sides]


def main() -> None:
    """Every seed, then all of them."""
    wanted = asked(__doc__, "second")
    wanted.out.mkdir(parents=True, exist_ok=True)
    places = {seed: gone_on(wanted.run, seed, wanted.out / f"seed-{seed}") for seed in wanted.seeds}
    heads = ["seed", "judge's score of the first policy, in / new", "`ok`, in / new", "of the second"]
    heads += ["`ok`, in / new", "second over first, new items, T 1", "T 0.5", "verdict"]
    print(table(heads, [line(seed, place) for seed, place in places.items()]))
    pairs = {seed: both(wanted.run, seed, place) for seed, place in places.items()}
    rows = [[str(seed), f"{len(found):,}", *told(found)] for seed, found in pairs.items()]
    every = [one for found in pairs.values() for one in found]
    heads = ["seed", "pairs", "first reward model right, %", "second, %", "points more"]
    print(table(heads, [*rows, ["all", f"{len(every):,}", *told(every)]]))


if __name__ == "__main__":
    main()
