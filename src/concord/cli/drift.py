"""`concord drift`: whether what a served model is asked and answers is still what was evaluated."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from concord.cli.parser import Parser, Verb, count
from concord.cli.voice import Voice
from concord.errors import GateRefused

SHOWN = 80
"""Characters of a sample that a line has room for."""


def drift(args: argparse.Namespace, voice: Voice) -> int:
    """Tell what changed, from which request on, how sure that is, and what to do."""
    from concord.stages.drift import examine

    found = examine(args.log, args.against, args.policy, args.window, args.most, args.prompts)
    voice.tell(lines(found), {"drift": found})
    return GateRefused.exit_code if args.strict and found["drift"] else 0


def lines(found: Mapping[str, Any]) -> list[str]:
    """The findings for a person."""
    from concord.monitoring.remedies import in_words

    told = [
        f"{found['requests']:,} dialogues of {found['log']} in {len(found['windows'])} windows, beside "
        f"{found['reference']:,} answers of {found['against']}; "
        f"{found['looks']} looks share a level of {found['level']:.0%}."
    ]
    told += [f"Left aside: {count:,} {reason}." for reason, count in found["aside"].items()]
    told += [f"Not measured: {name}, for {reason}." for name, reason in found["missing"].items()]
    told += [
        f"Not measured in window {window['number']}: {name}, for {reason}."
        for window in found["windows"]
        for name, reason in window["missing"].items()
        if name not in found["missing"]
    ]
    if found["drift"]:
        told.append("Drift (a screening signal: it says where to look, not why):")
        for alarm in found["alarms"]:
            told += [f"  {in_words(alarm)}", *samples(alarm)]
    else:
        told.append("No drift seen. Four times out of five these windows would have shown:")
        told += [f"  {sight(name, what)}" for name, what in found["sight"].items()]
    told += [
        f"{number}. {one['step']} Because {one['because']}."
        for number, one in enumerate(found["checklist"], 1)
    ]
    if found["prompts_file"]:
        told.append(f"{len(found['prompts'])} questions to rank are in {found['prompts_file']}.")
    elif found["prompts"]:
        told.append(f"{len(found['prompts'])} questions deserve to be ranked; `--prompts FILE` writes them.")
    return told


def samples(alarm: Mapping[str, Any]) -> list[str]:
    """Three questions and answers of an alarm, as text that no terminal obeys; none if the log keeps no words.

    The stability index looks at the numbers that the line before it has looked at.
    """
    if alarm["measure"].endswith("(PSI)"):
        return []
    shown = [(one["asked"], one["text"] or "") for one in alarm["samples"] if one["asked"]]
    return [f"    {asked[:SHOWN]!r}: {text[:SHOWN]!r}" for asked, text in shown]


def sight(name: str, what: Mapping[str, Any]) -> str:
    """What would have been seen of one measure."""
    if "standard deviations" in what:
        step = what["standard deviations"]
        size = "no shift up to 2" if step is None else f"a shift of {step:g}"
        return f"{name}: {size} standard deviations, in a window of {what['requests']}"
    if "AUC" in what:
        return f"{name}: questions that are told apart with an AUC of {what['AUC']:.2f}"
    if "fall" in what:
        fall = "no fall at all" if what["fall"] is None else f"a fall by {what['fall']:.2f}"
        return f"{name}: {fall} from {what['from']:.2f}, in the middle of {what['thumbs']:,}"
    rise = "no rise at all" if what["to"] is None else f"a rise to {what['to']:.1%}"
    return f"{name}: {rise} from {what['from']:.1%}, in a window of {what['requests']}"


def asks(parser: Parser) -> None:
    """What `drift` is told."""
    add = parser.add_argument
    add("log", metavar="LOGDIR", type=Path, help="the folder that `concord serve --log` wrote")
    add(
        "--against",
        metavar="RUN|LOGDIR",
        type=Path,
        required=True,
        help="the run whose evaluation, or the earlier log, is compared with",
    )
    add("--policy", metavar="NAME", help="of the run's policies, which (default: the candidate)")
    add("--window", metavar="N", type=count(1), default=200, help="requests of a window (default: 200)")
    add("--prompts", metavar="FILE", type=Path, help="write the questions that people should rank next")
    add("--most", metavar="N", type=count(1), default=100, help="most such questions (default: 100)")
    add("--strict", action="store_true", help="exit with 6 if there is an alarm")


DRIFT = Verb("drift", "Tell whether a served model still meets what it was evaluated on.", asks, drift)
