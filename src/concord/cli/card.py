"""`concord evaluate reward`: the report card of any reward model on any rankings."""

import argparse
from pathlib import Path

from concord.cli.parser import Parser, Verb
from concord.cli.voice import Voice


def card(args: argparse.Namespace, voice: Voice) -> int:
    """Score the rankings, and tell where, how surely and for what wrong reasons the model is right."""
    from concord.evaluation.reward_words import lines
    from concord.stages.examine import examine

    found = examine(Path(args.folder), Path(args.rankings), args.learned and Path(args.learned))
    told = list(lines(found))
    if args.out:
        from concord.evaluation.reward_page import card_page
        from concord.records.files import write_text

        write_text(Path(args.out), card_page(found))
        told.append(f"wrote {args.out}")
    voice.tell(told, found)
    return 0


def asks(parser: Parser) -> None:
    """What `evaluate reward` is told."""
    add = parser.add_argument
    add(
        "folder",
        metavar="FOLDER",
        help="a run's folder `reward`, or a Hugging Face classifier with one label",
    )
    add("rankings", metavar="RANKINGS", help="a file of rankings or preference pairs, in any format")
    add(
        "--learned", metavar="FILE", help="the rankings that the model learned from, if it was made elsewhere"
    )
    add("--out", metavar="FILE.html", help="write the card as one page too")


CARD = Verb("evaluate reward", "Draw up the report card of a reward model.", asks, card)
