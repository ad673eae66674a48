"""Stage gate: go or no-go, with reasons, and the page that shows them."""

from pathlib import Path
from typing import Any

from concord.errors import SettingsError
from concord.evaluation.advice import next_steps
from concord.evaluation.gate import weigh
from concord.evaluation.measured import Measured
from concord.evaluation.memo import memo
from concord.evaluation.page import page
from concord.evaluation.reward_fit import fit
from concord.records.files import read_json, write_json, write_text
from concord.runs import Run
from concord.settings import RewardLimits
from concord.stages.bench import Bench
from concord.stages.labels import labels
from concord.stages.lineage import lineage
from concord.stages.release import release


def work(bench: Bench, folder: Path, key: str) -> None:
    """Hold the candidate against what the recipe asks of it; a no-go is a finding, not a failure."""
    limits = bench.recipe.gate.reward
    judged = held(read_json(bench.run.path("evaluate") / "report.json"), limits)
    known = lineage(bench.loaded, bench.run)
    found = measured(bench.run, judged, origin(bench.run, judged, known))
    earlier = release(bench.loaded)
    if earlier and earlier.folder.resolve() == bench.run.folder.resolve():
        raise SettingsError(
            f"`gate.against` is {earlier.folder}, which is this run itself. Name an earlier one."
        )
    before = held(read_json(earlier.path("evaluate") / "report.json"), limits) if earlier else {}
    other = measured(earlier, before, origin_of(earlier)) if earlier else None
    verdict = weigh(bench.recipe.gate, found, other)
    content = {**judged, "verdict": verdict, "lineage": known, "labels": labels(bench)}
    content["next"] = next_steps(content)
    content["memo"] = memo(content, found, other)
    write_json(folder / "verdict.json", verdict)
    shown = page(content)
    for place in (folder, bench.run.folder):
        write_json(place / "report.json", content)
        write_text(place / "report.html", shown)


def held(judged: dict[str, Any], limits: RewardLimits) -> dict[str, Any]:
    """An evaluation's report, the reward model's card in it held against these limits and not those of then."""
    card = judged.get("reward_card")
    return {**judged, "reward_card": {**card, "fit": fit(card, limits)}} if card else judged


def measured(run: Run, judged: dict[str, Any], whence: dict[str, Any]) -> Measured:
    """All numbers that a run's stages left behind; what a stage did not write was not measured."""
    return Measured(
        judged["candidate"],
        judged["reference"],
        judged["temperature"],
        judged["comparisons"],
        judged["summaries"],
        report=judged,
        suites=judged.get("suites") or {},
        card=judged.get("reward_card") or {},
        watch=optional(run.path("align") / "watch.json"),
        origin=whence,
    )


def optional(file: Path) -> dict[str, Any]:
    """A file's object, or nothing if no stage had a reason to write it."""
    return dict(read_json(file)) if file.is_file() else {}


def origin(run: Run, judged: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
    """Which run the numbers are of: judge, prompts and supervised policy by content hash."""
    hashes = {one["name"]: one["sha256"] for one in known["artefacts"]}
    held_out = next(one["sha256"] for one in known["artefacts"] if one["title"].startswith("held-out"))
    return {
        "run": run.folder.name,
        "judge": hashes["judge"],
        "held_out": held_out,
        "reference": hashes["sft"],
        "policy": hashes["align"],
    }


def origin_of(run: Run) -> dict[str, Any]:
    """The same of an earlier run, as its own gate wrote it down."""
    told = optional(run.path("gate") / "report.json")
    return (
        origin(run, told, told["lineage"]) if "lineage" in told else {"run": run.folder.name, "judge": None}
    )
