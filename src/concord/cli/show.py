"""`concord show`: what a run folder holds, whether it is as it was written, and what came of it."""

import argparse
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from concord.cli import verdict as verdicts
from concord.cli.ahead import widest
from concord.cli.parser import Parser, Verb
from concord.cli.voice import Voice
from concord.errors import ConcordError, StoreError


def show(args: argparse.Namespace, voice: Voice) -> int:
    """Tell the state of each stage, seconds, win rates and the verdict; a damaged folder is named."""
    folder = Path(args.run)
    if not (folder / "run.json").is_file():
        raise StoreError(not_a_run(folder))
    value = look(folder)
    voice.tell(lines(value), value)
    return StoreError.exit_code if value["flaws"] else 0


def look(folder: Path) -> dict[str, Any]:
    """Everything that a run folder says about itself."""
    from concord.records import manifest
    from concord.runs import Run

    run = Run(folder)
    known = asked_for(run)
    stages, flaws = [], []
    for name in [*known, *(name for name in run.names() if name not in known)]:
        row: dict[str, Any] = {"name": name, "state": known.get(name, "done"), "seconds": None, "flaw": None}
        if run.path(name).exists():
            row["flaw"] = manifest.flaw(run.path(name))
            if row["flaw"]:
                row["state"] = "damaged"
                flaws.append(row["flaw"])
            else:
                if row["state"] == "damaged":
                    row["state"] = "unchecked"  # intact, but what it was made from can no longer be read
                row["seconds"] = manifest_facts(run.path(name) / manifest.NAME).get("seconds")
        stages.append(row)
    decided = json_in(run.path("gate") / "verdict.json") or None
    stale = known.get("gate") == "stale"
    return {
        "run": str(folder),
        "made": json_in(folder / "run.json"),
        "stages": stages,
        "win_rates": win_rates(json_in(run.path("evaluate") / "report.json")),
        "verdict": None if stale else decided,
        "earlier_verdict": decided if stale else None,
        "page": str(folder / "report.html") if (folder / "report.html").exists() else None,
        "flaws": flaws,
    }


def asked_for(run: Any) -> dict[str, str]:
    """The stages of the run's own recipe and their states; none if its recipe can no longer be read."""
    from concord.runs import load

    made = json_in(run.folder / "run.json")
    try:
        from concord.stages.plan import states

        loaded = load(run.folder / "resolved.yaml")
        # File names in a recipe count from the folder of the original, not of the run's copy.
        origin = Path(str(made.get("recipe") or loaded.source.absolute()))
        return dict(states(replace(loaded, folder=origin.parent), run))
    except ConcordError:
        return {}


def manifest_facts(file: Path) -> dict[str, Any]:
    """The facts of a manifest that has just verified."""
    return dict(json_in(file).get("facts") or {})


def json_in(file: Path) -> dict[str, Any]:
    """A JSON file's object; nothing if it is missing or damaged, which its manifest tells better."""
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def win_rates(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Who beat whom, over all kinds of prompts."""
    fields = ("a", "b", "temperature", "split", "win_rate", "low", "high", "prompts", "more_to_lead")
    found = [item for item in report.get("comparisons", []) if item.get("kind") is None]
    return [{field: item.get(field) for field in fields} for item in found]


def lines(value: Mapping[str, Any]) -> list[str]:
    """The same for a person."""
    told = [f"{value['run']}: made from {value['made'].get('recipe', 'an unknown recipe')}"]
    width = widest([row["name"] for row in value["stages"]])
    for row in value["stages"]:
        seconds = "" if row["seconds"] is None else f"{row['seconds']:.1f} s"
        told.append(f"  {row['name']:{width}} {row['state']:8} {seconds:>10}".rstrip())
    # a terminal has room for the hardest test alone: items that no guidance touched, if there are any
    split = "new" if any(item["split"] == "new" for item in value["win_rates"]) else None
    told += [f"  {win(item)}" for item in value["win_rates"] if item["split"] == split]
    if value["earlier_verdict"]:
        told.append(
            "No gate has decided about what lies here now. This is what was decided of something else:"
        )
    verdict = value["verdict"] or value["earlier_verdict"]
    if verdict:
        told += verdicts.fitted(verdicts.lines(verdict))
    if value["page"]:
        told.append(f"Everything on one page: {value['page']}")
    told += [f"Damaged: {flaw}. Redo the stage with --again, or restore it." for flaw in value["flaws"]]
    return told


def win(item: Mapping[str, Any]) -> str:
    """One comparison in words."""
    slices = {"new": "on new items", "in": "on items that guidance touched"}
    where = slices.get(item["split"], "on all prompts")
    rate = "?" if item["win_rate"] is None else f"{item['win_rate']:.1%}"
    between = ""
    if item["low"] is not None and item["high"] is not None:
        between = f" [{item['low']:.1%}, {item['high']:.1%}]"
    more = item["more_to_lead"]
    open_ = f"; about {more:,} more prompts would tell who is better" if more else ""
    return f"{item['a']} over {item['b']}: {rate}{between} {where}, temperature {item['temperature']}{open_}"


def not_a_run(folder: Path) -> str:
    """What to say of something that is not a run folder."""
    if folder.is_file():
        return f"{folder} is a file, not a run folder. Did you mean runs/{folder.stem}?"
    if folder.is_dir():
        inner = sorted(str(path.parent) for path in folder.glob("*/run.json"))
        hint = f"Runs in it: {', '.join(inner[:5])}." if inner else "Name the folder that --run named."
        return f"{folder} is not a run folder: it has no run.json. {hint}"
    from difflib import get_close_matches

    runs = [path.parent.name for path in folder.parent.glob("*/run.json")]
    near = get_close_matches(folder.name, runs, n=1)
    hint = f"Did you mean {folder.parent / near[0]}?" if near else "Check the path."
    return f"{folder}: there is no such run. {hint}"


def asks(parser: Parser) -> None:
    """What `show` is told."""
    parser.add_argument("run", metavar="RUN", help="a run's folder, such as runs/first")


SHOW = Verb("show", "Tell what a run folder holds, and check that it is intact.", asks, show)
