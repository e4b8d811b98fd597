"""Data files of a table: written ahead of the commit that adds them, so that a conflict does not write them again."""

# pyarrow carries no types, and makes its functions when it is loaded.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownParameterType=false
# pyright: reportUnknownArgumentType=false, reportAttributeAccessIssue=false

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.io.pyarrow import pyarrow_to_schema, write_file
from pyiceberg.manifest import DataFile
from pyiceberg.partitioning import PartitionFieldValue, PartitionKey
from pyiceberg.table import Table, WriteTask

SECONDS_A_DAY: Final = 86_400


def write_files(table: Table, rows: pa.Table) -> list[DataFile]:
    """Write the rows as Parquet, at least one file for each partition they fall in. In no snapshot until committed.

    The partitioning is done here, because pyiceberg's own needs a further compiled package to know a timestamp's day.
    """
    metadata = table.metadata
    # A table of a later release has columns that these rows lack: they are read as null.
    schema = pyarrow_to_schema(rows.schema, name_mapping=metadata.schema().name_mapping)
    written, largest = uuid.uuid4(), int(table.properties["write.target-file-size-bytes"])
    tasks = (
        WriteTask(written, number, schema, part.to_batches(), partition_key=key)
        for number, (key, part) in enumerate(
            (key, piece) for key, part in _partitions(table, rows) for piece in _pieces(part, largest)
        )
    )
    return list(write_file(table.io, metadata, tasks))


def append(table: Table, rows: pa.Table) -> None:
    """Append the rows in a snapshot of their own, with no thought of Kafka. Raises: CommitFailedException."""
    with table.transaction() as change, change.update_snapshot().merge_append() as snapshot:
        for file in write_files(table, rows):
            snapshot.append_data_file(file)


def discard(table: Table, files: Iterable[DataFile]) -> None:
    """Delete files that were written and are surely in no snapshot."""
    for file in files:
        with suppress(FileNotFoundError):
            table.io.delete(file.file_path)


def _partitions(table: Table, rows: pa.Table) -> Iterator[tuple[PartitionKey | None, pa.Table]]:
    spec = table.spec()
    if spec.is_unpartitioned():
        if rows.num_rows:
            yield None, rows
        return
    seconds = pc.divide(pc.cast(rows["hour"], pa.int64()), 1_000_000)
    days = pc.cast(pc.floor(pc.divide(pc.cast(seconds, pa.float64()), SECONDS_A_DAY)), pa.int32())
    keys = pa.table({"day": days, "type": rows["type"], "row": pa.array(range(rows.num_rows), pa.int64())})
    for found in keys.group_by(["day", "type"]).aggregate([("row", "list")]).to_pylist():
        values: Sequence[object] = (found["day"], found["type"])
        fields = [PartitionFieldValue(field, value) for field, value in zip(spec.fields, values, strict=True)]
        yield PartitionKey(fields, spec, table.schema()), rows.take(found["row_list"]).combine_chunks()


def _pieces(rows: pa.Table, largest: int) -> Iterator[pa.Table]:
    """The rows in pieces of no more than ``largest`` bytes, as they lie in memory, or of one row."""
    step = max(1, rows.num_rows * largest // max(rows.nbytes, 1))
    for begin in range(0, rows.num_rows, step):
        yield rows.slice(begin, step)
