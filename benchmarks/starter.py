"""What the benchmarks on other guidance share: runs that begin where those of `benchmarks.methods` stand.

Each of them learns from the same answers of the same supervised policy, and is tried on the same answers of
several policies to held-out prompts about new items.
"""

import argparse
import shutil
import sys
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any

from benchmarks.curves import Points, band, picture
from concord import formats
from concord.evaluation.plots import Chart
from concord.maths.statistics import cluster_interval
from concord.models import choose
from concord.records import Completion
from concord.records.files import read_rows, write_text
from concord.roles import Scorer
from concord.runs import Run, load
from concord.stages import opinion, scorers
from concord.stages.carry_out import carry_out
from concord.world import GoldJudge

CURVES = Path("docs/methods/curves")
APART = 0.5
"""Answers nearer than this before the judge are no test."""
MICRO = 4096


def of(values: Sequence[float], clusters: Sequence[str]) -> dict[str, float]:
    """A mean with its interval over prompts."""
    value, low, high = cluster_interval(values, clusters)
    return {"value": value, "low": low, "high": high, "n": len(values)}


def begun(run: Path, seed: int, place: Path, stages: Sequence[str], wanted: str, *settings: str) -> Path:
    """A run in a place of its own, the first stages taken over from a run that is done; returns the stage wanted."""
    if not place.exists():
        draft = place.with_name(f".{place.name}")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        for name in stages:
            shutil.copytree(run / f"seed-{seed}" / name, draft / name)
        draft.rename(place)
    loaded = load(run / "inputs" / "recipe.yaml", [f"seed={seed}", *settings])
    with Run.open(place, loaded) as opened:
        todo = [*stages, *(name for name in ("rank", "reward", "align") if name not in stages)]
        todo = todo[: todo.index(wanted) + 1]
        carry_out(loaded, opened, todo, frozenset(), lambda line: print(line, file=sys.stderr, flush=True))
        return opened.path(wanted)


def scorer(folder: Path) -> Scorer:
    """What a reward stage made."""
    return scorers.made(opinion.described(folder), folder, choose(), MICRO)


@cache
def annotated(place: Path) -> list[list[Completion]]:
    """The supervised policy's answers, prompt by prompt; without those that are all one text."""
    found: dict[str, list[Completion]] = defaultdict(list)
    for one in formats.read_completions(place / "sample" / "completions.jsonl").records:
        found[one.prompt.id].append(one)
    return [answers for answers in found.values() if len({one.text for one in answers}) > 1]


@cache
def tried(run: Path, seed: int, split: str = "new") -> list[Completion]:
    """Each policy's answers at temperature 1 to the held-out prompts of one half."""
    prompts = {one.id: one for one in formats.read_prompts(run / "inputs/data/held_out.jsonl").records}
    return [
        Completion(prompts[row["prompt_id"]], row["text"], by=row["policy"], finish=row["finish"])
        for row in read_rows(run / f"seed-{seed}" / "evaluate" / "answers.jsonl")
        if row["temperature"] == 1 and row["split"] == split
    ]


def right(
    said: Sequence[Completion], scores: Sequence[float], worth: Callable[[Completion], float] | None = None
) -> list[tuple[str, float]]:
    """Of each pair of answers to one prompt that are clearly apart: its prompt, and 1, 0.5 or 0."""
    judge = GoldJudge()
    golds = [worth(one) if worth else judge.verdict(one).score for one in said]
    groups: dict[str, list[int]] = defaultdict(list)
    for place, one in enumerate(said):
        groups[one.prompt.id].append(place)
    found = []
    for prompt, places in groups.items():
        for a, b in combinations(places, 2):
            if abs(golds[a] - golds[b]) >= APART:
                lead = (scores[a] - scores[b]) * (golds[a] - golds[b])
                found.append((prompt, 1.0 if lead > 0 else 0.5 if lead == 0 else 0.0))
    return found


def share(found: Sequence[tuple[str, float]]) -> dict[str, float]:
    """How many of them are right, with the interval over prompts."""
    return of([credit for _, credit in found], [prompt for prompt, _ in found])


def whole(answer: Completion, text: str) -> Completion:
    """An answer that says this and ends."""
    return replace(answer, text=text, tokens=None, logprobs=None, finish="stop")


def drawn(name: str, alt: str, label: str, lines: Mapping[str, Sequence[Points]], out: Path) -> None:
    """A figure for a method's page: each line the mean of all seeds, between the lowest and the highest."""
    series = [band(said, curves, colour) for colour, (said, curves) in enumerate(lines.items())]
    write_text(out / f"{name}.svg", picture(Chart(f"curve-{name}", alt, label, series)))


def asked(doc: str, name: str, **more: Any) -> argparse.Namespace:
    """What was asked for on the command line."""
    parser = argparse.ArgumentParser(prog=f"benchmarks.{name}", description=doc.partition("\n")[0])
    parser.add_argument("--run", type=Path, default=Path("runs/methods"))
    parser.add_argument("--out", type=Path, default=Path(f"runs/{name}"))
    parser.add_argument("--curves", type=Path, default=CURVES)
    parser.add_argument("--seeds", type=lambda text: [int(one) for one in text.split(",")], default=[0, 1, 2])
    for flag, given in more.items():
        parser.add_argument(f"--{flag}", **given)
    found = parser.parse_args()
    found.run, found.out = found.run.absolute(), found.out.absolute()
    return found
