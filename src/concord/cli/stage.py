"""The verbs that carry out stages: one stage each, and `run` for all of them."""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from concord.cli import verdict as verdicts
from concord.cli.ahead import Errand, foretell, known, parts, refuse_if_early, widest, with_all_above
from concord.cli.parser import Parser, Verb
from concord.cli.voice import Voice
from concord.errors import GateRefused

if TYPE_CHECKING:
    from concord.runs import Run
    from concord.stages.carry_out import Outcome

SENTENCES = {
    "sft": "Imitate demonstrations.",
    "sample": "Let the supervised policy answer each prompt several times.",
    "rank": "Collect who says which answers are better.",
    "reward": "Learn what people prefer.",
    "align": "Make the candidate policy, or with --rival another one.",
    "evaluate": "Let all policies answer held-out prompts before a judge.",
    "gate": "Decide whether the candidate may leave the house.",
}


def stage(args: argparse.Namespace, voice: Voice) -> int:
    """Carry out one stage; the stages before it must be finished."""
    from concord.runs import load
    from concord.stages.plan import plan

    against = getattr(args, "against", None)
    if against:  # a path given here counts from here, and one in a recipe from the recipe
        args.overrides = [*args.overrides, f"gate.against={json.dumps(str(Path(against).absolute()))}"]
    loaded = load(args.recipe, args.overrides)
    tasks = plan(loaded)
    rival = getattr(args, "rival", None)
    name = known(f"rivals/{rival}" if rival else args.verb, tasks)
    names = parts(name, tasks)
    return carry(Errand(args, loaded, tasks, names, frozenset(names if args.again else [])), voice)


def run(args: argparse.Namespace, voice: Voice) -> int:
    """Carry out every stage that is not finished, to the gate."""
    from concord.runs import load
    from concord.stages.plan import plan

    loaded = load(args.recipe, args.overrides)
    tasks = plan(loaded)
    redone = [part for name in args.again for part in parts(known(name, tasks), tasks)]
    again = with_all_above(redone, tasks)
    return carry(Errand(args, loaded, tasks, [task.name for task in tasks], again), voice)


def carry(errand: Errand, voice: Voice) -> int:
    """Carry out an errand, or with --plan only foretell it."""
    from concord.runs import Run
    from concord.stages.plan import states

    errand.refuse_anothers()
    if errand.args.plan:
        voice.tell(*foretell(errand, states(errand.loaded, Run(errand.folder))))
        return 0
    with Run.open(errand.folder, errand.loaded) as place:
        if errand.args.verb != "run":
            refuse_if_early(errand, states(errand.loaded, place))
        from concord.stages.carry_out import carry_out

        outcomes = carry_out(errand.loaded, place, errand.names, errand.again, voice.say)
        verdict = verdict_of(place) if "gate" in errand.names else None
    tell(errand, outcomes, verdict, voice)
    return GateRefused.exit_code if verdict is not None and not verdict.get("go") else 0


def tell(errand: Errand, outcomes: "Sequence[Outcome]", verdict: dict[str, Any] | None, voice: Voice) -> None:
    """Say what was done; a no-go is an error, so that scripts stop there."""
    value: dict[str, Any] = {
        "run": str(errand.folder),
        "outcomes": [
            {"name": item.name, "state": item.state, "seconds": item.seconds, "folder": str(item.folder)}
            for item in outcomes
        ],
    }
    lines = []
    width = widest(errand.names)
    for item in outcomes:
        skipped = item.state == "skipped"
        text = "skipped, finished before" if skipped else f"done in {item.seconds:.1f} s"
        lines.append(f"{item.name:{width}} {text:26} {item.folder}")
    page = errand.folder / "report.html"
    if verdict is not None and page.exists():
        lines.append(f"Everything on one page: {page}")
        value["page"] = str(page)
    if verdict is None:
        voice.tell(lines, value)
        return
    voice.tell([*lines, "", *told(verdict, errand.folder)], {**value, "verdict": verdict, **refusal(verdict)})
    if not verdict.get("go") and not voice.as_json:
        raise GateRefused(f"NO-GO: the gate does not let {verdict.get('candidate', 'the candidate')} pass.")


def told(verdict: Mapping[str, Any], folder: Path) -> list[str]:
    """The verdict as lines that standard output can show."""
    from concord.records.files import read_json

    page = folder / "report.json"
    return verdicts.fitted(verdicts.lines(verdict, read_json(page) if page.is_file() else None))


def refusal(verdict: Mapping[str, Any]) -> dict[str, Any]:
    """A no-go as the error that it is, for a machine: it stands beside the verdict in the one object."""
    if verdict.get("go"):
        return {}
    reason = verdict.get("reason") or " ".join(verdict.get("because", []))
    return {"error": {"kind": "GateRefused", "message": reason, "exit": GateRefused.exit_code}}


def verdict_of(place: "Run") -> dict[str, Any] | None:
    """What the gate decided, if it has."""
    from concord.records.files import read_json

    file = place.path("gate") / "verdict.json"
    return dict(read_json(file)) if file.exists() else None


def asks(parser: Parser) -> None:
    """What every one of these verbs is told."""
    add = parser.add_argument
    add("recipe", metavar="RECIPE", help="the recipe, a YAML file")
    settings = "settings laid over the recipe's, such as align.kl=0.02"
    add("overrides", metavar="key=value", nargs="*", help=settings)
    add("--run", metavar="DIR", help="the run's folder (default: runs/ and the recipe's name)")
    add("--plan", action="store_true", help="only say what would run, and from which files")


def asks_stage(parser: Parser) -> None:
    """What the verb of one stage is told."""
    asks(parser)
    parser.add_argument("--again", action="store_true", help="redo the stage though it is finished")
    verb = parser.prog.rpartition(" ")[2]
    if verb == "align":
        parser.add_argument("--rival", metavar="NAME", help="make this one of the recipe's rivals instead")
    if verb == "gate":
        meaning = "the earlier run whose figures criteria may take as their baseline"
        parser.add_argument("--against", metavar="RUN", help=meaning)
    parser.set_defaults(verb=verb)


def asks_run(parser: Parser) -> None:
    """What `run` is told."""
    asks(parser)
    meaning = "redo this stage and all that stand on it; may be given more than once"
    parser.add_argument("--again", metavar="STAGE", action="append", default=[], help=meaning)
    parser.set_defaults(verb="run")


STAGES = tuple(Verb(name, sentence, asks_stage, stage) for name, sentence in SENTENCES.items())
RUN = Verb("run", "Carry out every stage that is not finished, to the gate.", asks_run, run)
