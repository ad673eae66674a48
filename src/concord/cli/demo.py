"""`concord init` and `concord demo`: a folder to start from, and the whole journey in one command."""

import argparse
import contextlib
import shlex
import shutil
import uuid
from pathlib import Path

from concord.cli.parser import Parser, Verb
from concord.cli.voice import Voice
from concord.errors import SettingsError, StoreError

MARK = ".concord-demo"


def init(args: argparse.Namespace, voice: Voice) -> int:
    """Write a recipe and its data into a folder."""
    folder = Path(args.folder)
    if folder.exists() and not folder.is_dir():
        raise StoreError(f"{folder} is a file. Name a folder.")

    from concord.stages.demo import init as write

    files = write(folder, args.demonstrators)
    recipe = folder / "recipe.yaml"
    voice.tell(
        [*(f"wrote {file}" for file in files), f"Now give `{shlex.join(['concord', 'run', str(recipe)])}`."],
        {"folder": str(folder), "files": [str(file) for file in files]},
    )
    return 0


def demo(args: argparse.Namespace, voice: Voice) -> int:
    """Make the whole journey on the starter world, once for each seed."""
    from concord.records.files import storing, write_text

    if args.seeds < 1:
        raise SettingsError(f"`--seeds` is {args.seeds}; one seed is the least. Give --seeds 1 or more.")
    folder = Path(args.run)
    if folder.exists() and not folder.is_dir():
        raise StoreError(f"{folder} is a file. Name another folder with --run.")
    if args.again and folder.is_dir():
        clear(folder)
    with storing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        if not any(folder.iterdir()):
            write_text(folder / MARK, "`concord demo --again` may delete this folder.")

    from concord.stages.demo import demo as journey

    report = journey(folder, args.seeds, voice.say)
    voice.tell([f"The report is {report}."], {"run": str(folder), "report": str(report)})
    return 0


def clear(folder: Path) -> None:
    """Delete an earlier demo: only what a demo made, and only if no process is at work in it."""
    from concord.records.files import storing
    from concord.runs import lock

    if not any(folder.iterdir()):
        return
    if not (folder / MARK).is_file():
        raise StoreError(f"{folder} was not made by `concord demo`. Delete it or give another --run.")
    found = [folder, *other_seeds(folder)]
    with contextlib.ExitStack() as held, storing(folder):
        for path in found:
            if (path / ".lock").exists():
                held.enter_context(lock(path / ".lock"))
        for path in found:
            aside = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
            path.rename(aside)
            shutil.rmtree(aside)


def other_seeds(folder: Path) -> list[Path]:
    """The runs beside a demo's folder that were made from the demo's own recipe with other seeds."""
    from concord.records.files import read_json

    recipe = str((folder / "inputs" / "recipe.yaml").absolute())
    beside = folder.parent.glob("*/run.json")
    return sorted(
        path.parent
        for path in beside
        if path.parent.name.startswith(f"{folder.name}-seed-") and read_json(path).get("recipe") == recipe
    )


def asks_init(parser: Parser) -> None:
    """What `init` is told."""
    parser.add_argument("folder", metavar="DIR", help="the folder, made if need be; `.` is this one")
    meaning = "who wrote the demonstrations (default: `typical`, people who show less than they recognise)"
    parser.add_argument(
        "--demonstrators", choices=("good", "typical", "lazy"), default="typical", help=meaning
    )


def asks_demo(parser: Parser) -> None:
    """What `demo` is told."""
    meaning = "how many times, each with its own seed (default: 1)"
    parser.add_argument("--seeds", metavar="N", type=int, default=1, help=meaning)
    parser.add_argument("--run", metavar="DIR", default="runs/demo", help="the folder (default: runs/demo)")
    parser.add_argument("--again", action="store_true", help="delete an earlier demo and begin afresh")


INIT = Verb("init", "Write a recipe and data to start from into a folder.", asks_init, init)
DEMO = Verb("demo", "Make the whole journey on the bundled starter world.", asks_demo, demo)
