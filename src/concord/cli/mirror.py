"""`concord mirror`: a run's numbers in TensorBoard, Weights & Biases, MLflow or trackio."""

import argparse
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

from concord.cli.parser import Parser, Verb
from concord.cli.show import not_a_run
from concord.cli.voice import Voice
from concord.errors import StoreError
from concord.records.files import storing

if TYPE_CHECKING:
    from concord.monitoring.mirror import Mirror

PAUSE = 1.0


def mirror(args: argparse.Namespace, voice: Voice) -> int:
    """Copy the numbers of every stage; with --follow go on until the run has been judged."""
    from concord.monitoring.mirror import Mirror
    from concord.monitoring.shelf import Shelf
    from concord.monitoring.sinks import Target

    folder, target = Path(args.run), Target.read(args.to)
    if not (folder / "run.json").is_file():
        raise StoreError(not_a_run(folder))
    whole(folder / "run.json")
    copying = Mirror(Shelf(folder), folder.absolute().name, target.open)
    try:
        seen = copying.look(time.time())
        while args.follow and seen.state != "done":
            time.sleep(PAUSE)
            seen = copying.look(time.time())
    finally:
        copying.close()
    check(folder, copying)
    tell(copying, args.to, voice)
    return 0


def whole(file: Path) -> None:
    """Refuse a run whose first file is damaged: nothing else in it can be trusted."""
    with storing(file):
        raw = file.read_bytes()
    try:
        json.loads(raw)
    except ValueError as error:
        raise StoreError(f"{file} is damaged: {error}. Restore it from a copy of the run.") from None


def check(folder: Path, copying: "Mirror") -> None:
    """Refuse to pass over numbers in silence: a file that is there and of which no line could be read."""
    from concord.monitoring.shelf import PARTIAL
    from concord.monitoring.standing import METRICS

    stages = [path.parent for path in sorted(folder.glob(f"**/{METRICS}")) if path.stat().st_size]
    names = {stage: stage.relative_to(folder).as_posix().removesuffix(PARTIAL) for stage in stages}
    unread = [stage for stage, name in names.items() if name not in copying.copied]
    if unread:
        raise StoreError(
            f"{unread[0] / METRICS}: no line of it could be read, so it was not copied. Look whether you may read it "
            "and whether it is whole."
        )


def tell(copying: "Mirror", to: str, voice: Voice) -> None:
    """How many steps of each stage were written, and what was there already."""
    rows = {
        stage: {"written": one.written, "there": one.present, "unreadable": one.unreadable, "last": one.last}
        for stage, one in copying.copied.items()
    }
    lines = [
        f"{stage}: {one.written} steps written to {to}, {one.present} were there already"
        + (f", {one.unreadable} lines could not be read" if one.unreadable else "")
        for stage, one in copying.copied.items()
    ]
    nothing = [f"{copying.name} has written down no numbers yet. --follow waits for them."]
    voice.tell(lines or nothing, {"run": copying.name, "to": to, "stages": rows})


def asks(parser: Parser) -> None:
    """What `mirror` is told."""
    parser.add_argument("run", metavar="RUN", help="a run's folder, such as runs/first")
    where = "tensorboard:DIR, wandb:PROJECT, mlflow:URI or trackio:PROJECT"
    parser.add_argument("--to", metavar="PLACE", required=True, help=where)
    parser.add_argument(
        "--follow", action="store_true", help="go on while the run does, until its gate has spoken"
    )


MIRROR = Verb("mirror", "Copy a run's numbers to TensorBoard, W&B, MLflow or trackio.", asks, mirror)
