"""What is taken out: what people said, as a file in any format that can hold it."""

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, get_args

from sqlalchemy.orm import Session

from concord import formats
from concord.annotation import records, told
from concord.annotation.faults import Refusal
from concord.annotation.tables import Project
from concord.errors import RecordError

SAID: dict[formats.Kind, Callable[[Session, Project], Iterator[Any]]] = {
    "rankings": records.rankings,
    "demonstrations": records.demonstrations,
    "ratings": records.ratings,
}
MEDIA: dict[formats.Container, str] = {
    "jsonl": "application/jsonl",
    "jsonl.gz": "application/gzip",
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
}
PART = 2**16


@dataclass(frozen=True)
class Parcel:
    """A file on its way out, which has no name on the disk any more."""

    name: str
    media: str
    file: BinaryIO
    size: int
    report: formats.LossReport

    def parts(self) -> Iterator[bytes]:
        """What it holds, piece by piece."""
        while part := self.file.read(PART):
            yield part


def offered() -> told.Exports:
    """Every format of the register that what people said can be written in."""
    written = [(name, kind, one) for name, one in formats.FORMATS.items() if (kind := kind_of(one))]
    lines = [told.Written(name=name, kind=kind, keys=list(one.keys)) for name, kind, one in written]
    return told.Exports(formats=lines, containers=list(get_args(formats.Container)))


def kind_of(one: formats.Format | None) -> formats.Kind | None:
    """What of the things that people said is written in a format."""
    return next((kind for kind in SAID if one and one.writer(kind)), None)


def known(format: str) -> formats.Kind:
    """The kind that a format is written from, if it is written here."""
    kind = kind_of(formats.FORMATS.get(format))
    if kind is None:
        names = [one.name for one in offered().formats]
        raise Refusal(422, "format", f"`{format}` is not written here. Give {', '.join(names)}.", "format")
    return kind


def weigh(session: Session, project: Project, format: str) -> told.Weighed:
    """How much a file would hold, and what its format cannot carry."""
    kind = known(format)
    report = formats.weigh(Path(named(project, format, "jsonl")), SAID[kind](session, project), kind, format)
    return told.Weighed(records=report.records, rows=report.rows, losses=list(report.losses))


def parcel(session: Session, project: Project, format: str, container: formats.Container) -> Parcel:
    """What people said, in a format of rankings, demonstrations or ratings."""
    kind, name = known(format), named(project, format, container)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        try:
            report = formats.write(path, SAID[kind](session, project), kind, format)
        except RecordError as error:
            raise Refusal(422, "records", str(error).replace(str(path), name), "format") from error
        return Parcel(name, MEDIA[container], path.open("rb"), path.stat().st_size, report)


def named(project: Project, format: str, container: formats.Container) -> str:
    """What such a file is called: letters, digits, hyphens and points, whatever the project holds."""
    return f"{project.slug}.{format}.{container}"
