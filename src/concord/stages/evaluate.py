"""Stage evaluate: every policy's answers become numbers with intervals."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from concord import __version__, formats
from concord.algorithms.watched import ALARMS, LOOKS, VERDICT
from concord.errors import RecordError
from concord.evaluation.predicted import preferences
from concord.evaluation.report import report
from concord.records.files import read_json, read_rows, write_json, write_rows
from concord.runs import Run
from concord.stages import duels
from concord.stages.answers import judge
from concord.stages.bench import Bench, rollouts
from concord.stages.cards import NAME as CARD
from concord.stages.contestants import ai_judge, contestants, described, everyone, policies
from concord.stages.independence import refuse_a_teacher
from concord.stages.plan import plan

FEW = 8
"""Answers to a prompt whose pairs a report card looks at; more of one prompt teach it little."""


def work(bench: Bench, folder: Path, key: str) -> None:
    """Put all answers into one file and all findings into another."""
    data = findings(bench)
    write_json(folder / "report.json", report(data))
    write_rows(folder / "answers.jsonl", data.pop("rows"))
    write_json(folder / "findings.json", data)


def findings(bench: Bench) -> dict[str, Any]:
    """All that the stages of a run left behind for its report."""
    run, method = bench.run, bench.recipe.align.method
    made = {task.name: facts for task in plan(bench.loaded) if (facts := finished(run, task.name))}
    names, card = everyone(bench.loaded), run.path("reward") / CARD
    said = [row for name in names for row in rows(run.path(f"answers/{name}") / "answers.jsonl")]
    return {
        "title": bench.run.folder.name,
        "candidate": method,
        "reference": "sft",
        "temperature": bench.recipe.evaluate.temperatures[0],
        "rows": duels.with_verdicts(bench, said) if ai_judge(bench.loaded) else said,
        "judge": duels.compared(bench),
        "stages": [{"name": name, **facts} for name, facts in made.items()],
        "people": asked_people(bench),
        "metrics": judged(bench, list(made)),
        "watch": watched(bench),
        "best_of_n": rows(run.path("answers/sft") / "many.jsonl"),
        "reward": {
            "held_out": rows(run.path("reward") / "held_out.jsonl"),
            "fresh": scored(rows(run.path("answers/sft") / "many.jsonl")),
            "own": scored(rows(run.path(f"answers/{method}") / "many.jsonl")),
        },
        "reward_card": read_json(card) if card.is_file() else None,
        "suites": suites(bench),
        "what": what(bench),
    }


def asked_people(bench: Bench) -> list[dict[str, Any]]:
    """Every comparison that people made of two policies' answers to held-out prompts."""
    named = bench.recipe.evaluate.people
    if named is None:
        return []
    found = preferences(bench.read(formats.read_rankings, bench.loaded.folder / named))
    known = set(everyone(bench.loaded))
    strangers = sorted({one[side] for one in found for side in ("a", "b")} - known)
    if not found or strangers:
        what = (
            f"compares {', '.join(strangers)}"
            if strangers
            else "compares no two answers of different policies"
        )
        raise RecordError(
            f"{bench.loaded.folder / named}: it {what}. People's rankings of answers must name in `by` of each "
            f"completion the policy that gave it: {', '.join(sorted(known))}."
        )
    return found


def judged(bench: Bench, names: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """The stages' metrics, and beside each round's score what a judge that scores thinks of the same completions."""
    found = {name: rows(bench.run.path(name) / "metrics.jsonl") for name in names}
    said = {name: sorted(rollouts(bench.run.path(name)).glob("*.jsonl")) for name in names}
    if not any(said.values()) or ai_judge(bench.loaded):
        return found
    examiner = judge(bench)
    for name, paths in said.items():
        gold: dict[int, float] = {}
        for path in paths:
            scores = examiner.score(formats.read_completions(path).records)
            gold[int(path.stem)] = sum(scores) / len(scores)
        found[name] = [{**row, "gold": gold.get(row.get("round"))} if paths else row for row in found[name]]
    return found


def watched(bench: Bench) -> dict[str, Any]:
    """What the watch over each policy saw while it learned, the candidate first."""
    found = {}
    for name, task in policies(bench.loaded).items():
        folder = bench.run.path(task)
        if task.startswith(("align", "rivals/")) and (folder / VERDICT).is_file():
            seen = {"looks": rows(folder / LOOKS), "alarms": rows(folder / ALARMS)}
            found[name] = {**seen, "found": read_json(folder / VERDICT)}
    return found


def finished(run: Run, name: str) -> Mapping[str, Any] | None:
    """A stage's seconds and peak memory, if it is done."""
    facts = run.finished(name)
    return facts and {field: facts[field] for field in ("seconds", "peak_mb", "threads")}


def rows(path: Path) -> list[Any]:
    """A file's rows; none if a stage had no reason to write it."""
    return list(read_rows(path)) if path.is_file() else []


def scored(lists: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A few answers to each prompt with both opinions, as the report card of a reward model wants them."""
    return [
        {**one, "scores": one["proxy"][:FEW], "gold": one["gold"][:FEW], "texts": one["texts"][:FEW]}
        for one in lists
    ]


def suites(bench: Bench) -> dict[str, Any]:
    """What the suites of this recipe found, policy by policy; what others found may lie in the run still."""
    asked = [task.name for task in plan(bench.loaded) if task.name.startswith("suites/")]
    found = [read_json(bench.run.path(name) / "suites.json") for name in asked]
    return {one["policy"]: one["suites"] for one in found}


RANKERS = {"human": "people", "ai": "AI judges", "rule": "rules"}


def rankers(sources: Iterable[str]) -> str:
    """Who ranked, as the rankings themselves say."""
    return " and ".join(RANKERS[source] for source in sorted(sources))


def what(bench: Bench) -> dict[str, Any]:
    """What was done, in numbers, and with what."""
    recipe, run = bench.recipe, bench.run
    sources = Counter(one.source for one in bench.rankings)
    return {
        "demonstrations": sum(1 for _ in bench.demonstrations(recipe.sft.demonstrations))
        if recipe.sft.epochs
        else 0,
        "prompts": len({one.prompt.id for one in bench.completions}),
        "completions": len(bench.completions),
        "rankings": sources.total(),
        "ranked_by": "a simulated panel" if recipe.rank.by == "panel" else rankers(sources),
        "starter": recipe.rank.by == "panel",
        "waiver": None if recipe.evaluate.judge == "starter" else refuse_a_teacher(bench.loaded, run),
        "contestants": {
            name: str((run.finished(f"answers/{name}") or {}).get("contestant", described(bench.loaded, one)))
            for name, one in contestants(bench.loaded).items()
        },
        "seed": recipe.seed,
        "method": recipe.align.method,
        "concord": __version__,
        **{name: value for name, value in read_json(run.folder / "run.json").items() if name != "seed"},
    }
