"""An append: what one command changed; and how many of them are written together, in one statement and one commit.

Order of waiting, the same for every append, so that none deadlock: the locks of what it touches (its command's key,
its addresses, its streams; each sorted), the writers' lock (shared, never waited for), the drawing of positions, event
rows (sorted). A batch waits for nobody: what another transaction holds is set aside, to be written by itself.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from eventsourcing.persistence import DataError, IntegrityError, StoredEvent
from psycopg import Connection

from domain.office import Address, AddressTaken, AlreadyDone
from ledger import addresses, events, packing
from ledger.addresses import PackedAddress
from ledger.connecting import rows
from ledger.idempotency import CommandKey
from ledger.keys import MAC_VERSION_BYTES, KeyStore

LARGEST: Final = 16 * 2**20
"""Bytes that the events of one append may hold together."""
SMALL: Final = 2**20
MOST_EVENTS: Final = 256
"""Bytes and events that one append may have to be written together with others."""
MOST_STREAMS: Final = 64
"""Streams that one append locks; with more of them it is written by itself, and the unique index does the rest."""

DDL: Final = """
CREATE OR REPLACE FUNCTION ledger.append(
    patient boolean,
    lock_requests integer[], locks bigint[],
    mac_requests integer[], macs bytea[],
    note_requests integer[], note_offsets integer[], note_keys bytea[], note_bodies bytea[], note_streams uuid[],
    note_versions bigint[],
    address_requests integer[], address_kinds text[], address_hmacs bytea[], address_key_versions integer[],
    address_streams uuid[],
    event_requests integer[], event_offsets integer[], event_streams uuid[], event_versions bigint[],
    event_topics text[], event_plains bytea[], event_sealeds bytea[], event_key_ids uuid[], event_ats timestamptz[],
    event_commands bytea[]
) RETURNS TABLE (
    refused integer, reason text, taken_kind text,
    done_key bytea, done_body bytea, done_stream uuid, done_version bigint, at_position bigint
)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET enable_bitmapscan = off AS $$
-- The one way into history: whoever may call this may not write to its tables.
-- Writes the requests (0, 1, ...) that nothing stands against and gives a row for each of the others: 'held' by another
-- transaction, 'done' before, address 'taken', or in 'conflict' with what its stream holds. One more row, of no
-- request, has the position at offset 0. Each statement sees what was committed before it began. OFFSET 0 and the
-- settings keep every look-up one by index, also where a plan was made while the tables were small.
DECLARE
    away integer[] := '{}';
    one record;
    ours uuid;
    first bigint;
BEGIN
    IF patient THEN
        PERFORM pg_advisory_xact_lock(l) FROM unnest(locks) AS l;
    ELSE
        -- Whoever writes by this function never makes another wait past here; this is for those who do not.
        PERFORM set_config('lock_timeout', '50ms', true);
        FOR one IN
            SELECT DISTINCT l.request FROM unnest(lock_requests, locks) AS l (request, lock)
            WHERE NOT pg_try_advisory_xact_lock(l.lock)
        LOOP
            away := away || one.request;
            refused := one.request; reason := 'held'; RETURN NEXT;
        END LOOP;
    END IF;

    IF cardinality(macs) > 0 THEN
        FOR one IN
            SELECT m.request, c.key, c.body, c.stream, c.version, c.position
            FROM unnest(mac_requests, macs) AS m (request, key)
            CROSS JOIN LATERAL (SELECT * FROM ledger.command k WHERE k.key = m.key OFFSET 0) AS c
            WHERE m.request <> ALL (away)
        LOOP
            away := away || one.request;
            refused := one.request; reason := 'done'; done_key := one.key; done_body := one.body;
            done_stream := one.stream; done_version := one.version; at_position := one.position; RETURN NEXT;
        END LOOP;
    END IF;

    IF cardinality(address_hmacs) > 0 THEN
        FOR one IN
            SELECT DISTINCT ON (a.request) a.request, a.kind
            FROM unnest(address_requests, address_kinds, address_hmacs, address_streams)
                AS a (request, kind, hmac, stream)
            CROSS JOIN LATERAL (
                SELECT FROM ledger.address o WHERE o.kind = a.kind AND o.hmac = a.hmac AND o.stream <> a.stream OFFSET 0
            ) AS h
            WHERE a.request <> ALL (away) ORDER BY a.request, a.kind
        LOOP
            away := away || one.request;
            refused := one.request; reason := 'taken'; taken_kind := one.kind; RETURN NEXT;
        END LOOP;
    END IF;

    IF NOT patient THEN  -- one by itself hears it from the unique index
        FOR one IN
            SELECT DISTINCT e.request
            FROM unnest(event_requests, event_streams, event_versions) AS e (request, stream, version)
            WHERE e.request <> ALL (away) AND EXISTS (
                SELECT FROM ledger.event o WHERE o.stream = e.stream AND o.version = e.version OFFSET 0)
        LOOP
            away := away || one.request;
            refused := one.request; reason := 'conflict'; RETURN NEXT;
        END LOOP;
    END IF;

    IF cardinality(address_hmacs) > 0 THEN
        INSERT INTO ledger.address (kind, hmac, key_version, stream)
        SELECT a.kind, a.hmac, a.key_version, a.stream
        FROM unnest(address_requests, address_kinds, address_hmacs, address_key_versions, address_streams)
            AS a (request, kind, hmac, key_version, stream)
        WHERE a.key_version IS NOT NULL AND a.request <> ALL (away)
            AND NOT EXISTS (SELECT FROM ledger.address h WHERE h.kind = a.kind AND h.hmac = a.hmac OFFSET 0);
    END IF;

    IF EXISTS (SELECT FROM unnest(event_requests) AS e (request) WHERE e.request <> ALL (away)) THEN
        PERFORM pg_advisory_xact_lock_shared(1398895211, 1);
        first := ledger.draw(cardinality(event_requests));
        SELECT id INTO ours FROM ledger.lineage ORDER BY generation DESC LIMIT 1;
        IF ours IS NULL THEN
            RAISE EXCEPTION 'the ledger has no lineage: it was never opened' USING ERRCODE = 'internal_error';
        END IF;
        INSERT INTO ledger.event
            (position, stream, version, topic, plain, sealed, key_id, command_key, at, recorded_at, lineage)
        SELECT first + e.ahead, e.stream, e.version, e.topic, e.plain, e.sealed, e.key_id, e.command, e.at,
               clock_timestamp(), ours
        FROM unnest(event_requests, event_offsets, event_streams, event_versions, event_topics, event_plains,
                    event_sealeds, event_key_ids, event_ats, event_commands)
            AS e (request, ahead, stream, version, topic, plain, sealed, key_id, at, command)
        WHERE e.request <> ALL (away);
    END IF;

    IF cardinality(note_keys) > 0 THEN
        INSERT INTO ledger.command (month, key, body, stream, version, position)
        SELECT date_trunc('month', clock_timestamp() AT TIME ZONE 'UTC'), n.key, n.body, n.stream,
               coalesce(n.version, (SELECT max(o.version) FROM ledger.event o WHERE o.stream = n.stream), 0),
               coalesce(first + n.ahead, 0)
        FROM unnest(note_requests, note_offsets, note_keys, note_bodies, note_streams, note_versions)
            AS n (request, ahead, key, body, stream, version)
        WHERE n.request <> ALL (away);
    END IF;
    refused := NULL; reason := NULL; at_position := first;
    RETURN NEXT;
END
$$;
"""

_APPEND: Final = """
SELECT * FROM ledger.append(
    %s, %s::integer[], %s::bigint[], %s::integer[], %s::bytea[],
    %s::integer[], %s::integer[], %s::bytea[], %s::bytea[], %s::uuid[], %s::bigint[],
    %s::integer[], %s::text[], %s::bytea[], %s::integer[], %s::uuid[],
    %s::integer[], %s::integer[], %s::uuid[], %s::bigint[], %s::text[], %s::bytea[], %s::bytea[], %s::uuid[],
    %s::timestamptz[], %s::bytea[])
"""


class Held(Exception):
    """Another transaction is at work on the same command, address or stream; nothing was stored."""


class StreamMovedOn(IntegrityError):
    """The stream holds such a version already; nothing was stored."""


class TooLarge(DataError):
    """The events of one append hold more than `LARGEST` bytes; nothing was stored."""


Outcome = list[int] | Exception
"""The positions of an append's events in their order, or why it was not written."""


@dataclass(eq=False)
class Append:
    """The events of one save in the order in which they happened, and the command that caused them, if any.

    Making one computes and packs all that the database will be told: in its caller's thread, where what cannot be
    stored fails nobody else. Raises: TooLarge, DataError.
    """

    stored: Sequence[StoredEvent]
    command: CommandKey | None = None
    principal: UUID | None = None
    addresses: Sequence[Address] = ()
    keys: KeyStore | None = None

    size: int = field(init=False)
    """Bytes that its events hold."""
    rows: list[events.PackedRow] = field(init=False)
    """The events' rows, in the order in which they happened."""
    taken: Sequence[PackedAddress] = field(init=False, default=())
    """The addresses' rows."""
    note: tuple[bytes, ...] | None = field(init=False, default=None)
    """What is kept of the command: its packed key, body, stream, and the stream's version if that changed."""
    locks: list[int] = field(init=False)
    """Advisory locks on what it touches, in the order in which they are taken."""

    def __post_init__(self) -> None:
        command = self.command
        try:
            self.rows = [events.pack(event, command.current if command else None) for event in self.stored]
            if self.addresses and self.keys:
                self.taken = addresses.pack(self.keys, self.addresses)
            if command and self.principal:
                changed = [event.originator_version for event in self.stored if event.originator_id == self.principal]
                self.note = (
                    packing.octets(command.current),
                    packing.octets(command.body(int.from_bytes(command.current[:MAC_VERSION_BYTES], "big"))),
                    packing.uuid(self.principal),
                    packing.integer(max(changed, default=None)),
                )
        except (struct.error, UnicodeEncodeError, ValueError, TypeError) as error:
            raise DataError(f"an event cannot be stored: {error}") from error
        self.size = sum(row.size for row in self.rows)
        if self.size > LARGEST:
            raise TooLarge(f"{self.size} bytes in one append; {LARGEST} are allowed")
        streams = {row.stream for row in self.rows}
        self.locks = sorted(map(_lock, streams)) if len(streams) <= MOST_STREAMS else []
        if self.taken:
            self.locks = [*sorted({_lock(one.kind + one.hmac) for one in self.taken}), *self.locks]
        if command:
            self.locks.insert(0, command.lock)

    @property
    def is_small(self) -> bool:
        """Whether it may be written together with others."""
        return len(self.rows) <= MOST_EVENTS and self.size <= SMALL and len(self.locks) <= 2 * MOST_STREAMS

    def run(self, connection: Connection[Any]) -> list[int]:
        """Write it by itself, within the connection's transaction, after whoever is at work on the same.

        Its events' positions, in their order. Raises: AlreadyDone, CommandReused, AddressTaken,
        psycopg.errors.UniqueViolation, psycopg.errors.LockNotAvailable.
        """
        outcome = run_all(connection, [self], patient=True)[0]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def refusal(self, told: Sequence[Any]) -> Exception:
        """Why it was not written."""
        reason, kind, key, body, stream, version, position = told
        if reason == "done" and self.command:
            try:
                return AlreadyDone(self.command.receipt(key, body, stream, version, position))
            except Exception as reused:  # noqa: BLE001 - CommandReused, to be raised in the caller's thread
                return reused
        if reason == "taken":
            return AddressTaken(kind)
        return Held() if reason == "held" else StreamMovedOn("the stream has moved on: its version is there already")

    def find(self, connection: Connection[Any]) -> list[int] | None:
        """The positions if this very append is in the ledger. Only behind the barrier is None an answer."""
        if self.stored:
            return events.find_same(connection, self.stored)
        return [] if self.command and self.command.find(connection) else None


def run_all(connection: Connection[Any], appends: Sequence[Append], *, patient: bool = False) -> list[Outcome]:
    """Write the appends, each wholly or not at all, in one statement; no two of them may share a lock.

    ``patient``: wait for whoever holds what the (single) append needs, as long as the session waits for any lock.
    Raises psycopg.Error if none was written.
    """
    answered = rows(connection, _APPEND, (patient, *_arguments(appends)))
    first: int = answered.pop()[-1] or 0
    refused: dict[int, Exception] = {}
    for row in answered:
        request: int = row[0]
        refused[request] = appends[request].refusal(row[1:])
    outcomes: list[Outcome] = []
    for request, append in enumerate(appends):
        outcomes.append(refused.get(request) or list(range(first, first + len(append.stored))))
        first += len(append.stored)
    return outcomes


def _arguments(appends: Sequence[Append]) -> list[packing.Packed]:
    first, placed, notes = 0, list[tuple[events.PackedRow, int, int]](), list[tuple[int, int | None, Any]]()
    for request, append in enumerate(appends):
        placed += [(row, request, first + offset) for offset, row in enumerate(append.rows)]
        first += len(append.rows)
        if append.note:
            notes.append((request, first - 1 if append.rows else None, append.note))
    placed.sort(key=_by_stream)
    locks = [(request, lock) for request, append in enumerate(appends) for lock in append.locks]
    macs = [(n, mac) for n, append in enumerate(appends) if append.command for mac in append.command.macs]
    taken = sorted((one, request) for request, append in enumerate(appends) for one in append.taken)
    return [
        packing.small_integers(request for request, _ in locks),
        packing.array(packing.INT8, [packing.integer(lock) for _, lock in locks]),
        packing.small_integers(request for request, _ in macs),
        packing.array(packing.BYTEA, [packing.octets(mac) for _, mac in macs]),
        packing.small_integers(request for request, *_ in notes),
        packing.small_integers(last for _, last, _ in notes),
        *_columns([note for *_, note in notes], (packing.BYTEA, packing.BYTEA, packing.UUID_, packing.INT8)),
        packing.small_integers(request for _, request in taken),
        *_columns([one for one, _ in taken], addresses.KINDS),
        packing.small_integers(request for _, request, _ in placed),
        packing.small_integers(offset for *_, offset in placed),
        *_columns([row.columns for row, *_ in placed], events.KINDS),
    ]


def _columns(table: Sequence[tuple[bytes, ...]], kinds: Sequence[int]) -> list[packing.Packed]:
    columns = zip(*table, strict=True) if table else (() for _ in kinds)
    return [packing.array(kind, list(column)) for kind, column in zip(kinds, columns, strict=True)]


def _by_stream(placed: tuple[events.PackedRow, int, int]) -> tuple[bytes, int]:
    return placed[0].stream, placed[0].version


def _lock(touched: bytes) -> int:
    """The lock on a stream or an address: of what it ends in, where its chance is."""
    return int.from_bytes(touched[-8:], "big", signed=True)
