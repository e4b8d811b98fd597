"""The table of events: what happened, in order, for ever. Nothing in it is ever changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple, cast
from uuid import UUID

import psycopg
from eventsourcing.persistence import Notification, StoredEvent
from psycopg import Connection
from psycopg.rows import tuple_row

from ledger import packing
from ledger.connecting import rows

DDL: Final = """
CREATE TABLE IF NOT EXISTS ledger.event (
    position    bigint NOT NULL,
    stream      uuid NOT NULL,
    version     bigint NOT NULL CHECK (version >= 0),
    topic       text NOT NULL,
    plain       bytea NOT NULL,
    sealed      bytea,
    key_id      uuid,
    command_key bytea,
    at          timestamptz,
    recorded_at timestamptz NOT NULL,
    lineage     uuid NOT NULL,
    CONSTRAINT event_position PRIMARY KEY (position),
    CONSTRAINT event_stream_version UNIQUE (stream, version),
    CONSTRAINT event_sealed_under_a_key CHECK ((sealed IS NULL) = (key_id IS NULL))
);
"""
"""``plain`` holds exact bytes (canonical JSON in UTF-8, not jsonb) and ``sealed`` a ciphertext: both can be hashed
again as they are, for ever. ``at`` repeats the event's own time; ``recorded_at`` is PostgreSQL's clock at the
append."""

NEW: Final = """
DO $$
BEGIN
    IF to_regtype('ledger.new_event') IS NULL THEN
        CREATE TYPE ledger.new_event AS (
            stream uuid, version bigint, topic text, plain bytea, sealed bytea, key_id uuid, at timestamptz,
            command bytea);
    END IF;
END
$$;
"""
"""A row as it is sent to be appended."""

_OURS: Final = """
SELECT stream, version, position, plain, sealed FROM ledger.event
WHERE (stream, version) IN (SELECT * FROM unnest(%s::uuid[], %s::bigint[]))
"""

_SELECT: Final = "SELECT position, stream, version, topic, plain, sealed, key_id, at, recorded_at FROM ledger.event "

_BY_POSITION: Final = """
WHERE position > %s AND position <= %s AND (%s::text[] IS NULL OR topic = ANY(%s)) ORDER BY position LIMIT %s
"""
_BY_VERSION: Final = """
WHERE stream = %s AND (%s::bigint IS NULL OR version > %s) AND (%s::bigint IS NULL OR version <= %s)
ORDER BY version LIMIT %s
"""
_BY_VERSION_DOWN: Final = """
WHERE stream = %s AND (%s::bigint IS NULL OR version > %s) AND (%s::bigint IS NULL OR version <= %s)
ORDER BY version DESC LIMIT %s
"""

_NEWEST: Final = """
SELECT * FROM (
    SELECT DISTINCT ON (topic) position, stream, version, topic, plain, sealed, key_id, at, recorded_at
    FROM ledger.event WHERE stream = %s AND topic = ANY(%s) ORDER BY topic, version DESC
) AS newest ORDER BY version
"""

# By the index of streams and versions, and each row's topic looked at: whoever has many streams has few events in each.
_NEWEST_OF: Final = """
SELECT * FROM (
    SELECT DISTINCT ON (stream, topic) position, stream, version, topic, plain, sealed, key_id, at, recorded_at
    FROM ledger.event WHERE stream = ANY(%s) AND topic = ANY(%s) ORDER BY stream, topic, version DESC
) AS newest ORDER BY stream, version
"""

_FOLLOWED: Final = """
SELECT position, stream, version, topic, plain, sealed, key_id, recorded_at FROM ledger.event
WHERE position > %s AND position <= %s ORDER BY position LIMIT %s
"""
_BY_STREAM: Final = """
SELECT position, stream, version, topic, plain, sealed, key_id, recorded_at FROM ledger.event
WHERE stream > %s AND position <= %s AND topic <> ALL(%s::text[]) ORDER BY stream, version LIMIT %s
"""
_COUNT: Final = """
SELECT count(*) FILTER (WHERE stream <= %s), count(*) FROM ledger.event WHERE position <= %s AND topic <> ALL(%s)
"""
_IN_INDEX_ORDER: Final = """
SET LOCAL enable_sort = off; SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off
"""
"""Rows come at once, and as they are asked for; a sort would keep its reader waiting and fill the server's disk."""

AT_ONCE: Final = 100 if psycopg.capabilities.has_stream_chunked() else 1
"""Rows that the driver hands over together."""


@dataclass(frozen=True)
class LedgerEvent(StoredEvent):
    """A stored event with its sealed part. ``state`` is the plain part's exact bytes; ``at`` its own time."""

    sealed: bytes | None
    key_id: UUID | None
    at: datetime | None


@dataclass(frozen=True)
class LedgerNotification(Notification):
    """A `LedgerEvent` with its position."""

    sealed: bytes | None
    key_id: UUID | None
    at: datetime | None


@dataclass(frozen=True)
class Row:
    """One row of the table, as read."""

    position: int
    stream: UUID
    version: int
    topic: str
    plain: bytes
    sealed: bytes | None
    key_id: UUID | None
    at: datetime | None
    recorded_at: datetime

    def stored(self) -> StoredEvent:
        """As the library's stored event."""
        if self.at is None and self.sealed is None:
            return StoredEvent(self.stream, self.version, self.topic, self.plain)
        return LedgerEvent(self.stream, self.version, self.topic, self.plain, self.sealed, self.key_id, self.at)

    def notification(self) -> Notification:
        """As the library's notification."""
        if self.at is None and self.sealed is None:
            return Notification(self.stream, self.version, self.topic, self.plain, self.position)
        return LedgerNotification(
            self.stream, self.version, self.topic, self.plain, self.position, self.sealed, self.key_id, self.at
        )


def by_position(
    connection: Connection[Any], after: int, last: int, limit: int, topics: Sequence[str] = ()
) -> list[Row]:
    """Rows from after one position up to another, in order; only those of ``topics`` unless it is empty."""
    wanted = list(topics) or None
    return [Row(*row) for row in rows(connection, _SELECT + _BY_POSITION, (after, last, wanted, wanted, limit))]


def by_version(
    connection: Connection[Any],
    stream: UUID | str,
    after: int | None = None,
    last: int | None = None,
    limit: int | None = None,
    *,
    down: bool = False,
) -> list[Row]:
    """One stream's rows by version."""
    query = _SELECT + (_BY_VERSION_DOWN if down else _BY_VERSION)
    return [Row(*row) for row in rows(connection, query, (stream, after, after, last, last, limit))]


def newest(connection: Connection[Any], stream: UUID, topics: Sequence[str]) -> list[Row]:
    """One stream's newest row of each topic, by version."""
    return [Row(*row) for row in rows(connection, _NEWEST, (stream, list(topics)))]


def newest_of(connection: Connection[Any], streams: Sequence[UUID], topics: Sequence[str]) -> list[Row]:
    """As `newest` of each of these streams, stream by stream."""
    return [Row(*row) for row in rows(connection, _NEWEST_OF, (list(streams), list(topics)))]


_Followed = tuple[int, UUID, int, str, bytes, bytes | None, UUID | None, datetime]
"""Position, stream, version, topic, plain, sealed, key_id and recorded_at of a row."""


def followed(connection: Connection[Any], after: int, last: int, limit: int) -> list[_Followed]:
    """Rows from after one position up to another, in order: what those who follow need, in the server's own bytes."""
    with connection.cursor(binary=True, row_factory=tuple_row) as cursor:
        return cast("list[_Followed]", cursor.execute(_FOLLOWED, (after, last, limit)).fetchall())


def by_stream(
    connection: Connection[Any], after: UUID, last: int, limit: int, without: Sequence[str] = ()
) -> Iterator[_Followed]:
    """Rows of streams past ``after``, stream by stream and each by version, up to position ``last``, as they come.

    Topics in ``without`` are left out.
    """
    with connection.transaction(), connection.cursor(binary=True, row_factory=tuple_row) as cursor:
        connection.execute(_IN_INDEX_ORDER)
        yield from cursor.stream(_BY_STREAM, (after, last, list(without), limit), size=AT_ONCE)


def count(connection: Connection[Any], through: UUID, last: int, without: Sequence[str] = ()) -> tuple[int, int]:
    """How many rows `by_stream` gives of the streams up to ``through``, and of all."""
    ((passed, all_of_them),) = rows(connection, _COUNT, (through, last, list(without)))
    return passed, all_of_them


class PackedRow(NamedTuple):
    """One row to be appended. ``stream`` and ``version`` are what rows are sorted by, ``lock`` its stream's lock."""

    stream: bytes
    version: int
    lock: bytes
    row: bytes


_NOTHING_SEALED: Final = packing.octets(None) + packing.uuid(None) + packing.moment(None)
_NO_COMMAND: Final = packing.octets(None)


def pack(event: StoredEvent, command_key: bytes | None) -> PackedRow:
    """The event's row but for its position: a ``ledger.new_event``. Raises: what `ledger.packing` raises."""
    stream = event.originator_id
    if not isinstance(stream, UUID):
        stream = UUID(stream)
    identity = stream.bytes
    if isinstance(event, LedgerEvent):
        sealed = packing.octets(event.sealed) + packing.uuid(event.key_id) + packing.moment(event.at)
    else:
        sealed = _NOTHING_SEALED
    row = packing.row(
        8,
        packing.UUID_FIELD + identity,
        packing.integer(event.originator_version),
        packing.text(event.topic),
        packing.octets(event.state),
        sealed,
        _NO_COMMAND if command_key is None else packing.octets(command_key),
    )
    return PackedRow(identity, event.originator_version, packing.LOCK + identity[8:], row)


def find_same(connection: Connection[Any], stored: Sequence[StoredEvent]) -> list[int] | None:
    """The positions of exactly these events in their order, or None unless all of them are in the ledger."""
    found = {
        (stream, version): (position, plain, sealed)
        for stream, version, position, plain, sealed in rows(
            connection,
            _OURS,
            ([event.originator_id for event in stored], [event.originator_version for event in stored]),
        )
    }
    positions: list[int] = []
    for event in stored:
        there = found.get((event.originator_id, event.originator_version))
        sealed = event.sealed if isinstance(event, LedgerEvent) else None
        if there is None or there[1:] != (event.state, sealed):
            return None
        positions.append(there[0])
    return positions
