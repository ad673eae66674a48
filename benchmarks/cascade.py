"""Cascades on the starter world: one answer of the supervised policy where it is sure, the best of eight where not.

    python -m benchmarks.cascade [--run runs/methods] [--out runs/cascade] [--seeds 0,1,2]

Begins with the runs of `python -m benchmarks.methods`. Each held-out prompt is answered once by either; the cascade
picks by how sure the first one was, at every share of prompts passed on, and is held against passing on by lot.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from benchmarks.starter import asked, drawn, scorer
from concord import formats
from concord.models import Policy, choose
from concord.records import Completion, Prompt, seed_of
from concord.records.files import read_json, write_json
from concord.sampling import BestOf, Cascade, Local
from concord.sampling.cascade import confidence
from concord.world import GoldJudge

N = 8
LONGEST = 64
TENTHS = tuple(range(11))


@dataclass(frozen=True)
class Said:
    """Answers that were given before, as a sampler."""

    answers: dict[str, Completion]

    def sample(self, prompts: Sequence[Prompt], k: int) -> list[Completion]:
        """The one answer of each prompt."""
        assert k == 1, "each prompt was answered once"
        return [self.answers[one.id] for one in prompts]


def one(run: Path, seed: int) -> list[dict[str, float]]:
    """The judge's mean score of the cascade and of passing on by lot, by the share of prompts passed on."""
    place, judge = run / f"seed-{seed}", GoldJudge()
    prompts = list(formats.read_prompts(run / "inputs/data/held_out.jsonl").records)
    speaker = Local(Policy.load(place / "sft/model", choose()), "sft", seed_of(seed, "cascade"), 1.0, LONGEST)
    other = Local(speaker.policy, "best", seed_of(seed, "cascade", "large"), 1.0, LONGEST)
    first = speaker.sample(prompts, 1)
    best = BestOf(other, scorer(place / "reward"), N).sample(prompts, 1)
    small, large = (Said({one.prompt.id: one for one in said}) for said in (first, best))
    sure = sorted(confidence(one) for one in first)
    lone, top = (sum(judge.score(said)) / len(said) for said in (first, best))
    found = []
    for tenth in TENTHS:
        passed = round(tenth / 10 * len(prompts))
        least = sure[passed] if passed < len(sure) else 1.1
        cascade = Cascade(small, large, least)
        mean = sum(judge.score(cascade.sample(prompts, 1))) / len(prompts)
        moved = cascade.passed_on / cascade.asked
        found.append(
            {"share": tenth / 10, "passed on": moved, "gold": mean, "lot": lone + moved * (top - lone)}
        )
    return found


def main() -> None:
    """Answer, pick and draw."""
    given = asked(__doc__ or "", "cascade")
    torch.set_num_threads(1)
    path = given.out / "cascade.json"
    given.out.mkdir(parents=True, exist_ok=True)
    rows: list[Any] = read_json(path) if path.exists() else []
    for seed in given.seeds[len(rows) :]:
        rows.append(one(given.run, seed))
        write_json(path, rows)
        print(seed, rows[-1], flush=True)
    lines = {
        name: [{row["share"]: row[key] for row in found} for found in rows]
        for name, key in (("where it is unsure", "gold"), ("by lot", "lot"))
    }
    alt = "The judge's mean score by the share of prompts passed on to the best of eight"
    drawn("cascade", alt, "share passed on: judge's score", lines, given.curves)


if __name__ == "__main__":
    main()
