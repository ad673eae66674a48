"""From one file to another: what it holds is recognised, read, and written in the format that is asked for."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

from concord.errors import RecordError
from concord.formats.containers import rows
from concord.formats.fields import Fault, nearest
from concord.formats.lines import Line
from concord.formats.losses import Losses
from concord.formats.reading import Passage
from concord.formats.rows import Notes
from concord.formats.shape import Kind, Read
from concord.formats.sniffing import ROWS_SNIFFED, Guess, native, sniff
from concord.formats.table import FORMATS
from concord.formats.taken import SOURCES, Taken
from concord.formats.writing import LossReport, write
from concord.records import Demonstration, Judgement, Ranking, Rating, StepLabels

EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class Exchange:
    """What is to be read, how, and as what."""

    source: Path
    guess: Guess
    read: Kind
    """What its rows are read as."""
    kind: Kind
    """What is written, which may be taken out of what is read."""
    examples: tuple[dict[str, Any], ...]
    """The first records as Concord's own rows."""
    faults: tuple[str, ...]
    """What is wrong with those of the first rows that cannot be read."""


@dataclass(slots=True)
class Pseudonyms:
    """Names of people, each replaced by a number of its own in the order in which they are met."""

    names: dict[str, str] = field(default_factory=dict)

    def name(self, by: str, person: bool = True) -> str:
        """The pseudonym of a person; the names of models and rules, and of nobody, stay."""
        return self.names.setdefault(by, f"annotator-{len(self.names) + 1}") if by and person else by

    def hide(self, record: Any) -> Any:
        """The same record without the names of people; who wrote an answer stays, unless they judged, too."""
        if isinstance(record, Judgement):
            return replace(record, ranking=self.hide(record.ranking))
        if isinstance(record, Demonstration):
            return replace(record, by=self.name(record.by))
        if not isinstance(record, Ranking | Rating | StepLabels):
            return record
        record = replace(record, by=self.name(record.by, record.source == "human"))
        if isinstance(record, Ranking):
            held = tuple(replace(one, by=self.names.get(one.by, one.by)) for one in record.completions)
            return replace(record, completions=held)
        one = record.completion
        return replace(record, completion=replace(one, by=self.names.get(one.by, one.by)))


def known(format: str) -> str:
    """The same name, if there is such a format."""
    if format in FORMATS:
        return format
    meant = nearest(format, FORMATS)
    hint = f"Did you mean `{meant}`?" if meant else f"The formats are {', '.join(FORMATS)}."
    raise RecordError(f"There is no format `{format}`. {hint}")


def look(source: Path, format: str | None = None, kind: Kind | None = None) -> Exchange:
    """What a file holds, told by its first rows, or as it is said to be."""
    first = list(islice(rows(source), ROWS_SNIFFED))
    if not first:
        raise RecordError(f"{source} is empty: it has no rows. Give a file with one JSON object a line.")
    broken = next((line for line in first if line.fault is not None), None)
    told = [line.row for line in first]
    if format is None:
        try:
            guess = sniff(told)
        except RecordError as error:
            if broken is not None:  # rows that cannot be read at all have no format
                raise RecordError(f"{source}:{broken.number}: {broken.fault}") from None
            raise RecordError(f"{source}: {error} Name the format, if it is one of them.") from None
    else:
        one = FORMATS[known(format)]
        guess = Guess(format, sum(one.fits(row) for row in told) / len(told))
    kind = read = kind or guess.kind
    if FORMATS[guess.format].reader(kind) is None and guess.kind in SOURCES.get(kind, ()):
        read = guess.kind
    turn = FORMATS[guess.format].reader(read)
    if turn is None:
        can = [guess.kind, *FORMATS[guess.format].also] if FORMATS[guess.format].read else []
        raise RecordError(f"{source}: rows of {guess.format} are read as {' or '.join(can)}, not as {kind}.")
    faults: list[str] = []
    records = tried(source, first, turn, guess.format, faults)
    tell, losses = FORMATS[native(kind)].write, Losses(guess.format)
    assert tell is not None, "Concord's own formats are written"
    examples = [row for record in Taken(read, kind).out_of(records) for row in tell(record, losses)]
    return Exchange(source, guess, read, kind, tuple(examples[:EXAMPLES]), tuple(faults))


def tried(source: Path, lines: Sequence[Line], turn: Read, format: str, faults: list[str]) -> Iterator[Any]:
    """The records of some rows; what is wrong with the others is put down."""
    notes = Notes(format)
    for line in lines:
        try:
            if line.fault is not None:
                raise line.fault
            found = turn(line.row, notes)
        except Fault as fault:
            faults.append(f"{source}:{line.number}: {fault}")
            continue
        yield from found if isinstance(found, list) else [found]


def carry(
    exchange: Exchange, target: Path, format: str, skip_invalid: bool, hidden: Pseudonyms | None = None
) -> tuple[Passage, LossReport]:
    """Read all of a file and write it in a format; nothing is written if the file is at fault."""
    aside = target.parent

    def read() -> Passage:
        return Passage(
            exchange.source, exchange.read, skip_invalid, format=exchange.guess.format, aside=aside
        )

    if hidden is not None:
        for record in read():  # who judged anything is known before anything is written
            hidden.hide(record)
    passage, taken = read(), Taken(exchange.read, exchange.kind)
    report = write(target, taken.out_of(nameless(passage, hidden)), exchange.kind, known(format))
    return passage, replace(report, losses=(*taken.told(), *report.losses))


def nameless(records: Iterable[Any], hidden: Pseudonyms | None) -> Iterator[Any]:
    """Records as they are, or without the names of people."""
    for record in records:
        yield record if hidden is None else hidden.hide(record)
