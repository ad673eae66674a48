"""`concord doctor`: what this machine offers, and whether a model is the same however it is read."""

import argparse
from dataclasses import asdict
from pathlib import Path

from concord.cli.parser import Parser, Verb
from concord.cli.voice import Voice
from concord.errors import ModelError

PRECISIONS = ("float32", "bfloat16")


def doctor(args: argparse.Namespace, voice: Voice) -> int:
    """Tell device and precision with the reason, threads, memory, disk and versions; or examine a model."""
    if args.exact:
        return exact(args, voice)
    from concord import __version__
    from concord.models import doctor as examine

    found = {"concord": __version__, **examine()}
    width = max(len(name) for name in found)
    voice.tell([f"{name:{width}}  {text}" for name, text in found.items()], {"doctor": found})
    return 0


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
    parser.add_argument(
        "--exact", metavar="FOLDER", help="measure whether this model is the same however it is read"
    )
    parser.add_argument(
        "--precision", choices=PRECISIONS, default=PRECISIONS[0], help="of the products, for --exact"
    )


DOCTOR = Verb(
    "doctor", "Tell what this machine offers, or with --exact whether a model can be trusted.", asks, doctor
)
