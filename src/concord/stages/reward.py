"""Stage reward: what people prefer becomes a scorer, judged on rankings that it never saw."""

import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from statistics import fmean
from typing import Any

import torch

from concord.algorithms import Course, process, reward
from concord.errors import ModelError
from concord.evaluation.report import finite
from concord.evaluation.reward_words import lines
from concord.models import RewardModel
from concord.records import MARKS, Completion, StepLabels, manifest
from concord.records.files import read_rows, write_json, write_rows
from concord.roles import Scorer
from concord.scoring import Aspects, Ensemble, Process
from concord.scoring.learned import read
from concord.stages import cards, opinion, scorers
from concord.stages.bench import Bench
from concord.stages.guidance import Guidance, Lessons, grouped, guidance, lessons, taught
from concord.stages.learn import learn
from concord.stages.worker import STATE

EXAMPLES = 8
TOGETHER = 4096
"""Step labels that are judged at once."""
MANY = 100_000
"""Prompts learned from that are put into groups beside those kept back; more of them would show no more."""
PROCESS = "process"
Build = Callable[[Bench, RewardModel], Course]


def work(bench: Bench, folder: Path, key: str) -> None:
    """Learn from most of the guidance, score the rest, and prove that what is saved gives the same scores."""
    asked, found = bench.recipe.reward, guidance(bench)
    what = {} if asked.steps.alone else outcome(bench, folder, key, found)
    if found.steps is not None:
        what = stepwise(bench, folder, key, found, what)
    if asked.segments.cut != "whole":
        what = {"kind": "segments", **asked.segments.model_dump(), "scorer": what}
    if what != opinion.PLAIN:
        write_json(folder / opinion.NAME, what)
    scorer = made(what, folder, bench)
    tell_card(bench, folder, found, scorer)
    if found.kept_steps is not None:
        kept = judged(found.kept_steps, scorer_of_steps(what, folder, bench))
        write_rows(folder / "held_out_steps.jsonl", kept)


def outcome(bench: Bench, folder: Path, key: str, found: Guidance) -> dict[str, Any]:
    """The reward model or its members, learned from rankings and ratings; how they make one score."""
    members, tries = lessons(bench, found), examples(found)
    if len(members) == 1:
        one(bench, folder, key, teach(bench, members[0]), members[0].heads, tries)
        return weighed(bench, folder, opinion.MODEL, found)
    places = []
    for number, own in enumerate(members, start=1):
        place = folder / "members" / f"reward-{number}"
        part(bench, place, key, f"member {number}", teach(bench, own), own.heads, tries)
        places.append(place)
    write_rows(folder / "metrics.jsonl", together(places))
    return ensemble(bench, folder, places, found)


def teach(bench: Bench, own: Lessons) -> Build:
    """How a reward model learns from rankings and ratings."""
    asked = bench.recipe.reward
    return lambda member, model: reward.build(asked, member, model, own.rankings, own.ratings)


def one(
    bench: Bench, folder: Path, key: str, build: Build, heads: tuple[str, ...], tries: Sequence[Completion]
) -> None:
    """Learn one model in a folder, save it, and prove that the saved one is the same."""
    model = RewardModel.load(bench.model("sft"), bench.compute, bench.learning.adapter, heads)
    bench.tell("The reward model", model.trunk)
    course = build(bench, model)
    learn(course, bench, folder, key)
    if isinstance(course.objective, reward.RewardObjective) and (record := course.objective.record()):
        write_json(folder / "judges.json", record)
    model.save(folder / opinion.MODEL)
    prove(folder / opinion.MODEL, model, tries, bench)


def part(
    bench: Bench,
    place: Path,
    key: str,
    name: str,
    build: Build,
    heads: tuple[str, ...],
    tries: Sequence[Completion],
) -> None:
    """One of several models: learned in a folder of its own that is sealed, so that a kill loses no other."""
    if manifest.flaw(place) is None and manifest.facts(place)["key"] == key:
        bench.say(f"{name} is done.")
        return
    (place / manifest.NAME).unlink(missing_ok=True)
    place.mkdir(parents=True, exist_ok=True)
    own = replace(bench, stage=f"{bench.stage}/{place.name}")
    own.say(f"{name} ...")
    torch.manual_seed(own.seed)  # the same whether or not others were learned in this process before
    one(own, place, key, build, heads, tries)
    shutil.rmtree(place / STATE, ignore_errors=True)
    manifest.seal(place, {"key": key})


def weighed(bench: Bench, folder: Path, model: str, found: Guidance) -> dict[str, Any]:
    """How a model's heads make one score: one says it all, several are weighed in units of their own."""
    aspects = bench.recipe.reward.aspects
    if not aspects or bench.recipe.reward.members.differ == "aspects":
        return {"kind": "learned", "folder": model}
    ones = (1.0,) * len(aspects)
    loaded = RewardModel.load(folder / model, bench.compute)
    raw = Aspects(loaded, ones, (0.0,) * len(aspects), ones, bench.learning.micro_tokens)
    said = raw.opinions(seen(found))
    rows = [
        {"name": name, "weight": weight, "mean": float(row.mean()), "spread": float(row.std(correction=0))}
        for (name, weight), row in zip(aspects.items(), said, strict=True)
    ]
    return {"kind": "aspects", "folder": model, "aspects": rows}


def ensemble(bench: Bench, folder: Path, places: Sequence[Path], found: Guidance) -> dict[str, Any]:
    """How members make one score, and how far apart they were on what was kept back."""
    parts = []
    for place in places:
        model = (place / opinion.MODEL).relative_to(folder).as_posix()
        mine = weighed(bench, folder, model, found)
        parts.append(scorers.measured(mine, 1.0, made(mine, folder, bench), seen(found)))
    what = {"kind": "ensemble", "penalty": bench.recipe.reward.members.penalty, "parts": parts}
    scorer = made(what, folder, bench)
    kept = [said for one in found.kept for said in one.completions][: scorers.MEASURED]
    if isinstance(scorer, Ensemble) and kept:
        apart = fmean(scorer.spreads(kept))
        bench.say(f"the members are {apart:.2f} spreads apart on answers that they never saw.")
        what["disagreement"] = apart
    return what


def stepwise(bench: Bench, folder: Path, key: str, found: Guidance, what: dict[str, Any]) -> dict[str, Any]:
    """The process reward model, alone or beside the reward model; how they make one score."""
    asked = bench.recipe.reward.steps
    labels = found.steps
    assert labels is not None, "step labels were named"

    def build(own: Bench, model: RewardModel) -> Course:
        return process.build(asked, own, model, labels)

    tries = [one.completion for one in islice(labels, EXAMPLES)]
    mine = {"kind": PROCESS, "folder": opinion.MODEL, "reading": asked.reading, "cut": asked.cut}
    if not what:
        one(bench, folder, key, build, MARKS, tries)
        return mine
    part(bench, folder / PROCESS, key, "the process reward model", build, MARKS, tries)
    mine["folder"] = f"{PROCESS}/{opinion.MODEL}"
    steps = [one.completion for one in islice(labels, scorers.MEASURED)]
    parts = [
        scorers.measured(what, 1.0, made(what, folder, bench), seen(found)),
        scorers.measured(mine, asked.weight, made(mine, folder, bench), steps),
    ]
    return {"kind": "combined", "parts": parts}


def made(what: dict[str, Any], folder: Path, bench: Bench) -> Scorer:
    """The scorer that is described, from what is saved."""
    return scorers.made(what, folder, bench.compute, bench.learning.micro_tokens)


def scorer_of_steps(what: dict[str, Any], folder: Path, bench: Bench) -> Process:
    """The process reward model by itself."""
    mine = what if what["kind"] == PROCESS else what["parts"][1]["scorer"]
    scorer = made(mine, folder, bench)
    assert isinstance(scorer, Process), "the description names it so"
    return scorer


def examples(found: Guidance) -> list[Completion]:
    """A few answers on which the saved model must say what the learned one said."""
    return [said for one in islice(chain(found.kept, found.shown), EXAMPLES) for said in one.completions]


def seen(found: Guidance) -> list[Completion]:
    """Answers that were learned from, on which it is seen what a scorer's numbers mean."""
    return list(islice((said for one in found.shown for said in one.completions), scorers.MEASURED))


def together(places: Iterable[Path]) -> Iterator[dict[str, Any]]:
    """The diaries of all members, one after another, as one."""
    step = 0
    for place in places:
        for row in read_rows(place / "metrics.jsonl"):
            step += 1
            yield {**row, "step": step, "member": place.name}


def prove(folder: Path, model: RewardModel, tries: Sequence[Completion], bench: Bench) -> None:
    """Load the saved model again: it must score as the one that was learned."""
    budget = bench.learning.micro_tokens
    saved = RewardModel.load(folder, bench.compute)
    before, after = read(model, tries, budget, model.opinions), read(saved, tries, budget, saved.opinions)
    worst = max(float((a - b).abs().max()) for a, b in zip(before, after, strict=True))
    tolerance = 1e-2 if bench.learning.adapter else 1e-5  # merging adapters rounds each weight once
    if worst > tolerance:
        raise ModelError(
            f"The reward model in {folder} scores differently after saving (by {worst:.3g}). "
            "This is a fault of Concord or of the model family: please report it with the family's name."
        )


def tell_card(bench: Bench, folder: Path, found: Guidance, scorer: Scorer) -> None:
    """Score what was kept back, and draw up the report card."""
    tried = cards.Tried(scorer, bool(bench.recipe.reward.aspects))
    file = folder / "held_out.jsonl"
    write_rows(file, tried(found.kept))
    rows = tried.drawn(read_rows(file))
    some = chain((one.prompt for one in found.kept), islice(taught(bench.recipe.reward, found), MANY))
    groups = grouped(some, bench)
    learned = {one.id for one in taught(bench.recipe.reward, found) if groups and one.id in groups.of}
    card = cards.made(scorer, rows, found.kept, groups, learned, bench.recipe.gate.reward)
    card["left_out"] = tried.left_out
    write_json(folder / cards.NAME, finite(card))
    for line in lines(card):
        bench.say(line)


def judged(labels: Iterable[StepLabels], scorer: Process) -> Iterator[dict[str, Any]]:
    """Step labels beside the chances that the model gives each step."""
    left = iter(labels)
    while some := list(islice(left, TOGETHER)):
        chances = scorer.chances([one.completion for one in some], [one.steps for one in some])
        for one, correct in zip(some, chances, strict=True):
            yield {
                "prompt_id": one.completion.prompt.id,
                "steps": list(one.steps),
                "marks": list(one.marks),
                "correct": correct,
            }
