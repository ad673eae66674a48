"""Stage evaluate: every policy's answers become numbers with intervals."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from concord import __version__, formats
from concord.evaluation.report import report
from concord.records.files import read_json, read_rows, write_json, write_rows
from concord.runs import Run
from concord.stages.answers import judge
from concord.stages.bench import Bench, rollouts
from concord.stages.plan import plan, policies

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
    names = list(policies(bench.loaded))
    return {
        "title": bench.run.folder.name,
        "candidate": method,
        "reference": "sft",
        "temperature": bench.recipe.evaluate.temperatures[0],
        "rows": [row for name in names for row in rows(run.path(f"answers/{name}") / "answers.jsonl")],
        "stages": [{"name": name, **facts} for name, facts in made.items()],
        "metrics": judged(bench, list(made)),
        "best_of_n": rows(run.path("answers/sft") / "many.jsonl"),
        "reward": {
            "held_out": rows(run.path("reward") / "held_out.jsonl"),
            "fresh": scored(rows(run.path("answers/sft") / "many.jsonl")),
            "own": scored(rows(run.path(f"answers/{method}") / "many.jsonl")),
        },
        "suites": suites(run, names),
        "what": what(bench),
    }


def judged(bench: Bench, names: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """The stages' metrics, and beside each round's score what the judge thinks of the same completions."""
    found = {name: rows(bench.run.path(name) / "metrics.jsonl") for name in names}
    said = {name: sorted(rollouts(bench.run.path(name)).glob("*.jsonl")) for name in names}
    if not any(said.values()):
        return found
    examiner = judge(bench)
    for name, paths in said.items():
        gold: dict[int, float] = {}
        for path in paths:
            scores = examiner.score(formats.read_completions(path).records)
            gold[int(path.stem)] = sum(scores) / len(scores)
        found[name] = [{**row, "gold": gold.get(row.get("round"))} if paths else row for row in found[name]]
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


def suites(run: Run, names: Sequence[str]) -> dict[str, Any]:
    """What the suites found, policy by policy."""
    files = {name: run.path(f"suites/{name}") / "suites.json" for name in names}
    return {name: read_json(file)["suites"] for name, file in files.items() if file.is_file()}


RANKERS = {"human": "people", "ai": "AI judges", "rule": "rules"}


def rankers(sources: Iterable[str]) -> str:
    """Who ranked, as the rankings themselves say."""
    return " and ".join(RANKERS[source] for source in sorted(sources))


def what(bench: Bench) -> dict[str, Any]:
    """What was done, in numbers, and with what."""
    recipe, run = bench.recipe, bench.run
    sources = Counter(one.source for one in bench.rankings)
    return {
        "demonstrations": sum(1 for _ in bench.demonstrations(recipe.sft.demonstrations)),
        "prompts": len({one.prompt.id for one in bench.completions}),
        "completions": len(bench.completions),
        "rankings": sources.total(),
        "ranked_by": "a simulated panel" if recipe.rank.by == "panel" else rankers(sources),
        "starter": recipe.rank.by == "panel",
        "seed": recipe.seed,
        "method": recipe.align.method,
        "concord": __version__,
        **{name: value for name, value in read_json(run.folder / "run.json").items() if name != "seed"},
    }
