"""The one statement that writes history: the function ``ledger.append``, and how it is called.

It is called beneath psycopg's cursors, in binary and prepared: of an append's whole cost in this process, a cursor and
its adaptation of the arguments would be most.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple
from uuid import UUID
from weakref import WeakKeyDictionary

from psycopg import Connection, errors
from psycopg.generators import execute
from psycopg.pq import ExecStatus, TransactionStatus
from psycopg.pq.abc import PGresult

from ledger.connecting import rows

DDL: Final = """
DROP FUNCTION IF EXISTS ledger.append(
    boolean, integer[], bigint[], integer[], bytea[], integer[], integer[], bytea[], bytea[], uuid[], bigint[],
    integer[], text[], bytea[], integer[], uuid[], integer[], integer[], uuid[], bigint[], text[], bytea[], bytea[],
    uuid[], timestamptz[], bytea[]);

CREATE OR REPLACE FUNCTION ledger.append(
    patient boolean,
    lock_requests integer[], locks bigint[],
    mac_requests integer[], macs bytea[],
    note_requests integer[], note_lasts integer[], notes ledger.new_note[],
    address_requests integer[], addresses ledger.new_address[],
    event_requests integer[], event_places integer[], events ledger.new_event[]
) RETURNS TABLE (
    refused integer, reason text, taken_kind text,
    done_key bytea, done_body bytea, done_stream uuid, done_version bigint, at_position bigint
)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET enable_bitmapscan = off AS $$
-- The one way into history: whoever may call this may not write to its tables.
-- Writes the requests (0, 1, ...) that nothing stands against and gives a row for each of the others: 'held' by another
-- transaction, 'done' before, address 'taken', or in 'conflict' with what its stream holds. One more row, of no
-- request, has the position of the event at place 0; where event_places is null, places are those in the array.
-- Each statement sees what was committed before it began. OFFSET 0 and the settings keep every look-up one by index,
-- also where a plan was made while the tables were small. What can be an expression is none of those statements:
-- to set one up costs as much as to insert a row.
DECLARE
    away integer[] := '{}';
    one record;
    ours uuid;
    first bigint;
    told text;
BEGIN
    IF patient THEN
        PERFORM pg_advisory_xact_lock(l) FROM unnest(locks) AS l;
    ELSE
        -- Whoever writes by this function never makes another wait past here; this is for those who do not.
        told := set_config('lock_timeout', '50ms', true);
        FOR n IN 1 .. cardinality(locks) LOOP
            CONTINUE WHEN lock_requests[n] = ANY (away) OR pg_try_advisory_xact_lock(locks[n]);
            away := away || lock_requests[n];
            refused := lock_requests[n]; reason := 'held'; RETURN NEXT;
        END LOOP;
    END IF;

    IF macs IS NOT NULL THEN
        FOR one IN
            SELECT mac_requests[m.n] AS request, c.key, c.body, c.stream, c.version, c.position
            FROM unnest(macs) WITH ORDINALITY AS m (key, n)
            CROSS JOIN LATERAL (SELECT * FROM ledger.command k WHERE k.key = m.key OFFSET 0) AS c
        LOOP
            CONTINUE WHEN one.request = ANY (away);
            away := away || one.request;
            refused := one.request; reason := 'done'; done_key := one.key; done_body := one.body;
            done_stream := one.stream; done_version := one.version; at_position := one.position; RETURN NEXT;
        END LOOP;
    END IF;

    IF addresses IS NOT NULL THEN
        FOR one IN
            SELECT address_requests[a.n] AS request, a.kind
            FROM unnest(addresses) WITH ORDINALITY AS a (kind, hmac, key_version, stream, n)
            WHERE EXISTS (
                SELECT FROM ledger.address o WHERE o.kind = a.kind AND o.hmac = a.hmac AND o.stream <> a.stream OFFSET 0
            )
        LOOP
            CONTINUE WHEN one.request = ANY (away);
            away := away || one.request;
            refused := one.request; reason := 'taken'; taken_kind := one.kind; RETURN NEXT;
        END LOOP;
    END IF;

    IF NOT patient THEN  -- one by itself hears it from the unique index
        FOR one IN
            SELECT event_requests[e.n] AS request
            FROM unnest(events) WITH ORDINALITY AS e (stream, version, topic, plain, sealed, key_id, at, command, n)
            WHERE EXISTS (
                SELECT FROM ledger.event o WHERE o.stream = e.stream AND o.version = e.version OFFSET 0)
        LOOP
            CONTINUE WHEN one.request = ANY (away);
            away := away || one.request;
            refused := one.request; reason := 'conflict'; RETURN NEXT;
        END LOOP;
    END IF;

    IF addresses IS NOT NULL THEN
        INSERT INTO ledger.address (kind, hmac, key_version, stream)
        SELECT a.kind, a.hmac, a.key_version, a.stream
        FROM unnest(addresses) WITH ORDINALITY AS a (kind, hmac, key_version, stream, n)
        WHERE a.key_version IS NOT NULL AND address_requests[a.n] <> ALL (away)
            AND NOT EXISTS (SELECT FROM ledger.address h WHERE h.kind = a.kind AND h.hmac = a.hmac OFFSET 0);
    END IF;

    IF cardinality(events) > 0 AND NOT event_requests <@ away THEN
        -- The writers' lock, and then, never before, positions: see ledger.barrier.
        IF pg_advisory_xact_lock_shared(1398895211, 1) IS NOT NULL THEN
            first := ledger.draw(cardinality(events));
        END IF;
        SELECT id INTO ours FROM ledger.lineage ORDER BY generation DESC LIMIT 1;
        IF ours IS NULL THEN
            RAISE EXCEPTION 'the ledger has no lineage: it was never opened' USING ERRCODE = 'internal_error';
        END IF;
        INSERT INTO ledger.event
            (position, stream, version, topic, plain, sealed, key_id, command_key, at, recorded_at, lineage)
        SELECT first + coalesce(event_places[e.n], e.n - 1), e.stream, e.version, e.topic, e.plain, e.sealed, e.key_id,
               e.command, e.at, clock_timestamp(), ours
        FROM unnest(events) WITH ORDINALITY AS e (stream, version, topic, plain, sealed, key_id, at, command, n)
        WHERE event_requests[e.n] <> ALL (away);
    END IF;

    IF notes IS NOT NULL THEN
        INSERT INTO ledger.command (month, key, body, stream, version, position)
        SELECT date_trunc('month', clock_timestamp() AT TIME ZONE 'UTC'), c.key, c.body, c.stream,
               coalesce(c.version, (SELECT max(o.version) FROM ledger.event o WHERE o.stream = c.stream), 0),
               coalesce(first + note_lasts[c.n], 0)
        FROM unnest(notes) WITH ORDINALITY AS c (key, body, stream, version, n)
        WHERE note_requests[c.n] <> ALL (away);
    END IF;
    refused := NULL; reason := NULL; at_position := first;
    RETURN NEXT;
END
$$;
"""

_NAME: Final = b"ledger_append"
_CALL: Final = b"SELECT * FROM ledger.append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"
_GOOD: Final = (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK)
_BINARY: Final = (1,) * 13
_POSITION: Final = 7
"""The column that it stands in."""


@dataclass(frozen=True)
class Kinds:
    """PostgreSQL's object ids, different in each database, of the types of the rows that are sent."""

    event: int
    note: int
    address: int


class Refused(NamedTuple):
    """A request that was not written, as PostgreSQL said it; see ``ledger.append``."""

    request: int
    reason: str
    kind: str
    done: tuple[bytes, bytes, UUID, int, int] | None


_known: Final[WeakKeyDictionary[Connection[Any], Kinds]] = WeakKeyDictionary()
"""By connection: another database has other ids, and so has one that was restored meanwhile."""


def kinds_of(connection: Connection[Any]) -> Kinds:
    """The ids of the rows' types on this connection. Raises: psycopg.Error."""
    known = _known.get(connection)
    if known is None:
        query = "SELECT ('ledger.new_' || name)::regtype::oid FROM unnest(ARRAY['event', 'note', 'address']) AS name"
        known = _known[connection] = Kinds(*(kind for (kind,) in rows(connection, query)))
    return known


def call(connection: Connection[Any], arguments: Sequence[bytes | None]) -> tuple[int, list[Refused]]:
    """Call ``ledger.append`` with its packed arguments: the first position drawn, and what was refused.

    In a transaction of its own, unless the connection is in one. Raises psycopg.Error if nothing was written.
    """
    server = connection.pgconn
    if server.transaction_status != TransactionStatus.IDLE:
        server.send_query_params(_CALL, arguments, None, _BINARY, 1)
        result = _result(connection)
    else:
        try:
            server.send_query_prepared(_NAME, arguments, _BINARY, 1)
            result = _result(connection)
        except errors.InvalidSqlStatementName:
            # On a new connection, or since psycopg let go of all that was prepared: it does so after a rollback.
            server.send_prepare(_NAME, _CALL)
            _result(connection)
            server.send_query_prepared(_NAME, arguments, _BINARY, 1)
            result = _result(connection)
    last = result.ntuples - 1
    first = result.get_value(last, _POSITION)
    return _whole(first) if first else 0, [_refused(result, row) for row in range(last)]


def _result(connection: Connection[Any]) -> PGresult:
    """What was answered. Raises psycopg.Error, also for what failed after the rows were sent: at the commit."""
    results = connection.wait(execute(connection.pgconn))
    for result in results:
        if result.status not in _GOOD:
            raise errors.error_from_result(result)
    return results[0]


def _refused(result: Any, row: int) -> Refused:
    request, reason, kind, key, body, stream, version, position = (
        result.get_value(row, n) for n in range(_POSITION + 1)
    )
    done = (key, body, UUID(bytes=stream), _whole(version), _whole(position)) if reason == b"done" else None
    return Refused(_whole(request), reason.decode(), (kind or b"").decode(), done)


def _whole(sent: bytes) -> int:
    return int.from_bytes(sent, "big", signed=True)
