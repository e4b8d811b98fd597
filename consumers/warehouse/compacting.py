"""Small files of a past day rewritten as few, in one snapshot a day, while others append."""

# pyarrow carries no types.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import random
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from pyiceberg.manifest import DataFile
from pyiceberg.table import FileScanTask, Table

from consumers.warehouse.commits import OLDEST_FILES, Conflict, commit
from consumers.warehouse.files import discard, write_files
from consumers.warehouse.forgetting import rows_of

SMALL: Final = 16 << 20
"""Bytes below which a file is rewritten together with others."""
TOO_MANY: Final = 100
"""Small files of one part of the current day, or of a table that has no days, that are too many for a reader."""
ROWS_AT_ONCE: Final = 500_000
"""Rows held in memory at once."""
EPOCH: Final = date(1970, 1, 1)
TRIES: Final = 20


@dataclass(frozen=True)
class Compacted:
    """How many files became how many."""

    before: int = 0
    after: int = 0


def compact(table: Table, today: date) -> Compacted:
    """Rewrite small files, a day in one commit. Rows and Kafka's offsets stay as they are.

    A day whose files another has taken away meanwhile, by forgetting a case, is left to the next time.
    """
    before = after = 0
    for groups in _days(table.refresh(), today):
        remove = [task.file for group in groups for task in group]
        at = time.time()
        add = [file for group in groups for file in write_files(table, _sorted(table, group))]
        if _replace(table, remove, add, at):
            before, after = before + len(remove), after + len(add)
    return Compacted(before, after)


def _replace(table: Table, remove: Sequence[DataFile], add: Sequence[DataFile], at: float) -> bool:
    """Commit files that were begun at ``at``, again while others only append; whether it happened."""
    sure = True
    for _ in range(TRIES):
        if time.time() - at > OLDEST_FILES:
            break
        try:
            commit(table, add=add, remove=remove, why="compact")
        except Conflict as conflict:
            sure = sure and conflict.sure
            live = {task.file.file_path for task in table.refresh().scan().plan_files()}
            if not live.issuperset(file.file_path for file in remove):
                break
            time.sleep(random.uniform(0, 0.2))
        else:
            return True
    if sure:
        discard(table, add)
    return False


def _days(table: Table, today: date) -> Iterator[list[list[FileScanTask]]]:
    """For each day, groups of small files of one part of the table, each to be read at once."""
    if table.metadata.current_snapshot() is None:
        return
    parts: defaultdict[int | None, defaultdict[Any, list[FileScanTask]]] = defaultdict(lambda: defaultdict(list))
    for task in table.scan().plan_files():
        if task.file.file_size_in_bytes < SMALL:
            day = None if table.spec().is_unpartitioned() else task.file.partition[0]
            parts[day][task.file.partition].append(task)
    current = (today - EPOCH).days
    for day, groups in sorted(parts.items(), key=lambda item: item[0] or 0):
        least = 2 if day is not None and day < current else TOO_MANY
        due = [part for group in groups.values() if len(group) >= least for part in _portions(group)]
        if due:
            yield due


def _portions(tasks: Sequence[FileScanTask]) -> Iterator[list[FileScanTask]]:
    """The files in portions that fit in memory, none of one file alone."""
    portion: list[FileScanTask] = []
    rows = 0
    for task in sorted(tasks, key=lambda task: task.file.file_path):
        if len(portion) > 1 and rows + task.file.record_count > ROWS_AT_ONCE:
            yield portion
            portion, rows = [], 0
        portion.append(task)
        rows += task.file.record_count
    if len(portion) > 1:
        yield portion


def _sorted(table: Table, tasks: Sequence[FileScanTask]) -> Any:
    """Their rows, a case's together, so that a file's bounds tell more about whose facts it may hold."""
    rows = rows_of(table, [FileScanTask(task.file) for task in tasks])
    return rows.sort_by([("case", "ascending"), ("sequence", "ascending")]) if "case" in rows.column_names else rows
