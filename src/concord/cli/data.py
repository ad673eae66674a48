"""`concord import` and `concord export`: data of other tools into Concord's own rows, and out of them again."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from concord.cli.parser import Parser, Verb
from concord.cli.voice import Voice
from concord.errors import SettingsError, StoreError

if TYPE_CHECKING:
    from concord.formats import LossReport, Passage
    from concord.formats.exchange import Exchange, Pseudonyms

WIDTH = 240
"""Characters of an example that a terminal is shown."""


def bring(args: argparse.Namespace, voice: Voice) -> int:
    """Read a file of another tool and write what it holds as Concord's own rows."""
    from concord.formats.containers import stem
    from concord.formats.exchange import carry, look
    from concord.formats.sniffing import native

    source = Path(args.file)
    found = look(source, args.format, kind_of(args.kind))
    target = Path(args.to) if args.to else source.parent / f"{stem(source)}.{found.kind}.jsonl"
    if args.plan:
        voice.tell(foretell(found, target), foretold(found, target))
        return 0
    refuse_to_write_over(source, target, args.again)
    passage, report = carry(found, target, native(found.kind), args.skip_invalid)
    tell(found, passage, report, target, voice)
    return 0


def give(args: argparse.Namespace, voice: Voice) -> int:
    """Read a file and write what it holds in the format of another tool, without the names of people."""
    from concord.formats.exchange import Pseudonyms, carry, look

    source, target = Path(args.file), Path(args.to)
    found = look(source, None, kind_of(args.kind))
    refuse_to_write_over(source, target, args.again)
    hidden = None if args.names else Pseudonyms()
    passage, report = carry(found, target, args.format, args.skip_invalid, hidden)
    tell(found, passage, report, target, voice, hidden)
    return 0


def kind_of(word: str | None) -> Any:
    """A kind of records as it is given, if there is one of that name."""
    from concord.formats import Kind

    if word is None or word in get_args(Kind):
        return word
    raise SettingsError(f"`--as {word}` is no kind of records. The kinds are {', '.join(get_args(Kind))}.")


def refuse_to_write_over(source: Path, target: Path, again: bool) -> None:
    """A file is written anew only if that is asked for, and never over what it is made from."""
    if target.exists() and source.exists() and target.samefile(source):
        raise StoreError(f"{target} is the file that is read. Name another one with --to.")
    if target.exists() and not again:
        raise StoreError(
            f"{target} exists already. Name another file with --to, or write it anew with --again."
        )


def foretold(found: "Exchange", target: Path) -> dict[str, Any]:
    """What would be done, for a machine."""
    return {
        "file": str(found.source),
        "format": found.guess.format,
        "confidence": found.guess.confidence,
        "read": found.read,
        "kind": found.kind,
        "to": str(target),
        "examples": list(found.examples),
        "faults": list(found.faults),
    }


def foretell(found: "Exchange", target: Path) -> list[str]:
    """The same for a person."""
    import json

    from concord.formats.reading import SHOWN

    examples = [json.dumps(row, ensure_ascii=True) for row in found.examples]
    wrong = [f"Of the first rows {len(found.faults)} cannot be read:"] if found.faults else []
    return [
        recognised(found),
        f"It would be written to {target}. The first {len(examples)} records:",
        *(f"  {text[:WIDTH]}{'…' if len(text) > WIDTH else ''}" for text in examples),
        *wrong,
        *(f"  {text}" for text in found.faults[:SHOWN]),
    ]


def recognised(found: "Exchange") -> str:
    """What the file is taken for."""
    share = f"{found.guess.confidence:.0%} of its first rows look like it"
    return f"{found.source} is read as {found.read}, format {found.guess.format}: {share}."


def tell(
    found: "Exchange",
    passage: "Passage",
    report: "LossReport",
    target: Path,
    voice: Voice,
    hidden: "Pseudonyms | None" = None,
) -> None:
    """Say what came in and what went out; the count always comes out even."""
    people = len(hidden.names) if hidden else 0
    lines = [recognised(found), passage.summary, *(f"warning: {text}" for text in passage.warnings)]
    if passage.listed:
        lines.append(f"The {passage.skipped:,} skipped rows, with reasons: {passage.listed}")
    lines += [f"loss: {text}" for text in report.losses]
    if people:
        lines.append(f"{people:,} names of people were replaced by pseudonyms; --names keeps them.")
    lines.append(f"wrote {target}: {report.rows:,} rows ({report.format})")
    value = {
        **foretold(found, target),
        "rows": passage.kept + passage.skipped,
        "kept": passage.kept,
        "skipped": passage.skipped,
        "records": passage.records,
        "listed": str(passage.listed) if passage.listed else None,
        "warnings": list(passage.warnings),
        "written": report.rows,
        "written_as": report.format,
        "losses": list(report.losses),
        "pseudonyms": people,
    }
    del value["examples"], value["faults"]
    voice.tell(lines, value)


def asks(parser: Parser) -> None:
    """What both verbs are told."""
    add = parser.add_argument
    add("file", metavar="FILE", help="the file to read, or a folder that datasets' save_to_disk wrote")
    add(
        "--as",
        dest="kind",
        metavar="KIND",
        help="what to read it as, or to take out of it: prompts out of anything, demonstrations out of rankings",
    )
    add("--skip-invalid", action="store_true", help="leave out rows that cannot be read, and list them")
    add("--again", action="store_true", help="write the file anew if it is there already")


def asks_import(parser: Parser) -> None:
    """What `import` is told."""
    asks(parser)
    parser.add_argument("--format", metavar="NAME", help="its format, if it is not recognised")
    parser.add_argument(
        "--to", metavar="FILE", help="the file to write (default: beside FILE, NAME.KIND.jsonl)"
    )
    parser.add_argument(
        "--plan", action="store_true", help="only say what was recognised, with three examples"
    )


def asks_export(parser: Parser) -> None:
    """What `export` is told."""
    asks(parser)
    parser.add_argument("--format", metavar="NAME", required=True, help="the format to write")
    parser.add_argument(
        "--to", metavar="OUT", required=True, help="the file to write; its ending says how it is packed"
    )
    parser.add_argument(
        "--names", action="store_true", help="keep the names of people, which are hidden otherwise"
    )


IMPORT = Verb("import", "Read data of another tool, and write it as Concord's own rows.", asks_import, bring)
EXPORT = Verb(
    "export", "Write data in the format of another tool, and say what it cannot carry.", asks_export, give
)
