"""`concord evaluate suites`: try any model with probe sets: a folder, a run's policy, or an endpoint."""

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from concord.cli.parser import Parser, Verb
from concord.cli.voice import Voice
from concord.errors import SettingsError

COLUMN = 34


def evaluate_suites(args: argparse.Namespace, voice: Voice) -> int:
    """Try a model, and tell every mark with its interval."""
    asked = (*args.suite, *args.file)
    if not asked:
        from concord.suites import NAMED

        raise SettingsError(
            f"No suite was asked for. Name some with --suite ({', '.join(NAMED)}), or files with --file."
        )
    if args.longest < 1 or args.temperature < 0:
        raise SettingsError(
            f"`--longest {args.longest} --temperature {args.temperature}`: an answer has at least 1 token, and no "
            "temperature is below 0."
        )
    from concord.stages.tried import try_model

    drawn = (args.temperature, args.longest)
    value = try_model(args.model, asked, *drawn, args.policy, args.name, args.key, args.seed, voice.say)
    if args.out:
        from concord.records.files import write_json

        write_json(Path(args.out), value)
    voice.tell(lines(value), value)
    return 0


def lines(value: Mapping[str, Any]) -> Iterator[str]:
    """The same for a person."""
    for name, suite in value["suites"].items():
        yield f"{name} ({suite['n']:,} probes)"
        for mark, one in suite["marks"].items():
            wanted = {"at least": "high is good", "at most": "low is good"}.get(
                suite["direction"].get(mark), ""
            )
            yield f"  {mark:{COLUMN}} {told(one):28} {wanted}"
        for test in suite["tests"]:
            if test["holm"] < 0.05:
                chance = f"p = {test['p']:.2g}, after Holm {test['holm']:.2g}"
                yield f"  {test['name']} differs by more than chance: {chance}"
        yield from (f"  not measured: {one}" for one in suite["unmeasured"])


def told(one: Mapping[str, Any]) -> str:
    """A value with its interval."""
    if one["value"] is None:
        return "not measured"
    between = "" if one["low"] is None else f" [{one['low']:.3f}, {one['high']:.3f}]"
    return f"{one['value']:.3f}{between}"


def asks(parser: Parser) -> None:
    """What `evaluate suites` is told."""
    add = parser.add_argument
    add("model", metavar="MODEL", help="a model folder, a run folder, `starter`, or the URL of an endpoint")
    add(
        "--suite",
        metavar="NAME",
        action="append",
        default=[],
        help="a suite or a set of them; may be repeated",
    )
    add("--file", metavar="FILE", action="append", default=[], help="a file of probes; may be repeated")
    add("--policy", metavar="NAME", help="of a run: which policy (default: the candidate)")
    add("--name", metavar="NAME", default="", help="of an endpoint: the model to ask for")
    add("--key", metavar="VARIABLE", default="", help="of an endpoint: the environment variable with its key")
    add("--temperature", metavar="T", type=float, default=0.0, help="of sampling (default: 0, the likeliest)")
    add("--longest", metavar="N", type=int, default=256, help="most tokens in an answer (default: 256)")
    add("--seed", metavar="N", type=int, default=0, help="what all draws follow from (default: 0)")
    add("--out", metavar="FILE", help="also write what was found to this file, as JSON")


SUITES = Verb("evaluate suites", "Try any model with probe sets.", asks, evaluate_suites)
