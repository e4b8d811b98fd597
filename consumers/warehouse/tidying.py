"""Keeping the warehouse small: files rewritten, old snapshots expired with what only they hold, leftovers swept away.

What is swept away may not be what a slow writer is about to commit. Three things see to that: a leftover is older than
a bound of hours; a writer commits no files older than a part of that bound (`commits.OLDEST_FILES`); and before
anything is deleted a snapshot is committed, so that a commit which was begun before, however long it slept, is in
conflict.
"""

# pyarrow carries no types.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownParameterType=false

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, Final, TypeVar, cast

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

Made = TypeVar("Made")

TRIES: Final = 20


class Untidied(Exception):
    """What could not be tidied, and why. Nothing is lost by it, but what was forgotten may stay in older snapshots."""


@dataclass(frozen=True)
class Tidiness:
    """What is kept. ``snapshot_hours`` bounds how long a forgotten case's facts stay in older snapshots."""

    snapshot_hours: float = 24.0
    snapshots: int = 1000
    leftover_hours: float = 24.0
    unreadable_days: float = 30.0


@dataclass(frozen=True)
class Tidied:
    """What was done to the tables together."""

    compacted: Compacted
    snapshots: int
    files: int


def tidy(warehouse: Warehouse, how: Tidiness, *, at_once: bool = False, now: datetime | None = None) -> Tidied:
    """Tidy all three tables; may run beside members that write and beside another that tidies.

    ``at_once`` expires every snapshot but the newest, whatever its age. What fails in one table keeps no other from
    being tidied. Raises: Untidied, after all that could be done was done.
    """
    now = now or datetime.now(UTC)
    before = now + timedelta(minutes=1) if at_once else now - timedelta(hours=how.snapshot_hours)
    compacted, snapshots, files, failed = Compacted(), 0, 0, list[str]()
    for table in (warehouse.facts, warehouse.forgotten, warehouse.unreadable):
        try:
            if table is warehouse.unreadable:
                drop_old(table, now - timedelta(days=how.unreadable_days))
            one = compact(table, now.date())
            compacted = Compacted(compacted.before + one.before, compacted.after + one.after)
            expired, gone = expire(table, before, how.snapshots)
            snapshots, files = snapshots + expired, files + gone
            files += sweep(table, now - timedelta(hours=how.leftover_hours))
        except (Untidied, OSError) as error:
            failed.append(f"{'.'.join(table.name())}: {error}")
    figures.SNAPSHOTS.set(len(warehouse.facts.metadata.snapshots))
    figures.OVERDUE.set(overdue(warehouse, how, datetime.now(UTC)).total_seconds())
    if failed:
        raise Untidied("; ".join(failed))
    figures.TIDIED.set(time.time())
    done = Tidied(compacted, snapshots, files)
    log.info("tidied", files_before=compacted.before, files_after=compacted.after, snapshots=snapshots, deleted=files)
    return done


def overdue(warehouse: Warehouse, how: Tidiness, now: datetime) -> timedelta:
    """For how long the oldest snapshot that another has followed should have been expired; zero if none."""
    longest = timedelta()
    for table in (warehouse.facts, warehouse.forgotten, warehouse.unreadable):
        row = sorted(table.metadata.snapshots, key=lambda one: one.sequence_number or 0)
        for one, following in pairwise(row):
            # The newest is kept whatever its age: its hours count from when it was followed, if they were over then.
            due = max(_at(one) + timedelta(hours=how.snapshot_hours), _at(following))
            longest = max(longest, now - due)
    return longest


def expire(table: Table, before: datetime, most: int) -> tuple[int, int]:
    """Expire the snapshots made before then and those beyond the newest ``most``, never the current one, and delete
    what only they held. Gives how many snapshots and files.

    A file of an old snapshot that is lost does not keep it: what it led to is left to `sweep`. Raises: Untidied.
    """

    def once() -> tuple[int, int]:
        kept = sorted(table.metadata.snapshots, key=lambda one: one.sequence_number or 0, reverse=True)
        heads = {ref.snapshot_id for ref in table.metadata.refs.values()}
        old = [
            one for place, one in enumerate(kept)
            if one.snapshot_id not in heads and (_at(one) < before or place >= most)
        ]  # fmt: skip
        if not old:
            return 0, 0
        ids = [one.snapshot_id for one in old]
        lost: set[str] = set()
        held = _files_of(table, old, lost)
        alter(table, lambda change: ExpireSnapshots(change).by_ids(ids).commit())
        if lost:
            log.error("files of old snapshots are lost", table=table.name(), files=sorted(lost))
        return len(old), _delete(table, held - _files_of(table, table.metadata.snapshots))

    return _again(table, once)


def sweep(table: Table, before: datetime) -> int:
    """Delete what lies in the table's folder, is older than ``before`` and belongs to nothing. Gives how many files.

    Raises: Untidied.
    """

    def once() -> int:
        left = {path for path, at in _listed(table) if at < before} - _known(table)
        if not left:
            return 0
        # Looking takes long, and what came meanwhile does not matter: only what comes between the next two lines does.
        table.refresh()
        commit(table, why="sweep")
        return _delete(table, left - _known(table))

    return _again(table, once)


def drop_old(table: Table, before: datetime) -> int:
    """Remove unreadable records that were set aside before then. Gives how many. Raises: Untidied."""

    def once() -> int:
        if table.metadata.current_snapshot() is None:
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
        if remove:
            commit(table, remove=remove, add=add, why="drop what was set aside long ago")
        return dropped

    return _again(table, once)


def _again(table: Table, once: Callable[[], Made]) -> Made:
    """Try until nobody else is in the way. Raises: Untidied."""
    hindrance: Exception | None = None
    for _ in range(TRIES):
        seen = table.refresh().metadata_location
        try:
            return once()
        except Conflict as error:
            hindrance = error
        except (ValueError, FileNotFoundError) as error:
            hindrance = error
            if table.refresh().metadata_location == seen:
                # Whoever else tidies commits before a file goes: this one is lost.
                break
        log.debug("another one is in the way", error=str(hindrance))
        time.sleep(random.uniform(0, 0.1))
    raise Untidied(str(hindrance)) from hindrance


def _files_of(table: Table, snapshots: Iterable[Snapshot], lost: set[str] | None = None) -> set[str]:
    """Manifest lists, manifests and data files that the snapshots stand on.

    Lists and manifests that are not there come into ``lost``. Raises: FileNotFoundError without it.
    """
    found: set[str] = set()
    seen: set[str] = set()
    for snapshot in snapshots:
        found.add(_path(table, snapshot.manifest_list))
        for manifest in _read(lambda: snapshot.manifests(table.io), snapshot.manifest_list, lost):  # noqa: B023
            if manifest.manifest_path in seen:
                continue
            seen.add(manifest.manifest_path)
            found.add(_path(table, manifest.manifest_path))
            entries = _read(
                lambda: manifest.fetch_manifest_entry(table.io, discard_deleted=True),  # noqa: B023
                manifest.manifest_path,
                lost,
            )
            found.update(_path(table, entry.data_file.file_path) for entry in entries)
    return found


def _read(read: Callable[[], list[Made]], location: str, lost: set[str] | None) -> list[Made]:
    try:
        return read()
    except FileNotFoundError:
        if lost is None:
            raise
        lost.add(location)
        return []


def _at(snapshot: Snapshot) -> datetime:
    return datetime.fromtimestamp(snapshot.timestamp_ms / 1000, UTC)


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
