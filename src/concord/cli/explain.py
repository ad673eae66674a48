"""`concord explain`: why a run went wrong, with the evidence and the setting to change."""

import argparse
from pathlib import Path

from concord.cli.parser import Parser, Verb
from concord.cli.voice import Voice


def explain(args: argparse.Namespace, voice: Voice) -> int:
    """Rank the causes that a run folder gives evidence of; a run that is stopped or in progress will do."""
    from concord.monitoring.explain import explain as look

    found = look(Path(args.run), f"rivals/{args.rival}" if args.rival else "align")
    voice.tell(found.lines(), found.value())
    return 0


def asks(parser: Parser) -> None:
    """What `explain` is told."""
    parser.add_argument("run", metavar="RUN", help="a run's folder, such as runs/first")
    parser.add_argument("--rival", metavar="NAME", help="explain this one of the recipe's rivals instead")


EXPLAIN = Verb("explain", "Say why a run went wrong, and which setting to change.", asks, explain)
