"""Keeping the warehouse small: files rewritten, old snapshots expired with what only they hold, leftovers swept away.

What is swept away may not be what a slow writer is about to commit. Three things see to that: a leftover is older than
a bound of hours; a writer commits no files older than a part of that bound (`commits.OLDEST_FILES`); and before
anything is deleted a snapshot is committed, so that a commit which was begun before, however long it slept, is in
conflict.
"""

# pyarrow carries no types.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownParameterType=false

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

import structlog
from pyarrow.fs import FileSelector, FileSystem, FileType
from pyiceberg.io.pyarrow import PyArrowFileIO
from pyiceberg.table import FileScanTask, Table
from pyiceberg.table.snapshots import Snapshot
from pyiceberg.table.update.snapshot import ExpireSnapshots

from consumers.warehouse import figures
from consumers.warehouse.commits import Conflict, alter, commit
from consumers.warehouse.compacting import Compacted, compact
from consumers.warehouse.files import write_files
from consumers.warehouse.forgetting import rows_of
from consumers.warehouse.table import Warehouse

log = structlog.get_logger("warehouse")

TRIES: Final = 20


@dataclass(frozen=True)
class Tidiness:
    """What is kept. ``snapshot_hours`` bounds how long a forgotten case's facts stay in older snapshots."""

    snapshot_hours: float = 24.0
    snapshots: int = 1000
    leftover_hours: float = 24.0
    unreadable_days: float = 35.0


@dataclass(frozen=True)
class Tidied:
    """What was done to the tables together."""

    compacted: Compacted
    snapshots: int
    files: int


def tidy(warehouse: Warehouse, how: Tidiness, *, at_once: bool = False, now: datetime | None = None) -> Tidied:
    """Tidy all three tables; may run beside members that write and beside another that tidies.

    ``at_once`` expires every snapshot but the newest, whatever its age.
    """
    now = now or datetime.now(UTC)
    drop_old(warehouse.unreadable, now - timedelta(days=how.unreadable_days))
    compacted, snapshots, files = Compacted(), 0, 0
    for table in (warehouse.facts, warehouse.forgotten, warehouse.unreadable):
        one = compact(table, now.date())
        compacted = Compacted(compacted.before + one.before, compacted.after + one.after)
        before = now + timedelta(minutes=1) if at_once else now - timedelta(hours=how.snapshot_hours)
        expired, gone = expire(table, before, how.snapshots)
        snapshots, files = snapshots + expired, files + gone
        files += sweep(table, now - timedelta(hours=how.leftover_hours))
    figures.SNAPSHOTS.set(len(warehouse.facts.metadata.snapshots))
    done = Tidied(compacted, snapshots, files)
    log.info("tidied", files_before=compacted.before, files_after=compacted.after, snapshots=snapshots, deleted=files)
    return done


def expire(table: Table, before: datetime, most: int) -> tuple[int, int]:
    """Expire the snapshots made before then and those beyond the newest ``most``, never the current one, and delete
    what only they held. Gives how many snapshots and files.
    """
    for _ in range(TRIES):
        table.refresh()
        kept = sorted(table.metadata.snapshots, key=lambda one: one.sequence_number or 0, reverse=True)
        heads = {ref.snapshot_id for ref in table.metadata.refs.values()}
        limit = int(before.timestamp() * 1000)
        old = [
            one for place, one in enumerate(kept)
            if one.snapshot_id not in heads and (one.timestamp_ms < limit or place >= most)
        ]  # fmt: skip
        if not old:
            return 0, 0
        ids = [one.snapshot_id for one in old]
        try:
            held = _files_of(table, old)
            alter(table, lambda change: ExpireSnapshots(change).by_ids(ids).commit())  # noqa: B023
        except (Conflict, ValueError, FileNotFoundError) as error:
            log.debug("another one is tidying", error=str(error))
            continue
        return len(old), _delete(table, held - _files_of(table, table.metadata.snapshots))
    return 0, 0


def sweep(table: Table, before: datetime) -> int:
    """Delete what lies in the table's folder, is older than ``before`` and belongs to nothing. Gives how many files."""
    try:
        left = {path for path, at in _listed(table) if at < before} - _known(table.refresh())
        if not left:
            return 0
        for _ in range(TRIES):
            with suppress(Conflict):
                commit(table.refresh(), why="sweep")
                return _delete(table, left - _known(table))
            time.sleep(0.05)
    except FileNotFoundError as error:
        log.debug("another one is tidying", error=str(error))
    return 0


def drop_old(table: Table, before: datetime) -> int:
    """Remove unreadable records that were set aside before then. Gives how many."""
    for _ in range(TRIES):
        if table.refresh().metadata.current_snapshot() is None:
            return 0
        remove, add, dropped = [], [], 0
        for task in table.scan().plan_files():
            rows = rows_of(table, [FileScanTask(task.file)])
            young = [at >= before for at in rows["found_at"].to_pylist()]
            if not all(young):
                remove.append(task.file)
                dropped += young.count(False)
                if any(young):
                    add += write_files(table, rows.filter(young))
        if not remove:
            return 0
        with suppress(Conflict):
            commit(table, remove=remove, add=add, why="drop what was set aside long ago")
            return dropped
    return 0


def _files_of(table: Table, snapshots: Iterable[Snapshot]) -> set[str]:
    """Manifest lists, manifests and data files that the snapshots stand on."""
    found: set[str] = set()
    seen: set[str] = set()
    for snapshot in snapshots:
        found.add(_path(table, snapshot.manifest_list))
        for manifest in snapshot.manifests(table.io):
            if manifest.manifest_path in seen:
                continue
            seen.add(manifest.manifest_path)
            found.add(_path(table, manifest.manifest_path))
            entries = manifest.fetch_manifest_entry(table.io, discard_deleted=True)
            found.update(_path(table, entry.data_file.file_path) for entry in entries)
    return found


def _known(table: Table) -> set[str]:
    """Everything that belongs to the table as it is."""
    metadata = {table.metadata_location, *(entry.metadata_file for entry in table.metadata.metadata_log)}
    return _files_of(table, table.metadata.snapshots) | {_path(table, one) for one in metadata}


def _delete(table: Table, paths: Iterable[str]) -> int:
    system, count = _system(table), 0
    for path in paths:
        with suppress(FileNotFoundError):
            system.delete_file(path)
            count += 1
    return count


def _listed(table: Table) -> Iterable[tuple[str, datetime]]:
    found = cast(
        "list[Any]", _system(table).get_file_info(FileSelector(_path(table, table.location()), recursive=True))
    )
    return [(one.path, one.mtime) for one in found if one.type is FileType.File]


def _path(table: Table, location: str) -> str:
    return PyArrowFileIO.parse_location(location, table.io.properties)[2]


def _system(table: Table) -> FileSystem:
    scheme, netloc, _ = PyArrowFileIO.parse_location(table.location(), table.io.properties)
    return cast("PyArrowFileIO", table.io).fs_by_scheme(scheme, netloc)
