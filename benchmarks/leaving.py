"""Does it pay to leave out the rankings of annotators who were flagged, on the starter world?

python -m benchmarks.leaving [--seeds 8] [--lists 200] [--overlap 3] [--head]

Ten simulated people rank lists of four answers, each list by some of them: two rank upside down, one always ranks
as shown, one hands in what another did. A reward model learns from everything, from what is left after
`rank.leave_out: flagged`, and from the honest alone; it is tried on lists that nobody ranked, against the gold judge.
With `--head` only the head learns, on the bundled model's frozen states, to its optimum: no luck of training is in it.
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
from concord.maths.ranking import plackett_luce
from concord.maths.statistics import cluster_interval
from concord.models import Compute, RewardModel, choose
from concord.records import Completion, Ranking, seed_of
from concord.records.files import read_rows
from concord.scoring import Learned
from concord.scoring.learned import read
from concord.settings import Habits, Learning, Reward
from concord.stages.leaving import flagged
from concord.stages.plan import bundled
from concord.world import GoldJudge, Panel

RESULTS = ROOT / ".bench" / "leaving.jsonl"
PEOPLE = 10
HABITS = Habits(flippers=2, lefties=1, copiers=1)
VICIOUS = frozenset(f"rater-{number}" for number in (7, 8, 9, 10))
PULL = 0.01
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
    parser.add_argument("--head", action="store_true", help="learn the head alone")
    args = parser.parse_args()
    torch.set_num_threads(1)
    rounds = []
    for seed in range(args.seeds):
        rounds.append(known_or_made(seed, args.lists, args.tried, args.overlap, args.head))
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


def known_or_made(seed: int, count: int, tried: int, overlap: int, head: bool) -> Round:
    """A round that was done before, or a new one, which is written down."""
    asked = [seed, count, tried, overlap, head]
    for row in read_rows(RESULTS) if RESULTS.is_file() else ():
        if row["asked"] == asked:
            return Round(seed, tuple(row["flagged"]), tuple(row["accuracy"]))
    made = one_round(seed, count, tried, overlap, head)
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    with RESULTS.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"asked": asked, "flagged": made.flagged, "accuracy": made.accuracy}) + "\n")
    return made


def one_round(seed: int, count: int, tried: int, overlap: int, head: bool) -> Round:
    """One seed: rankings, flags, and a reward model for each arm."""
    pool, fresh = lists(Plan(pool=count, tried=tried), seed)
    rankings, compute = ranked(pool, seed, overlap), choose("cpu", "float32")
    states = Frozen(compute, [one for group in (*pool, *fresh) for one in group]) if head else None
    out = frozenset(one.name for one in flagged(rankings))
    known: dict[frozenset[str], float] = {}  # where exactly those with a vice were flagged, two arms are one
    for left in (frozenset[str](), out, VICIOUS):
        if left not in known:
            kept = [one for one in rankings if one.by not in left]
            model = states.taught(kept) if states else taught(kept, seed, compute)
            known[left] = accuracy([model], fresh)
    right = (known[frozenset()], known[out], known[VICIOUS])
    return Round(seed, tuple(sorted(out)), right)


def ranked(pool: Sequence[Answers], seed: int, overlap: int) -> list[Ranking]:
    """Each list by some of the ten, drawn by lot."""
    panel, found = Panel(GoldJudge(), seed, PEOPLE, habits=HABITS), []
    for number, answers in enumerate(pool):
        for rater in sorted(Random(seed_of("raters", seed, number)).sample(range(PEOPLE), overlap)):
            found.append(panel.rank(answers[0].prompt, answers, rater))
    return found


def taught(rankings: Sequence[Ranking], seed: int, compute: Compute) -> Learned:
    """A reward model that begins as the bundled model and learns from these rankings."""
    model = RewardModel.load(bundled(), compute)
    settings, desk = Reward(hold_out=0.0), Desk(seed, Learning())
    learn(reward.build(settings, desk, model, rankings), desk, compute)  # type: ignore[arg-type]
    return Learned(model)


class Frozen:
    """What the bundled model thinks of answers at their ends, on which a head can learn alone."""

    def __init__(self, compute: Compute, answers: Sequence[Completion]) -> None:
        model = RewardModel.load(bundled(), compute)
        model.network.score = torch.nn.Identity()
        states = torch.stack(read(model, answers, Learning().micro_tokens, model.opinions)).float()
        states = (states - states.mean(0)) / states.std(0)
        self.states = {(one.prompt.id, one.text): row for one, row in zip(answers, states, strict=True)}

    def of(self, answers: Sequence[Completion]) -> torch.Tensor:
        """[answers, width] their states."""
        return torch.stack([self.states[one.prompt.id, one.text] for one in answers])

    def taught(self, rankings: Sequence[Ranking]) -> "Head":
        """The head under which these rankings are least surprising (Plackett-Luce), with a pull to 0."""
        seen = torch.stack([self.of(one.completions) for one in rankings])
        tiers = torch.full(seen.shape[:2], -1)
        for row, one in enumerate(rankings):
            for tier, places in enumerate(one.tiers):
                tiers[row, list(places)] = tier
        weights = torch.zeros(seen.shape[-1], requires_grad=True)
        optimizer = torch.optim.LBFGS([weights], max_iter=200, line_search_fn="strong_wolfe")

        def closure() -> torch.Tensor:
            optimizer.zero_grad()
            loss = plackett_luce(seen @ weights, tiers).mean() + PULL * weights.square().sum()
            loss.backward()  # type: ignore[no-untyped-call]
            return loss

        optimizer.step(closure)  # type: ignore[no-untyped-call]
        return Head(self, weights.detach())


@dataclass(frozen=True)
class Head:
    """A reward model whose head alone has learned."""

    states: Frozen
    weights: torch.Tensor

    def score(self, completions: Sequence[Completion]) -> list[float]:
        """One score a completion."""
        found: list[float] = (self.states.of(completions) @ self.weights).tolist()
        return found


if __name__ == "__main__":
    sys.exit(main())
