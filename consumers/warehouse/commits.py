"""Committing to a table without the client's own retries, and knowing whether it happened."""

# A commit is taken apart here, because pyiceberg's own repeats it and cleans up before it knows whether it landed.
# pyright: reportPrivateUsage=false, reportUnknownVariableType=false, reportUnknownMemberType=false

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from pyiceberg.exceptions import CommitFailedException, ValidationException
from pyiceberg.manifest import DataFile
from pyiceberg.table import Table, Transaction
from pyiceberg.table.update import AssertTableUUID
from pyiceberg.table.update.snapshot import _SnapshotProducer

OLDEST_FILES: Final = 3600.0
"""Seconds after which files that were written and not committed are not committed any more: see `tidying`."""

Producer = _SnapshotProducer[Any]


class Conflict(Exception):
    """Somebody else has committed since the table was read, and nothing of this commit is in it.

    ``sure``: unless it was in, and was followed and expired before its answer came. What it wrote may be deleted only
    if that is sure; else it is left to `tidying.sweep`, and how far the table is tells what is still to be done.
    """

    def __init__(self, why: object, *, sure: bool = True) -> None:
        super().__init__(str(why))
        self.sure = sure


def commit(
    table: Table,
    *,
    add: Iterable[DataFile] = (),
    remove: Iterable[DataFile] = (),
    properties: Mapping[str, str] | None = None,
    drop: Iterable[str] = (),
    why: str,
) -> None:
    """Add and remove files and set properties in one snapshot, made on the one that ``table`` was read at.

    It makes a snapshot even if nothing is added: that is what others are in conflict with. Raises: Conflict; anything
    else leaves it unknown whether it happened, and is answered by reading the table again.
    """
    number = table.metadata.next_sequence_number()
    change = table.transaction()
    update = change.update_snapshot(snapshot_properties={"sarkmeli.why": why})
    gone = list(remove)
    producer: Producer = update.overwrite() if gone else update.merge_append()
    for file in gone:
        producer.delete_data_file(file)
    for file in add:
        producer.append_data_file(file)
    try:
        producer.commit()
    except ValidationException as missing:  # a file that should go is gone
        producer._clean_all_uncommitted()
        raise Conflict(missing) from missing
    if properties:
        change.set_properties(dict(properties))
    if dropped := list(drop):
        change.remove_properties(*dropped)
    try:
        _send(table, change)
    except CommitFailedException as conflict:
        table.refresh()
        # A request that was answered and repeated on the way meets its own effect.
        if table.metadata.snapshot_by_id(producer.snapshot_id) is None:
            sure = not _passed(table, number)
            if sure:
                producer._clean_all_uncommitted()
            raise Conflict(conflict, sure=sure) from conflict


def alter(table: Table, change: Callable[[Transaction], object]) -> None:
    """Commit what makes no snapshot. Raises: Conflict."""
    made = table.transaction()
    change(made)
    try:
        _send(table, made)
    except CommitFailedException as conflict:
        table.refresh()
        raise Conflict(conflict) from conflict


def _passed(table: Table, number: int) -> bool:
    """Whether the snapshot of that sequence number was made and is expired, so that nobody can tell whose it was."""
    metadata = table.metadata
    return metadata.next_sequence_number() > number and all(one.sequence_number != number for one in metadata.snapshots)


def _send(table: Table, change: Transaction) -> None:
    uuid = AssertTableUUID(uuid=table.metadata.table_uuid)
    if change._updates:
        table._do_commit(updates=change._updates, requirements=(*change._requirements, uuid))
