"""`concord make`: prompts and demonstrations out of templates, out of a pool that grows, or chosen from a file."""

import argparse
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from concord.cli.parser import Parser, Verb
from concord.cli.voice import Voice
from concord.errors import SettingsError

SHOWN = 10
"""Faults and repetitions that a person is shown; --json has them all."""
FILES = {"template": ("TEMPLATE.yaml", "ROWS"), "pool": ("SEEDS",), "choice": ("DEMONSTRATIONS",)}
OPTIONS = {
    "template": {"review", "accepted"},
    "pool": {"model", "size", "seed", "longest", "temperature", "alike", "inverted"},
    "choice": {"model", "share", "by"},
}
"""Which options each kind knows; another is an error, for it would do nothing."""
WORTHS = ("coverage", "difficulty", "likelihood", "score")


def make(args: argparse.Namespace, voice: Voice) -> int:
    """Make the data that was asked for, and tell what became of every row."""
    given = {name for name, value in vars(args).items() if value not in (None, False)}
    strange = sorted(given & set().union(*OPTIONS.values()) - OPTIONS[args.what])
    if strange:
        raise SettingsError(
            f"`concord make {args.what}` knows no --{strange[0]}; its options are "
            f"{', '.join(f'--{name}' for name in sorted(OPTIONS[args.what]))}."
        )
    if len(args.files) != len(FILES[args.what]):
        raise SettingsError(
            f"`concord make {args.what}` takes {' and '.join(FILES[args.what])}, not {len(args.files)} files."
        )
    files, out = [Path(file) for file in args.files], Path(args.out)
    if out.absolute() in [file.absolute() for file in files]:
        raise SettingsError(f"--out is {out}, which is what is read. Name another file.")
    found = MAKE[args.what](args, files, out, voice)
    voice.tell(
        [*told(found), f"wrote {found['written']:,} records to {out}"], {"make": {**found, "out": str(out)}}
    )
    return 0


def template(args: argparse.Namespace, files: list[Path], out: Path, voice: Voice) -> dict[str, Any]:
    """Templates and rows."""
    from concord.stages.make import filled

    if args.review and Path(args.review).absolute() in [out.absolute(), *(file.absolute() for file in files)]:
        raise SettingsError(
            f"--review is {args.review}, which is read or written as data. Name another file."
        )
    if args.accepted and not args.review:
        raise SettingsError(
            "--accepted keeps what a reviewer accepted, so --review must name the review's file."
        )
    return filled(files[0], files[1], out, Path(args.review) if args.review else None, args.accepted)


def pool(args: argparse.Namespace, files: list[Path], out: Path, voice: Voice) -> dict[str, Any]:
    """Seeds and a model."""
    from concord.making.pool import Growth
    from concord.stages.make import pool as grown

    names = ("size", "seed", "alike", "inverted")
    growth = Growth(
        **{"size": 100, **{name: getattr(args, name) for name in names if getattr(args, name) is not None}}
    )
    longest = 48 if args.longest is None else args.longest
    temperature = 1.0 if args.temperature is None else args.temperature
    if longest < 1 or not 0 < temperature < math.inf:
        raise SettingsError(
            f"--longest is {longest} and --temperature {temperature:g}: an attempt has at least 1 token, and is "
            "drawn at a temperature above 0."
        )
    return grown(files[0], folder(args), out, growth, longest, temperature, voice.say)


def choice(args: argparse.Namespace, files: list[Path], out: Path, voice: Voice) -> dict[str, Any]:
    """Demonstrations and a measure."""
    from concord.stages.make import choice as pick

    by = args.by or WORTHS[0]
    if by == "score" and not args.model:
        raise SettingsError("--by score asks a reward model, so --model must name its folder.")
    return pick(files[0], folder(args), out, 0.1 if args.share is None else args.share, by, voice.say)


MAKE = {"template": template, "pool": pool, "choice": choice}


def folder(args: argparse.Namespace) -> Path | None:
    """The model's folder, if one is named."""
    return Path(args.model) if args.model else None


def told(found: Mapping[str, Any]) -> list[str]:
    """What became of the rows, for a person."""
    lines = []
    for name, what in (("faults", "could not be filled"), ("repeats", "say again what another says")):
        some = found.get(name) or []
        lines += [*some[:SHOWN], f"{len(some)} rows {what} and were left out."] if some else []
    if "accepted" in found:
        lines.append(
            f"{found['accepted']} accepted, {found['rejected']} rejected, {found['open']} not looked at; "
            f"{found['gone']} verdicts on what is no longer made are kept."
        )
    if "attempts" in found:
        lines.append(", ".join(f"{count} {reason}" for reason, count in found["attempts"].items()))
    if "kept_worth" in found:
        lines.append(
            f"mean {found['by']}: {found['worth']:.4f} of all, {found['kept_worth']:.4f} of those kept"
        )
    return lines


def asks(parser: Parser) -> None:
    """What `make` is told."""
    parser.add_argument("what", choices=tuple(MAKE), help="fill a template, grow a pool, or choose")
    parser.add_argument("files", metavar="FILE", nargs="+", help="what to make it from")
    parser.add_argument("--out", metavar="FILE", required=True, help="where to write the records")
    parser.add_argument(
        "--review", metavar="FILE", help="template: verdicts of a reviewer, kept from run to run"
    )
    parser.add_argument("--accepted", action="store_true", help="template: only what the reviewer accepted")
    parser.add_argument(
        "--model", metavar="DIR", help="pool, choice: who writes or measures (default: the bundled model)"
    )
    parser.add_argument("--size", metavar="N", type=int, help="pool: how many records (default: 100)")
    parser.add_argument("--seed", metavar="N", type=int, help="pool: what all draws follow from (default: 0)")
    parser.add_argument("--longest", metavar="N", type=int, help="pool: most tokens of a text (default: 48)")
    parser.add_argument("--temperature", metavar="T", type=float, help="pool: of sampling (default: 1)")
    parser.add_argument(
        "--alike", metavar="R", type=float, help="pool: ROUGE-L above which a text is refused (0.7)"
    )
    parser.add_argument(
        "--inverted", action="store_true", help="pool: answers first, the rarest, then questions"
    )
    parser.add_argument("--share", metavar="S", type=float, help="choice: how much to keep (default: 0.1)")
    parser.add_argument("--by", choices=WORTHS, help="choice: what a record is worth (default: coverage)")


MAKE_VERB = Verb(
    "make", "Make prompts or demonstrations: from templates, from a pool, or by choice.", asks, make
)
