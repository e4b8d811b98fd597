"""Taking forgotten cases out of the facts: the files that hold them are written again without them."""

# pyarrow carries no types, and makes its functions when it is loaded.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportAttributeAccessIssue=false, reportCallIssue=false, reportUnknownParameterType=false

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, field
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.expressions import AlwaysTrue, In
from pyiceberg.io.pyarrow import ArrowScan
from pyiceberg.manifest import DataFile
from pyiceberg.table import FileScanTask, Table

from consumers.warehouse.files import write_files


@dataclass
class Rewritten:
    """Files that go, and those that hold what stays of them."""

    remove: list[DataFile] = field(default_factory=list[DataFile])
    add: list[DataFile] = field(default_factory=list[DataFile])
    rows: int = 0


def without(table: Table, cases: Set[str], column: Literal["case", "key"] = "case") -> Rewritten:
    """Write the files again that hold rows of ``cases``, one at a time. Nothing is committed.

    ``column`` is the one that names the case: text, or a record's key as it came. Only it is read of files that hold
    none.
    """
    rewritten = Rewritten()
    if table.metadata.current_snapshot() is None or not cases:
        return rewritten
    names: list[str] | list[bytes] = sorted(cases) if column == "case" else [one.encode() for one in sorted(cases)]
    for task in table.scan(row_filter=In(column, set(names))).plan_files():
        held = _rows(table, task, column)[column]
        wanted = pa.array(names, held.type)
        if not pc.any(pc.is_in(held, value_set=wanted)).as_py():
            continue
        rows = _rows(table, task)
        kept = rows.filter(pc.invert(pc.is_in(rows[column], value_set=wanted)))
        rewritten.remove.append(task.file)
        rewritten.rows += rows.num_rows - kept.num_rows
        if kept.num_rows:
            rewritten.add += write_files(table, kept)
    return rewritten


def rows_of(table: Table, tasks: list[FileScanTask]) -> pa.Table:
    """Every row of those files, in all columns that the table has now."""
    return ArrowScan(table.metadata, table.io, table.schema(), AlwaysTrue()).to_table(tasks)


def _rows(table: Table, task: FileScanTask, *columns: str) -> pa.Table:
    schema = table.schema().select(*columns) if columns else table.schema()
    # The whole file, and not only the rows that the plan was made for.
    return ArrowScan(table.metadata, table.io, schema, AlwaysTrue()).to_table([FileScanTask(task.file)])
