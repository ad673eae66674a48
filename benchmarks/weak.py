"""Weak to strong on the starter world: how much of a strong model's own best does a weak teacher bring out of it?

    python -m benchmarks.weak [--run runs/weak] [--seeds 3]

A model of a tenth of the weights learns Milford's text, then 300 demonstrations: the weak supervisor. It answers 1,200
prompts, and the starter model imitates those answers: the student. The ceiling is the starter model on as many
demonstrations by people. All answer the held-out prompts before the gold judge.
"""

import argparse
import sys
from itertools import islice
from pathlib import Path
from typing import Any

from concord import formats
from concord.evaluation.weak_to_strong import recovered, told
from concord.models import Policy, choose
from concord.records import Demonstration, Prompt, seed_of
from concord.records.files import write_json
from concord.runs import Run, load
from concord.sampling import Local
from concord.stages.carry_out import carry_out
from concord.stages.demo import init
from concord.stages.starter import Size, make
from concord.world import GoldJudge

WEAK = Size(width=64, layers=2, heads=2, inner=160)
STEPS = 1500
TEMPERATURES = (1.0, 0.5)
LONGEST = 64
TEACHING = 0.5
"""The weak supervisor teaches with its likelier answers."""


def taught(folder: Path, name: str, seed: int, *settings: str) -> Policy:
    """The policy that the stage sft of the starter recipe makes under some settings."""
    loaded = load(folder / "inputs" / "recipe.yaml", [f"seed={seed}", *settings])
    with Run.open(folder / f"seed-{seed}" / name, loaded) as run:
        carry_out(loaded, run, ["sft"], frozenset(), lambda line: print(line, file=sys.stderr))
        return Policy.load(run.path("sft") / "model", choose())


def rows(policy: Policy, name: str, prompts: list[Prompt], seed: int) -> list[dict[str, Any]]:
    """A policy's answers as the judge finds them."""
    found = []
    for temperature in TEMPERATURES:
        said = Local(policy, name, seed_of(seed, "weak", name), temperature, LONGEST).sample(prompts, 1)
        scores = GoldJudge().score(said)
        found += [
            {"policy": name, "temperature": temperature, "prompt_id": one.prompt.id, "gold": score}
            for one, score in zip(said, scores, strict=True)
        ]
    return found


def one(folder: Path, seed: int) -> list[dict[str, Any]]:
    """Weak supervisor, student and ceiling of one seed; the judge's scores of all their answers."""
    data, place = folder / "inputs" / "data", folder / f"seed-{seed}"
    weak = taught(folder, "weak", seed, f"base={folder / 'weak'}")
    asked = formats.read_prompts(data / "prompts.jsonl").records
    said = Local(weak, "weak", seed_of(seed, "teach"), TEACHING, LONGEST).sample(asked, 1)
    whole = [
        Demonstration(answer.prompt, answer.text)
        for answer in said
        if answer.finish == "stop" and answer.text
    ]
    print(
        f"{len(whole)} of {len(said)} answers of the weak supervisor came to an end and are taught",
        file=sys.stderr,
    )
    formats.write_demonstrations(place / "taught.jsonl", whole)
    many = formats.read_demonstrations(data / "more_demonstrations.jsonl").records
    formats.write_demonstrations(place / "people.jsonl", islice(many, len(whole)))
    policies = {
        "weak": weak,
        "student": taught(folder, "student", seed, f"sft.demonstrations={place / 'taught.jsonl'}"),
        "ceiling": taught(folder, "ceiling", seed, f"sft.demonstrations={place / 'people.jsonl'}"),
    }
    held_out = list(formats.read_prompts(data / "held_out.jsonl").records)
    return [row for name, policy in policies.items() for row in rows(policy, name, held_out, seed)]


def main() -> None:
    """Make all three for each seed, and tell how much of the gap was closed."""
    parser = argparse.ArgumentParser(prog="benchmarks.weak", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--run", type=Path, default=Path("runs/weak"))
    asked = parser.parse_args()
    folder = asked.run.absolute()
    if not (folder / "inputs").exists():
        init(folder / "inputs")
    if not (folder / "weak" / "STARTER.json").exists():
        make(folder / "weak", STEPS, WEAK)
    told_of = []
    for seed in range(asked.seeds):
        found = one(folder, seed)
        for temperature in TEMPERATURES:
            gap = recovered(found, "weak", "student", "ceiling", temperature)
            means = {
                name: sum(row["gold"] for row in own) / len(own)
                for name in ("weak", "student", "ceiling")
                if (own := [r for r in found if r["policy"] == name and r["temperature"] == temperature])
            }
            told_of.append({"seed": seed, "temperature": temperature, "gold": means, "pgr": gap})
            gold = ", ".join(f"{name} {value:.2f}" for name, value in means.items())
            print(f"seed {seed}, temperature {temperature}: {gold}; {told(gap)}", flush=True)
    write_json(folder / "weak.json", told_of)


if __name__ == "__main__":
    main()
