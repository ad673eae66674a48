"""Write a data file whole, and report what its format could not carry."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from concord.errors import RecordError
from concord.formats.fields import Fault
from concord.formats.losses import Losses
from concord.formats.packing import pack
from concord.formats.shape import Kind, Write
from concord.formats.table import FORMATS
from concord.records import Completion, Demonstration, Judgement, Prompt, Ranking, Rating, StepLabels
from concord.records.files import dumps


@dataclass(frozen=True, slots=True)
class LossReport:
    """How much went in, how much came out, and what was lost on the way."""

    format: str
    records: int
    rows: int
    losses: tuple[str, ...] = ()
    """One sentence for each kind of loss; none for Concord's own formats."""

    def __str__(self) -> str:
        """The report as a person reads it."""
        return "\n".join([f"{self.records:,} records, {self.rows:,} rows ({self.format})", *self.losses])


def write_prompts(
    path: str | PathLike[str], records: Iterable[Prompt], format: str = "concord-prompts"
) -> LossReport:
    """Write prompts."""
    return write(Path(path), records, "prompts", format)


def write_completions(
    path: str | PathLike[str], records: Iterable[Completion], format: str = "concord-completions"
) -> LossReport:
    """Write completions."""
    return write(Path(path), records, "completions", format)


def write_demonstrations(
    path: str | PathLike[str], records: Iterable[Demonstration], format: str = "concord-demonstrations"
) -> LossReport:
    """Write demonstrations."""
    return write(Path(path), records, "demonstrations", format)


def write_rankings(
    path: str | PathLike[str], records: Iterable[Ranking], format: str = "concord-rankings"
) -> LossReport:
    """Write rankings, whole or as what a foreign format can carry of them."""
    return write(Path(path), records, "rankings", format)


def write_ratings(
    path: str | PathLike[str], records: Iterable[Rating], format: str = "concord-ratings"
) -> LossReport:
    """Write ratings."""
    return write(Path(path), records, "ratings", format)


def write_steps(
    path: str | PathLike[str], records: Iterable[StepLabels], format: str = "concord-steps"
) -> LossReport:
    """Write step labels."""
    return write(Path(path), records, "steps", format)


def write_judgements(
    path: str | PathLike[str], records: Iterable[Judgement], format: str = "concord-judgements"
) -> LossReport:
    """Write judgements."""
    return write(Path(path), records, "judgements", format)


def write(path: Path, records: Iterable[object], kind: Kind, format: str) -> LossReport:
    """Write records of one kind in one format; the file is there whole, or not at all."""
    return passed(path, records, kind, format, lambda lines: pack(path, lines))


def weigh(name: Path, records: Iterable[object], kind: Kind, format: str) -> LossReport:
    """What a file of that name would hold and lose; nothing is written."""
    return passed(name, records, kind, format, lambda lines: deque(lines, maxlen=0))


def passed(
    path: Path,
    records: Iterable[object],
    kind: Kind,
    format: str,
    take: Callable[[Iterator[str]], object],
) -> LossReport:
    """Pass the lines of a file on, and report what went in, came out and was lost."""
    known = FORMATS.get(format)
    turn = known.writer(kind) if known else None
    if turn is None:
        fitting = [name for name, one in FORMATS.items() if one.writer(kind)]
        raise RecordError(f"`{format}` is no format that {kind} are written in. Use {' or '.join(fitting)}.")
    losses = Losses(format)
    counts = [0, 0]
    take(rows_of(path, records, turn, losses, counts))
    return LossReport(format, counts[0], counts[1], losses.lines())


def rows_of(
    path: Path, records: Iterable[object], turn: Write, losses: Losses, counts: list[int]
) -> Iterator[str]:
    """The lines of a file, counting records and rows as they pass."""
    for number, record in enumerate(records, start=1):
        try:
            found = [dumps(row) for row in turn(record, losses)]
            for line in found:
                line.encode("utf-8")
        except (Fault, ValueError) as error:  # ValueError: NaN, infinity or half a character
            raise RecordError(
                f"{path}: record {number} cannot be written: {error}. "
                "Nothing was written; correct the record."
            ) from error
        counts[0] += 1
        counts[1] += len(found)
        yield from found
