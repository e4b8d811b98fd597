"""Taking forgotten cases out of the facts: the files that hold them are written again without them."""

# pyarrow carries no types, and makes its functions when it is loaded.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportAttributeAccessIssue=false, reportCallIssue=false, reportUnknownParameterType=false

from __future__ import annotations

import time
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from typing import Any, Final, Literal

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.expressions import AlwaysTrue, In
from pyiceberg.io.pyarrow import ArrowScan
from pyiceberg.manifest import DataFile
from pyiceberg.table import FileScanTask, Table

from consumers.warehouse.commits import OLDEST_FILES, Conflict
from consumers.warehouse.files import discard, write_files


@dataclass(frozen=True)
class Rewritten:
    """Files that go, those that hold what stays of them, and how many rows that is less."""

    remove: Sequence[DataFile]
    add: Sequence[DataFile]
    rows: int


@dataclass(frozen=True)
class _Part:
    """What stays of one file. ``at``: when its writing began."""

    add: Sequence[DataFile]
    rows: int
    at: float


class Forgetting:
    """Takes cases out of one table, over as many conflicts as it needs until one commit takes what it found.

    Nothing tells which files hold a case but the files: to look into all of them takes minutes on a large table, and
    others commit meanwhile. So what was found stays found, and after a conflict only files that came since are read.
    """

    def __init__(
        self,
        table: Table,
        cases: Set[str],
        column: Literal["case", "key"] = "case",
        unless_told: Callable[[], None] = lambda: None,
    ) -> None:
        """``column`` is the one that names the case: text, or a record's key as it came.

        ``unless_told`` is called before each file, and raises what shall end it.
        """
        self._table = table
        self._column: Final = column
        self._names: Final = sorted(cases) if column == "case" else [one.encode() for one in sorted(cases)]
        self._without: set[str] = set()
        self._parts: dict[str, _Part] = {}
        self._unless_told = unless_told
        self._sure = True

    def found(self) -> Rewritten:
        """What is to be committed to the table as it was last refreshed. Of files without the cases one column is read.

        What was written so long ago that a sweep may have taken it is written again.
        """
        tasks = self._tasks()
        self._without &= tasks.keys()
        for path, part in list(self._parts.items()):
            if path not in tasks or time.time() - part.at > OLDEST_FILES:
                self._let_go(path)
        for path in tasks.keys() - self._without - self._parts.keys():
            self._unless_told()
            self._look(path, tasks[path])
        return Rewritten(
            [tasks[path].file for path in self._parts],
            [file for part in self._parts.values() for file in part.add],
            sum(part.rows for part in self._parts.values()),
        )

    def refused(self, conflict: Conflict) -> None:
        """It was not committed. Unless that is sure, no file is deleted any more."""
        self._sure = self._sure and conflict.sure

    def discard(self) -> None:
        """Delete what was written: another has done it all."""
        for path in list(self._parts):
            self._let_go(path)

    def _tasks(self) -> dict[str, FileScanTask]:
        """The files that may hold the cases, by their bounds."""
        if self._table.metadata.current_snapshot() is None or not self._names:
            return {}
        names: Any = set(self._names)
        return {task.file.file_path: task for task in self._table.scan(row_filter=In(self._column, names)).plan_files()}

    def _look(self, path: str, task: FileScanTask) -> None:
        at = time.time()
        held = _rows(self._table, task, self._column)[self._column]
        wanted = pa.array(self._names, held.type)
        if not pc.any(pc.is_in(held, value_set=wanted)).as_py():
            self._without.add(path)
            return
        rows = _rows(self._table, task)
        kept = rows.filter(pc.invert(pc.is_in(rows[self._column], value_set=wanted)))
        add = write_files(self._table, kept) if kept.num_rows else []
        self._parts[path] = _Part(add, rows.num_rows - kept.num_rows, at)

    def _let_go(self, path: str) -> None:
        part = self._parts.pop(path)
        if self._sure:
            discard(self._table, part.add)


def rows_of(table: Table, tasks: list[FileScanTask]) -> pa.Table:
    """Every row of those files, in all columns that the table has now."""
    return ArrowScan(table.metadata, table.io, table.schema(), AlwaysTrue()).to_table(tasks)


def _rows(table: Table, task: FileScanTask, *columns: str) -> pa.Table:
    schema = table.schema().select(*columns) if columns else table.schema()
    # The whole file, and not only the rows that the plan was made for.
    return ArrowScan(table.metadata, table.io, schema, AlwaysTrue()).to_table([FileScanTask(task.file)])
