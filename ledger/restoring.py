"""What to ask of a restored ledger: whether its keys are there, and whether it is behind what was signed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final
from uuid import UUID

from psycopg import Connection
from psycopg.rows import tuple_row

from ledger.audit import Verdict, verify
from ledger.checkpoint import Checkpoint, VerifierKey
from ledger.connecting import rows
from ledger.publication import Publication

BATCH: Final = 10_000

_KEYS: Final = "SELECT DISTINCT key_id FROM ledger.event WHERE key_id IS NOT NULL"
_NEVER_MINTED: Final = """
SELECT wanted FROM unnest(%s::uuid[]) AS wanted
WHERE NOT EXISTS (SELECT FROM keystore.subject WHERE key_id = wanted)
"""
_TOMBSTONES: Final = """
INSERT INTO keystore.subject (id, key_id, epoch, erased_at)
SELECT gen_random_uuid(), lost, (SELECT max(number) FROM keystore.epoch), clock_timestamp()
FROM unnest(%s::uuid[]) AS lost
"""
_END: Final = "SELECT count(*), coalesce(max(position), 0) FROM ledger.event"
_TREE_AHEAD: Final = "SELECT FROM ledger.tree WHERE position > (SELECT coalesce(max(position), 0) FROM ledger.event)"
_CLEAR_TREE: Final = "TRUNCATE ledger.tile"
_RESET_TREE: Final = "UPDATE ledger.tree SET size = 0, position = 0"


class Standing(Enum):
    """How a restored ledger stands to the checkpoints that were signed before."""

    WHOLE = "everything that was signed is there"
    BEHIND = "its end, that was signed, is missing"
    OTHER = "it is not the ledger that was signed"


@dataclass(frozen=True)
class Compared:
    """A ledger, its newest log, and how they stand to each other."""

    standing: Standing
    events: int
    signed: int
    """Events of the last checkpoint."""
    told: str
    """What differs, in words; empty if nothing does."""


def compare(
    connection: Connection[Any],
    publication: Publication,
    key: VerifierKey,
    last_signed: Checkpoint | None,
    told: Callable[[int], None] = lambda _: None,
) -> Compared:
    """Whether the ledger is the beginning of what was signed, or all of it: every event is hashed again.

    Raises: psycopg.Error, OSError.
    """
    verdict: Verdict = verify(connection, publication, key, last_signed, told)
    events = rows(connection, _END)[0][0]
    signed = max([*publication.sizes()[-1:], last_signed.size if last_signed else 0])
    if verdict.differs is None:
        return Compared(Standing.WHOLE, events, signed, "")
    behind = verdict.differs.position is None and verdict.differs.size > events
    return Compared(Standing.BEHIND if behind else Standing.OTHER, events, signed, str(verdict.differs))


def end_of(connection: Connection[Any]) -> int:
    """The ledger's last position; 0 if it is empty."""
    return rows(connection, _END)[0][1]


def never_minted(ledger: Connection[Any], keys: Connection[Any]) -> list[UUID]:
    """Keys under which the ledger's events are sealed and that this key store never minted: it is the older one."""
    return [
        missing for batch in _batches(ledger) for (missing,) in rows(keys, _NEVER_MINTED, (batch,))
    ]  # a subject's key is one row in either, so these are few or the backup is wrong


def mark_lost(keys: Connection[Any], lost: list[UUID]) -> None:
    """Have what these keys sealed read as erased: they are nowhere any more."""
    keys.execute(_TOMBSTONES, (lost,))


def drop_tree_ahead(connection: Connection[Any]) -> bool:
    """Have the tree made again if it is ahead of the events, as an incomplete restore leaves it; whether it was."""
    with connection.transaction():
        if not rows(connection, _TREE_AHEAD):
            return False
        connection.execute(_CLEAR_TREE)
        connection.execute(_RESET_TREE)
        return True


def _batches(connection: Connection[Any]) -> Iterator[list[UUID]]:
    with connection.transaction(), connection.cursor("keys of events", row_factory=tuple_row) as cursor:
        cursor.execute(_KEYS)
        while found := cursor.fetchmany(BATCH):
            yield [key for (key,) in found]
