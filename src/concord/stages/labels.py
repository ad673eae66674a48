"""Who gave the labels that a run learned from: counted by source and by pseudonym, never by name."""

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from concord.formats.exchange import Pseudonyms
from concord.records import manifest
from concord.records.files import read_json
from concord.settings import SFT
from concord.stages.bench import Bench
from concord.stages.contestants import rivals
from concord.stages.lineage import DIRECT

HIDDEN = re.compile(r"^(annotator|adjudication)-[0-9a-f]{8}$")
"""What the annotation server already calls somebody in its exports."""
SOURCES = {"human": "people", "ai": "AI judges", "rule": "rules"}


def labels(bench: Bench) -> list[dict[str, Any]]:
    """Every set of labels: how many, from which sources, by whom, under which guideline, and what learned from it."""
    recipe, names = bench.recipe, Pseudonyms()
    learners = {
        "align": recipe.align,
        **{f"rivals/{name}": one for name, one in rivals(bench.loaded).items()},
    }
    direct = [name for name, method in learners.items() if method.method in DIRECT]
    alone = recipe.reward.ratings.alone or recipe.reward.steps.alone
    found = []
    if recipe.sft.epochs:
        shown = ((one.by, "human") for one in bench.demonstrations(recipe.sft.demonstrations))
        found.append(counted("demonstrations", shown, names, ["sft"]))
    for name, rival in rivals(bench.loaded).items():
        if isinstance(rival, SFT) and rival.epochs:
            more = ((one.by, "human") for one in bench.demonstrations(rival.demonstrations))
            found.append(counted(f"demonstrations for {name}", more, names, [f"rivals/{name}"]))
    ranked = ((one.by, one.source) for one in bench.rankings)
    taught = [*(() if alone else ("reward",)), *direct]
    found.append(counted("rankings", ranked, names, taught) | {"guidelines": guidelines(bench)})
    for file, what, kind in (
        (recipe.reward.ratings.file, "ratings", "ratings"),
        (recipe.reward.steps.file, "step labels", "steps"),
    ):
        if file:
            stream = bench.stream(bench.loaded.folder / file, kind)  # type: ignore[arg-type]
            found.append(counted(what, ((one.by, one.source) for one in stream), names, ["reward"]))
    if recipe.rank.by == "panel":  # the starter world's people, demonstrators too, are programs
        found = [{**one, "simulated": True} for one in found]
    return found


def counted(
    what: str, given: Iterable[tuple[str, str]], names: Pseudonyms, taught: list[str]
) -> dict[str, Any]:
    """One set of labels: its size, its sources, and everybody's share, the most first."""
    by, sources = Counter[str](), Counter[str]()
    for name, source in given:
        sources[SOURCES.get(source, source)] += 1
        known = not name or HIDDEN.match(name) or source != "human"
        by[name if known else names.name(name)] += 1
    everybody = [{"name": name or "not said", "n": n} for name, n in by.most_common()]
    return {
        "what": what,
        "n": by.total(),
        "sources": dict(sources),
        "by": everybody,
        "taught": taught,
        "guidelines": [],
        "simulated": False,
    }


def guidelines(bench: Bench) -> list[str]:
    """Under which versions of a guideline, or which rubric, the rankings were given, if that is known."""
    asked = bench.recipe.rank
    said = read_json(bench.run.path("rank") / manifest.NAME)["facts"].get("guidelines", "")
    if asked.by == "judge" and asked.judge.rubric:
        return [f"rubric {Path(asked.judge.rubric).name}"]
    return [said] if said else []
