"""`concord doctor`: what this machine offers, whether a model reads the same, or what ails a recipe before it runs."""

import argparse
from collections import Counter
from dataclasses import asdict
from pathlib import Path

from concord.cli.parser import Parser, Verb
from concord.cli.voice import Voice
from concord.errors import JudgeError, ModelError, RecordError, SettingsError

PRECISIONS = ("float32", "bfloat16")
ALONE = {"model": ModelError, "judge": JudgeError}
"""Checks whose errors, if there are no others, are not of the data."""
ASKED = {"arithmetic", "cost"}
"""Checks whose errors are of the recipe and not of its data."""


def doctor(args: argparse.Namespace, voice: Voice) -> int:
    """Tell device and precision with the reason, threads, memory, disk and versions; or examine model or recipe."""
    if args.exact and args.recipe:
        raise SettingsError("`--exact` examines a model and RECIPE a recipe. Give one of the two.")
    if args.exact:
        return exact(args, voice)
    if args.recipe:
        return ahead(args, voice)
    from concord import __version__
    from concord.models import doctor as examine

    found = {"concord": __version__, **examine()}
    width = max(len(name) for name in found)
    voice.tell([f"{name:{width}}  {text}" for name, text in found.items()], {"doctor": found})
    return 0


def ahead(args: argparse.Namespace, voice: Voice) -> int:
    """Look through a recipe and its data; an error is that of its data or of its settings."""
    from concord.runs import Run, load
    from concord.stages.doctor import checkup

    run = Run(Path(args.run) if args.run else Path("runs") / Path(args.recipe).stem)
    found = checkup(load(args.recipe, args.overrides), run)
    counts = Counter(one.level for one in found)
    total = ", ".join(f"{counts[level]} {level}s" for level in ("error", "warning", "note"))
    lines = [line for one in found for line in one.lines()]
    voice.tell(
        [*lines, f"{args.recipe}: {total}"],
        {"recipe": args.recipe, "remarks": [asdict(one) for one in found]},
    )
    wrong = {one.check for one in found if one.level == "error"}
    if not wrong:
        return 0
    if len(wrong) == 1 and wrong <= ALONE.keys():
        return ALONE[wrong.pop()].exit_code
    return SettingsError.exit_code if wrong <= ASKED else RecordError.exit_code


def exact(args: argparse.Namespace, voice: Voice) -> int:
    """Measure a model folder; a check that fails is the model's error."""
    from concord.stages.exact import examine, table

    about, checks = examine(Path(args.exact), "auto", args.precision)
    rows = [{**asdict(one), "verdict": one.verdict} for one in checks]
    failed = [one.name for one in checks if one.verdict == "fail"]
    voice.tell(table(about, checks), {"exact": {**about, "checks": rows, "failed": failed}})
    return ModelError.exit_code if failed else 0


def asks(parser: Parser) -> None:
    """What `doctor` is told."""
    add = parser.add_argument
    add("recipe", metavar="RECIPE", nargs="?", help="look through this recipe and its data before it is run")
    add("overrides", metavar="key=value", nargs="*", help="settings laid over the recipe's")
    add(
        "--run", metavar="DIR", help="the run's folder, whose rankings are looked at too (default: runs/NAME)"
    )
    add("--exact", metavar="FOLDER", help="measure whether this model is the same however it is read")
    add("--precision", choices=PRECISIONS, default=PRECISIONS[0], help="of the products, for --exact")


DOCTOR = Verb(
    "doctor",
    "Tell what this machine offers, what ails a recipe, or with --exact whether a model can be trusted.",
    asks,
    doctor,
)
