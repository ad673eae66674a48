"""Does it pay to leave out the rankings of annotators who were flagged, on the starter world?

python -m benchmarks.leaving [--seeds 8] [--lists 200] [--overlap 3]

Ten simulated people rank lists of four answers, each list by some of them: two rank upside down, one always ranks
as shown, one hands in what another did. A reward model learns from everything, from what is left after
`rank.leave_out: flagged`, and from the honest alone; it is tried on lists that nobody ranked, against the gold judge.
What is done is written down: the same command goes on where it was stopped.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

import torch

from benchmarks.active import Answers, Desk, Plan, accuracy, learn, lists
from benchmarks.side import ROOT
from concord.algorithms import reward
from concord.maths.statistics import cluster_interval
from concord.models import Compute, RewardModel, choose
from concord.records import Ranking, seed_of
from concord.records.files import read_rows
from concord.scoring import Learned
from concord.settings import Habits, Learning, Reward
from concord.stages.leaving import flagged
from concord.stages.plan import bundled
from concord.world import GoldJudge, Panel

RESULTS = ROOT / ".bench" / "leaving.jsonl"
PEOPLE = 10
HABITS = Habits(flippers=2, lefties=1, copiers=1)
VICIOUS = frozenset(f"rater-{number}" for number in (7, 8, 9, 10))
ARMS = ("all", "without the flagged", "the honest alone")


@dataclass(frozen=True)
class Round:
    """What came of one seed."""

    seed: int
    flagged: tuple[str, ...]
    accuracy: tuple[float, ...]
    """By arm."""


def main() -> int:
    """All seeds, and the differences between the arms with their intervals over the seeds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--lists", type=int, default=200)
    parser.add_argument("--tried", type=int, default=300)
    parser.add_argument("--overlap", type=int, default=3)
    args = parser.parse_args()
    torch.set_num_threads(1)
    rounds = []
    for seed in range(args.seeds):
        rounds.append(known_or_made(seed, args.lists, args.tried, args.overlap))
        print(f"seed {seed}: {rounds[-1]}", file=sys.stderr, flush=True)
    for arm, name in enumerate(ARMS):
        mean = sum(one.accuracy[arm] for one in rounds) / len(rounds)
        print(f"| {name} | {100 * mean:.1f} | {'' if arm == 0 else gained(rounds, arm)} |")
    honest = sum(len(set(one.flagged) - VICIOUS) for one in rounds)
    caught = sum(len(set(one.flagged) & VICIOUS) for one in rounds)
    every = len(rounds) * len(VICIOUS)
    print(f"flagged: {caught} of {every} with a vice, {honest} of {len(rounds) * PEOPLE - every} honest")
    return 0


def gained(rounds: Sequence[Round], arm: int) -> str:
    """How much an arm is above that of all rankings, seed by seed, in points."""
    gaps = [100 * (one.accuracy[arm] - one.accuracy[0]) for one in rounds]
    gap, low, high = cluster_interval(gaps, range(len(gaps)))
    return f"{gap:+.1f} [{low:+.1f}, {high:+.1f}]"


def known_or_made(seed: int, count: int, tried: int, overlap: int) -> Round:
    """A round that was done before, or a new one, which is written down."""
    asked = [seed, count, tried, overlap]
    for row in read_rows(RESULTS) if RESULTS.is_file() else ():
        if row["asked"] == asked:
            return Round(seed, tuple(row["flagged"]), tuple(row["accuracy"]))
    made = one_round(*asked)
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    with RESULTS.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"asked": asked, "flagged": made.flagged, "accuracy": made.accuracy}) + "\n")
    return made


def one_round(seed: int, count: int, tried: int, overlap: int, epochs: int = 2) -> Round:
    """One seed: rankings, flags, and a reward model for each arm."""
    pool, fresh = lists(Plan(pool=count, tried=tried), seed)
    rankings, compute = ranked(pool, seed, overlap), choose("cpu", "float32")
    out = frozenset(one.name for one in flagged(rankings))
    known: dict[frozenset[str], float] = {}  # where exactly those with a vice were flagged, two arms are one
    for left in (frozenset[str](), out, VICIOUS):
        if left not in known:
            kept = [one for one in rankings if one.by not in left]
            known[left] = accuracy([taught(kept, seed, epochs, compute)], fresh)
    right = (known[frozenset()], known[out], known[VICIOUS])
    return Round(seed, tuple(sorted(out)), right)


def ranked(pool: Sequence[Answers], seed: int, overlap: int) -> list[Ranking]:
    """Each list by some of the ten, drawn by lot."""
    panel, found = Panel(GoldJudge(), seed, PEOPLE, habits=HABITS), []
    for number, answers in enumerate(pool):
        for rater in sorted(Random(seed_of("raters", seed, number)).sample(range(PEOPLE), overlap)):
            found.append(panel.rank(answers[0].prompt, answers, rater))
    return found


def taught(rankings: Sequence[Ranking], seed: int, epochs: int, compute: Compute) -> Learned:
    """A reward model that begins as the bundled model and learns from these rankings."""
    model = RewardModel.load(bundled(), compute)
    settings, desk = Reward(epochs=epochs, hold_out=0.0), Desk(seed, Learning())
    learn(reward.build(settings, desk, model, rankings), desk, compute)  # type: ignore[arg-type]
    return Learned(model)


if __name__ == "__main__":
    sys.exit(main())
