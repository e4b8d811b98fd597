"""What became of the table of facts since an earlier snapshot: the rows that came and the rows that went.

Two snapshots are compared by their data files, so only files that one of them lacks are read. That is right for every
kind of commit: an append brings files, a tombstone rewrites some, tidying takes many files and gives one with the same
rows, which then cancel each other out. They are read one after the other, when they are asked for: the first time that
is the whole table.
"""

# pyarrow carries no types.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import pyarrow as pa
from pyiceberg.expressions import AlwaysTrue
from pyiceberg.io.pyarrow import ArrowScan
from pyiceberg.table import FileScanTask, Table

COLUMNS: Final = ("id", "case", "service", "type", "type_version", "hour", "sequence", "elapsed", "data")
"""What the marts read of a fact. Where in Kafka it came from is none of theirs."""


ROWS: Final = 100_000
"""Rows that are handed on at once. No more than one file is held beside them, which tidying keeps below 128 MiB."""


@dataclass(frozen=True)
class Mark:
    """Up to where the table was read: which table it is, and the snapshot; None of a table that had none yet."""

    table: str
    snapshot: int | None


@dataclass(frozen=True)
class Changes:
    """From one mark to another: rows in portions, which are read once, as they are asked for.

    ``whole``: ``came`` is everything there is, and what was known before is void. Reading raises FileNotFoundError if a
    file was expired meanwhile.
    """

    mark: Mark
    came: Iterable[pa.Table]
    went: Iterable[pa.Table]
    whole: bool


def changes(table: Table, since: Mark | None) -> Changes:
    """What became of ``table``, as it was opened or refreshed, since a mark; everything if the mark is unknown to it.

    It is unknown when the table is another one, or when the snapshot, or its list of files, was expired meanwhile.
    """
    newest = table.current_snapshot()
    mark = Mark(str(table.metadata.table_uuid), None if newest is None else newest.snapshot_id)
    after = _files(table, mark.snapshot)
    known = since is not None and since.table == mark.table
    if since is None or not known or (since.snapshot is not None and table.snapshot_by_id(since.snapshot) is None):
        return Changes(mark, _rows(table, after.values()), (), whole=True)
    try:
        before = _files(table, since.snapshot)
    except FileNotFoundError:
        return Changes(mark, _rows(table, after.values()), (), whole=True)
    came = [task for key, task in after.items() if key not in before]
    went = [task for key, task in before.items() if key not in after]
    return Changes(mark, _rows(table, came), _rows(table, went), whole=False)


_Key = tuple[str, frozenset[str]]


def _files(table: Table, snapshot: int | None) -> dict[_Key, FileScanTask]:
    """The files of a snapshot. One whose rows another engine struck out by a delete file is another file."""
    if snapshot is None:
        return {}
    tasks = table.scan(snapshot_id=snapshot, selected_fields=COLUMNS).plan_files()
    return {(task.file.file_path, frozenset(one.file_path for one in task.delete_files)): task for task in tasks}


def _rows(table: Table, tasks: Iterable[FileScanTask]) -> Iterator[pa.Table]:
    """The files' rows. Of several files at once the client would read all ahead."""
    scan = ArrowScan(table.metadata, table.io, table.schema().select(*COLUMNS), AlwaysTrue())
    for task in tasks:
        rows = scan.to_table([task])
        for begin in range(0, rows.num_rows, ROWS):
            yield rows.slice(begin, ROWS)
