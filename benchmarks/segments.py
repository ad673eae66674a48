"""PPO on the starter world with the score credited sentence by sentence, beside PPO that is told it at the end.

    python -m benchmarks.segments [--run runs/methods] [--out runs/segments] [--seeds 0,1,2]

Begins with the runs of `python -m benchmarks.methods`; all that differs is where in an answer the score arrives.
"""

from pathlib import Path
from typing import Any

import torch

from benchmarks.curves import looked
from benchmarks.starter import asked, begun, drawn, of, tried
from concord.models import Policy, choose
from concord.records import seed_of
from concord.records.files import read_json, write_json
from concord.sampling import Local
from concord.world import GoldJudge

FIRST = ("sft", "sample", "rank")
LONGEST = 64


def learned(run: Path, out: Path, seed: int) -> Path:
    """The policy's stage, with a reward for every sentence."""
    settings = ("rivals={}", "reward.segments.cut=sentence")
    return begun(run, seed, out / f"seed-{seed}", FIRST, "align", *settings)


def beside(run: Path, align: Path, seed: int) -> dict[str, Any]:
    """How often it is preferred to PPO that is told at the end, on new items."""
    judge = GoldJudge()
    ends = [one for one in tried(run, seed) if one.by == "ppo"]
    policy = Policy.load(align / "model", choose())
    said = Local(policy, "segments", seed_of(seed, "segments"), 1.0, LONGEST).sample(
        [one.prompt for one in ends], 1
    )
    ours, theirs = judge.score(said), judge.score(ends)
    won = [1.0 if a > b else 0.5 if a == b else 0.0 for a, b in zip(ours, theirs, strict=True)]
    return {
        "over ppo": of(won, [one.prompt.id for one in ends]),
        "gold": sum(ours) / len(ours),
        "ppo": sum(theirs) / len(theirs),
    }


def main() -> None:
    """Learn, compare and draw."""
    given = asked(__doc__ or "", "segments")
    torch.set_num_threads(1)
    path = given.out / "segments.json"
    rows = read_json(path) if path.exists() else []
    places = [learned(given.run, given.out, seed) for seed in given.seeds]
    for seed, place in list(zip(given.seeds, places, strict=True))[len(rows) :]:
        rows.append(beside(given.run, place, seed))
        write_json(path, rows)
        print(seed, rows[-1], flush=True)
    ends = [given.run / f"seed-{seed}" / "align" for seed in given.seeds]
    lines = {
        "a score a sentence": [looked(place, "gold") for place in places],
        "at the end": [looked(place, "gold") for place in ends],
    }
    alt = "The judge's score while PPO learns, credited by sentence and at the end"
    drawn("segment-rewards", alt, "step: judge's score", lines, given.curves)


if __name__ == "__main__":
    main()
