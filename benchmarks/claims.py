"""What the textbook says of preferences, held against the starter world: each claim with its figure and interval.

    python -m benchmarks.claims [--run runs/methods]

Reads the runs that `python -m benchmarks.methods` made, and learns one more reward model a seed, from pairs. Claims:
preferences beat demonstrations at an equal price; learning online beats learning offline from the same rankings;
exploration finds answers better than any that was annotated; a list read whole teaches more than its pairs.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.methods import BUDGET, share
from benchmarks.starter import begun, of
from concord import formats
from concord.evaluation.reward_quality import pairs
from concord.records.files import read_rows, write_json
from concord.world import GoldJudge

FIRST = ("sft", "sample", "rank")
LAST_ROUNDS = 5
"""Rounds of PPO whose answers count as what exploration found."""
EQUAL = 1e-9


def explored(place: Path) -> list[tuple[str, float, float, float]]:
    """Of each answer in PPO's last rounds: its prompt, whether nobody had annotated it, whether the judge puts it
    above all that was annotated there, and by how much."""
    judge, seen, best = GoldJudge(), dict[str, set[str]](), dict[str, float]()
    annotated = list(formats.read_completions(place / "sample" / "completions.jsonl").records)
    for one, gold in zip(annotated, judge.score(annotated), strict=True):
        seen.setdefault(one.prompt.id, set()).add(one.text)
        best[one.prompt.id] = max(gold, best.get(one.prompt.id, -np.inf))
    found = []
    for path in sorted((place / "align" / "rollouts").glob("*.jsonl"))[-LAST_ROUNDS:]:
        said = list(formats.read_completions(path).records)
        for one, gold in zip(said, judge.score(said), strict=True):
            lead = gold - best[one.prompt.id]
            new = float(one.text not in seen[one.prompt.id])
            found.append((one.prompt.id, new, float(lead > EQUAL), lead))
    return found


def credits(place: Path) -> dict[tuple[str, int], tuple[str, float]]:
    """Each comparison that was kept back: its prompt, and 1, 0.5 or 0 for right, undecided or wrong."""
    found = pairs(list(read_rows(place / "reward" / "held_out.jsonl")))
    return {(pair.prompt, number): (pair.prompt, pair.credit) for number, pair in enumerate(found)}


def lists_against_pairs(run: Path, seeds: Sequence[int]) -> dict[str, Any]:
    """How much more often the model of whole lists is right than that of pairs, on the same comparisons."""
    leads: list[float] = []
    prompts: list[str] = []
    shares: dict[str, list[float]] = {"lists": [], "pairs": []}
    for seed in seeds:
        place = run / f"seed-{seed}-pairs"
        begun(run, seed, place, FIRST, "reward", "reward.likelihood=bradley-terry")
        whole, summed = credits(run / f"seed-{seed}"), credits(place)
        assert whole.keys() == summed.keys(), "both were tried on what the same seed kept back"
        for key, (prompt, credit) in whole.items():
            leads.append(credit - summed[key][1])
            prompts.append(prompt)
        shares["lists"].append(float(np.mean([credit for _, credit in whole.values()])))
        shares["pairs"].append(float(np.mean([credit for _, credit in summed.values()])))
    return {"lead": of(leads, prompts), **shares}


def told(found: dict[str, float], percent: bool = True) -> str:
    """A figure with its interval."""
    by = 100 if percent else 1
    return f"{by * found['value']:.1f} [{by * found['low']:.1f}, {by * found['high']:.1f}]"


def main() -> None:
    """Hold each claim against the runs, and keep the figures beside them."""
    parser = argparse.ArgumentParser(prog="benchmarks.claims", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--run", type=Path, default=Path("runs/methods"))
    run = parser.parse_args().run
    places = sorted(path for path in run.glob("seed-?") if (path / "report.json").exists())
    seeds = [int(place.name.removeprefix("seed-")) for place in places]
    novel = [row for place in places for row in explored(place)]
    prompts = [prompt for prompt, *_ in novel]
    found: dict[str, Any] = {
        "seeds": seeds,
        "price": {name: share(places, name, BUDGET, 1.0) for name in ("ppo", "dpo")},
        "price_cool": {name: share(places, name, BUDGET, 0.5) for name in ("ppo", "dpo")},
        "online": {str(warm): share(places, "online-dpo", "dpo", warm) for warm in (1.0, 0.5)},
        "explored": {
            "new": of([row[1] for row in novel], prompts),
            "above": of([row[2] for row in novel], prompts),
            "lead_over_best": of([row[3] for row in novel], prompts),
        },
        "lists": lists_against_pairs(run, seeds),
    }
    write_json(run / "claims.json", found)
    for name in ("ppo", "dpo"):
        cool = told(found["price_cool"][name])
        print(
            f"{name} over {BUDGET}, new items: {told(found['price'][name])} % at temperature 1, {cool} % at 0.5"
        )
    online = found["online"]
    print(
        f"online-dpo over dpo, new items: {told(online['1.0'])} % at temperature 1, {told(online['0.5'])} % at 0.5"
    )
    seen = found["explored"]
    print(f"answers of PPO's last rounds that nobody annotated there: {told(seen['new'])} %")
    print(f"answers that the judge puts above all annotated ones: {told(seen['above'])} %")
    print(
        f"their lead over the best annotated answer, in points: {told(seen['lead_over_best'], percent=False)}"
    )
    lists = found["lists"]
    print(
        f"reward model of lists right {np.mean(lists['lists']):.1%}, of pairs {np.mean(lists['pairs']):.1%}: ",
        end="",
    )
    print(f"{told(lists['lead'])} points apart")


if __name__ == "__main__":
    main()
