"""Parquet files and the folders that Hugging Face's datasets are saved in; pyarrow is loaded when one is met."""

import contextlib
import json
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

from concord.errors import RecordError
from concord.formats.caps import MOST_FIELDS, UNPACKED_ANYWAY, Caps
from concord.formats.fields import shown, visible
from concord.formats.lines import Line

BATCH = 256
"""Rows that are unpacked at a time."""
WRITTEN = 1_000
"""Rows that are packed at a time."""


@contextlib.contextmanager
def arrow(path: Path) -> Iterator[Any]:
    """The library pyarrow, and its complaints in our words."""
    try:
        import pyarrow
    except ImportError:
        raise RecordError(
            f"{path} needs the package pyarrow, which is not installed. "
            "Install it with `pip install 'concord-align[parquet]'`, or use JSON Lines."
        ) from None
    try:
        yield pyarrow
    except (pyarrow.ArrowException, UnicodeDecodeError, OSError) as error:
        if isinstance(error, OSError) and error.errno:
            raise  # the file system's complaint, not one about what stands in the file
        what = visible(str(error).partition("\n")[0][:200])
        raise RecordError(f"{path} cannot be read or written: {what}. Check the file.") from None


def parquet(path: Path, caps: Caps) -> Iterator[Line]:
    """Every row of a Parquet file."""
    with arrow(path):
        from pyarrow import parquet as library

        with library.ParquetFile(path) as file:
            groups = range(file.metadata.num_row_groups)
            size = sum(file.metadata.row_group(group).total_byte_size for group in groups)
            refuse_bombs(path, size, caps)
            refuse_wide(path, file.schema_arrow)
            number = 0
            for batch in file.iter_batches(batch_size=BATCH):
                for row in batch.to_pylist():
                    number += 1
                    yield Line(number, b"", plain(row))


def refuse_bombs(path: Path, size: int, caps: Caps) -> None:
    """Refuse a file that says of itself that it grows beyond all measure."""
    packed = max(1, path.stat().st_size)
    if size > caps.size or (size > UNPACKED_ANYWAY and size > caps.ratio * packed):
        raise RecordError(
            f"{path} says that it unpacks from {packed:,} to {size:,} bytes, which no text does."
        )


def refuse_wide(path: Path, schema: Any) -> None:
    """Refuse a table with more columns than any row has fields, or with two of one name."""
    if len(schema.names) > MOST_FIELDS:
        raise RecordError(f"{path} has {len(schema.names):,} columns; no row has more than {MOST_FIELDS:,}.")
    twice = next((name for name in schema.names if schema.names.count(name) > 1), None)
    if twice is not None:
        raise RecordError(f"{path} has two columns that are called {shown(twice)}. Rename one of them.")


def plain(value: Any) -> Any:
    """A value as JSON would hold it; a key without a value is how a table says that it is absent."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    return float(value) if isinstance(value, Decimal) else value


def folder(path: Path, caps: Caps) -> Iterator[Line]:
    """Every row of a folder that `Dataset.save_to_disk` of Hugging Face's datasets wrote."""
    state = note(path / "state.json")
    if state is None:
        splits = (note(path / "dataset_dict.json") or {}).get("splits")
        if isinstance(splits, list) and splits:
            named = ", ".join(str(path / str(name)[:60]) for name in splits[:20])
            raise RecordError(f"{path} holds several splits. Name one of them: {named}.")
        raise RecordError(
            f"{path} is a folder. Name a file in it, or a folder that `save_to_disk` of datasets wrote."
        )
    if state.get("_indices_data_files"):
        raise RecordError(
            f"{path} holds a selection of its rows. Save it again after `dataset.flatten_indices()`."
        )
    names = [
        entry.get("filename") if isinstance(entry, dict) else None for entry in state.get("_data_files") or []
    ]
    if len(names) > caps.members:
        raise RecordError(f"{path} names {len(names):,} files; at most {caps.members:,} are read.")
    number = 0
    for name in names:
        # Only files of the folder itself: a name may not lead out of it.
        if not isinstance(name, str) or Path(name).name != name or name.startswith("."):
            raise RecordError(
                f"{path / 'state.json'} names the file {shown(name)}, which is no plain file name."
            )
        for row in stream(path / name, caps):
            number += 1
            yield Line(number, b"", plain(row))


def note(path: Path) -> dict[str, Any] | None:
    """The object in a small JSON file; None if there is none."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def stream(path: Path, caps: Caps) -> Iterator[dict[str, Any]]:
    """The rows of an Arrow stream file."""
    if not path.is_file():
        raise RecordError(f"{path} is missing, though its folder names it. Copy the folder whole.")
    with (
        arrow(path) as library,
        library.memory_map(str(path)) as file,
        library.ipc.open_stream(file) as reader,
    ):
        refuse_wide(path, reader.schema)
        for batch in reader:
            refuse_bombs(path, batch.nbytes, caps)
            for start in range(0, batch.num_rows, BATCH):
                yield from batch.slice(start, BATCH).to_pylist()


def write_parquet(
    path: Path, rows: Iterable[dict[str, Any]], again: Iterable[dict[str, Any]], name: Path
) -> None:
    """Write rows, which are gone through twice: for their columns first, then for what stands in them.

    `name` is what the file will be called; until then it has another path.
    """
    with arrow(name) as library:
        from pyarrow import parquet as written

        schema = library.schema([])
        try:
            for table in chunks(library, rows):
                schema = library.unify_schemas([schema, table.schema], promote_options="permissive")
        except library.ArrowException as error:
            raise RecordError(
                f"{name} cannot be written: one column would hold several kinds of values, which Parquet cannot "
                f"({visible(str(error).partition(chr(10))[0][:200])}). Write JSON Lines instead."
            ) from None
        with written.ParquetWriter(path, schema, compression="zstd") as writer:
            for table in chunks(library, again, schema):
                writer.write_table(table)


def chunks(library: Any, rows: Iterable[dict[str, Any]], schema: Any = None) -> Iterator[Any]:
    """The rows as tables of a thousand."""
    held: list[dict[str, Any]] = []
    for row in rows:
        held.append(row)
        if len(held) == WRITTEN:
            yield table_of(library, held, schema)
            held = []
    if held:
        yield table_of(library, held, schema)


def table_of(library: Any, rows: list[dict[str, Any]], schema: Any) -> Any:
    """A table with a column for every key of its rows."""
    names = list(dict.fromkeys(key for row in rows for key in row)) if schema is None else schema.names
    columns = {
        name: library.array(
            [row.get(name) for row in rows], None if schema is None else schema.field(name).type
        )
        for name in names
    }
    return library.table(columns, schema=schema)
