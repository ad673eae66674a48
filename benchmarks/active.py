"""Does it pay to let an ensemble say which lists people should rank next?

python -m benchmarks.active [--quick] [--seeds 5] [--by information] [--completions FILE] [--base FOLDER]

Both arms begin with the same lists of the starter world, ranked by its simulated panel, and rank more of them
in rounds: one arm at random, one where a few reward models that saw other parts of the rankings disagree most.
After each round all members learn anew, and their mean score is tried on lists that nobody ranked, against the
gold judge. What is done is written down at once: the same command goes on where it was stopped.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import combinations, groupby
from pathlib import Path
from random import Random
from typing import Any, Literal

import numpy as np
import torch
from scipy.optimize import isotonic_regression

from benchmarks.side import ROOT
from concord import formats
from concord.algorithms import reward
from concord.annotation.routing import Measure, ordered
from concord.maths.statistics import cluster_interval
from concord.models import Compute, RewardModel, choose
from concord.records import Completion, Prompt, Ranking, digest, seed_of
from concord.records.files import write_text
from concord.roles import Scorer
from concord.scoring import Learned
from concord.settings import Learning, Reward
from concord.stages.plan import bundled
from concord.training import Guard, Local, Optimizer, fit, schedule
from concord.world import GoldJudge, Panel, World
from concord.world.demonstrators import demonstrate
from concord.world.replies import careless, evasive, join, unsafe
from concord.world.requests import read_request

RESULTS = ROOT / ".bench" / "active.jsonl"
EQUAL = 1e-9
Arm = Literal["random", "active"]
ARMS: tuple[Arm, ...] = ("random", "active")
Answers = Sequence[Completion]


@dataclass(frozen=True)
class Plan:
    """How much is done."""

    pool: int = 900
    """Lists that may be ranked."""
    tried: int = 300
    """Lists on which a reward model is tried."""
    first: int = 48
    """Lists that both arms begin with."""
    more: int = 48
    """Lists ranked in a round."""
    rounds: int = 7
    members: int = 3
    by: Measure = "information"
    epochs: int = 2
    base: str = "starter"
    completions: str = ""


QUICK = Plan(pool=60, tried=30, first=12, more=12, rounds=2, members=2, epochs=1)


@dataclass(frozen=True)
class Desk:
    """What `concord.algorithms.reward` asks of a bench: where, how and by which seed."""

    seed: int
    learning: Learning

    def say(self, line: str) -> None:
        """Nobody listens."""


def lists(plan: Plan, seed: int) -> tuple[list[Answers], list[Answers]]:
    """Four answers to each prompt of the pool, and to each prompt that a reward model is tried on."""
    if plan.completions:
        read = formats.read_completions(plan.completions).records
        groups: list[Answers] = [list(some) for _, some in groupby(read, lambda one: one.prompt.id)]
        Random(seed_of("split", seed)).shuffle(groups)
    else:
        prompts = World(seed).prompts(plan.pool + plan.tried)
        random = Random(seed_of("answers", seed))
        groups = [answers(prompt, random) for prompt in prompts]
    telling = [group for group in groups if len({one.text for one in group}) > 1]
    return telling[plan.tried :][: plan.pool], telling[: plan.tried]


def answers(prompt: Prompt, random: Random) -> list[Completion]:
    """What a young policy says: mostly like the demonstrators, one reply in three bad."""
    request = read_request(prompt.messages[0].content)
    assert request is not None, "the world asks what it can read"
    texts = [
        demonstrate(request, "typical", random)
        if random.random() < 2 / 3
        else join(random.choice((careless, unsafe, evasive))(request, random))
        for _ in range(4)
    ]
    return [Completion(prompt, text, finish="stop") for text in texts]


def ensemble(plan: Plan, rankings: Sequence[Ranking], seed: int, compute: Compute) -> list[Learned]:
    """Reward models that saw other parts of the rankings, in another order."""
    found = []
    for member in range(plan.members):
        own = seed_of("member", seed, member)
        seen = [one for one in rankings if seed_of(own, one.prompt.id) % 5]
        folder = bundled() if plan.base == "starter" else Path(plan.base)
        model = RewardModel.load(folder, compute)
        settings, desk = Reward(epochs=plan.epochs, hold_out=0.0), Desk(own, Learning())
        learn(reward.build(settings, desk, model, seen), desk, compute)  # type: ignore[arg-type]
        found.append(Learned(model))
    return found


def learn(course: Any, desk: Desk, compute: Compute) -> None:
    """Carry out a course, without a folder."""
    torch.manual_seed(desk.seed)
    learning = desk.learning
    engine = Local(compute.device)
    for network in course.networks.values():
        engine.prepare(network).train(course.dropout)
    rates = schedule(learning.schedule, course.steps, learning.warmup)
    optimizer = Optimizer(course.networks, course.rates, learning.weight_decay, learning.clip_norm, rates)
    fit(course.feed, course.objective, engine, optimizer, Guard(), [])
    for network in course.networks.values():
        network.eval()


def scored(members: Sequence[Scorer], groups: Sequence[Answers]) -> list[list[list[float]]]:
    """Of each list the scores of all members; each member's are put on one scale."""
    flat = [one for group in groups for one in group]
    table = np.array([member.score(flat) for member in members])
    table /= table.std(1, keepdims=True) + EQUAL
    found, place = [], 0
    for group in groups:
        found.append(table[:, place : place + len(group)].tolist())
        place += len(group)
    return found


def accuracy(members: Sequence[Scorer], groups: Sequence[Answers]) -> float:
    """How often the mean score puts two answers in the gold judge's order; equal scores count half."""
    judge, credit = GoldJudge(), []
    for group, scores in zip(groups, scored(members, groups), strict=True):
        gold, mean = judge.score(group), np.mean(scores, axis=0)
        for one, other in combinations(range(len(group)), 2):
            if abs(gold[one] - gold[other]) > EQUAL:
                credit.append((np.sign(mean[one] - mean[other]) * np.sign(gold[one] - gold[other]) + 1) / 2)
    return float(np.mean(credit))


def run(plan: Plan, seed: int, arm: Arm, results: Path, say: bool = True) -> list[dict[str, Any]]:
    """All rounds of one arm with one seed; rounds that are written down already are not done again."""
    name = digest(asdict(plan), seed, arm)
    done = [one for one in kept(results) if one["name"] == name]
    if len(done) > plan.rounds:
        return done
    pool, tried = lists(plan, seed)
    by_name = {group[0].prompt.id: group for group in pool}
    panel, compute = Panel(GoldJudge(), seed), choose()
    picked = (
        done[-1]["picked"]
        if done
        else sorted(by_name, key=lambda one: digest("first", seed, one))[: plan.first]
    )
    members: list[Learned] = []
    for number in range(len(done), plan.rounds + 1):
        began = time.monotonic()
        if number:
            left = [one for one in by_name if one not in set(picked)]
            if arm == "active":
                members = members or ensemble(plan, ranked(panel, by_name, picked), seed, compute)
                scores = scored(members, [by_name[one] for one in left])
                order = ordered(dict(zip(left, scores, strict=True)), plan.by, seed)
            else:
                order = sorted(left, key=lambda one: digest("more", seed, one))
            picked = [*picked, *order[: plan.more]]
        members = ensemble(plan, ranked(panel, by_name, picked), seed, compute)
        row = {
            "name": name, "seed": seed, "arm": arm, "round": number, "rankings": len(picked),
            "accuracy": accuracy(members, tried), "seconds": round(time.monotonic() - began, 1), "picked": picked,
        }  # fmt: skip
        results.parent.mkdir(parents=True, exist_ok=True)
        with results.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        done.append(row)
        if say:
            print(
                f"seed {seed} {arm:6} {row['rankings']:4} rankings: {row['accuracy']:.4f} ({row['seconds']} s)"
            )
    return done


def ranked(panel: Panel, by_name: dict[str, Answers], picked: Sequence[str]) -> list[Ranking]:
    """The panel's rankings of some lists: the same list is always ranked the same way."""
    return [panel.rank(by_name[one][0].prompt, by_name[one]) for one in picked]


def kept(results: Path) -> list[dict[str, Any]]:
    """The rounds that are written down; one that was cut off is done again."""
    if not results.exists():
        return []
    text = results.read_text(encoding="utf-8")
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        write_text(results, whole)
    return [json.loads(line) for line in whole.splitlines() if line]


def rising(rows: Sequence[dict[str, Any]]) -> Any:
    """The accuracies of the rounds, smoothed so that they never fall: more rankings do no harm but by chance."""
    return np.asarray(isotonic_regression([row["accuracy"] for row in rows]).x)


def needed(rows: Sequence[dict[str, Any]], accuracy: float) -> float | None:
    """Rankings at which a rising curve through the rounds reaches an accuracy; None if it never does."""
    counts = np.array([row["rankings"] for row in rows], dtype=float)
    curve = rising(rows)
    if curve[-1] < accuracy - EQUAL:
        return None
    place = int(np.argmax(curve >= accuracy - EQUAL))
    if place == 0:
        return float(counts[0])
    low, high = curve[place - 1], curve[place]
    return float(counts[place - 1] + (accuracy - low) / (high - low) * (counts[place] - counts[place - 1]))


def saving(random: Sequence[dict[str, Any]], active: Sequence[dict[str, Any]]) -> float | None:
    """The share of rankings saved to reach what the random arm reaches in the end, or less than 0.

    If the active arm never reaches it, the sides change: the random arm reaches the active one's end sooner.
    """
    target = min(float(rising(rows)[-1]) for rows in (random, active))
    mine, theirs = needed(active, target), needed(random, target)
    return None if mine is None or theirs is None else 1 - mine / theirs


def summary(found: dict[int, dict[Arm, list[dict[str, Any]]]]) -> list[str]:
    """What came out, in lines."""
    told = []
    savings = {seed: saving(arms["random"], arms["active"]) for seed, arms in found.items()}
    for seed, value in savings.items():
        ends = [found[seed][arm][-1]["accuracy"] for arm in ARMS]
        share = "" if value is None else f", {value:+.0%} rankings saved at equal accuracy"
        told.append(f"seed {seed}: random ends at {ends[0]:.4f}, active at {ends[1]:.4f}{share}")
    values = [value for value in savings.values() if value is not None]
    if len(values) > 1:
        mean, low, high = cluster_interval(values, list(range(len(values))))
        told.append(f"saved: {mean:.0%} [{low:.0%}, {high:.0%}] over {len(values)} seeds (asked for: 25%)")
    return told


def main(words: Sequence[str]) -> int:
    """Run all arms of all seeds and tell what came out."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.active", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few lists and one epoch: shows that it runs")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--by", choices=["information", "spread", "gap"], default="information")
    parser.add_argument("--completions", default="", help="file of completions instead of simulated answers")
    parser.add_argument("--base", default="starter", help="model folder that reward models begin from")
    parser.add_argument("--results", type=Path, default=RESULTS)
    asked = parser.parse_args(words)
    usual = asdict(QUICK if asked.quick else Plan())
    plan = Plan(**usual | {"by": asked.by, "completions": asked.completions, "base": asked.base})
    found = {seed: {arm: run(plan, seed, arm, asked.results) for arm in ARMS} for seed in range(asked.seeds)}
    print("", *summary(found), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
