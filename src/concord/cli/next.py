"""`concord next`: the loop closes, the policy of a finished run answers and is ranked again."""

import argparse
import shlex
from pathlib import Path

from concord.cli.parser import Parser, Verb
from concord.cli.voice import Voice


def go_on(args: argparse.Namespace, voice: Voice) -> int:
    """Write the recipe of the round after a finished run."""
    from concord.runs.round import next_round

    found = next_round(Path(args.run), Path(args.to) if args.to else None)
    command = shlex.join(["concord", "run", str(found.path)])
    lines = [*found.notes, f"wrote {found.path}", f"Look it over, then give `{command}`."]
    voice.tell(lines, {"recipe": str(found.path), "settings": found.settings, "notes": list(found.notes)})
    return 0


def asks(parser: Parser) -> None:
    """What `next` is told."""
    parser.add_argument("run", metavar="RUN", help="the finished run's folder, such as runs/first")
    meaning = "the recipe to write (default: beside the run's own, with the next number)"
    parser.add_argument("--to", metavar="FILE", help=meaning)


NEXT = Verb("next", "Write the recipe of the round after a finished run.", asks, go_on)
