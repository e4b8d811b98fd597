"""The ledger's lineage: an id that changes whenever history may have been rewound, by a restore or a promotion.

Whoever follows the ledger keeps the lineage beside the position. Under another one, its position means nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid4

from psycopg import Connection

from ledger.connecting import rows

DDL: Final = """
CREATE TABLE IF NOT EXISTS ledger.lineage (
    generation     integer PRIMARY KEY,
    id             uuid NOT NULL UNIQUE,
    began_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    after_position bigint NOT NULL,
    reason         text NOT NULL,
    system         text NOT NULL,
    timeline       integer NOT NULL
);

CREATE OR REPLACE FUNCTION ledger.keep_lineage() RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
-- The lineage now: the first in a new ledger, another if PostgreSQL was restored or promoted since the last one began.
DECLARE
    known record;
    here text := (SELECT system_identifier FROM pg_control_system());
    line integer := ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::integer;
    ours uuid := gen_random_uuid();
BEGIN
    PERFORM pg_advisory_xact_lock(1398895211, 3);
    SELECT generation, id, system, timeline INTO known FROM ledger.lineage ORDER BY generation DESC LIMIT 1;
    IF known.system = here AND known.timeline = line THEN
        RETURN known.id;
    END IF;
    INSERT INTO ledger.lineage (generation, id, after_position, reason, system, timeline)
    SELECT coalesce(known.generation, 0) + 1, ours, coalesce(max(position), 0),
           CASE WHEN known.id IS NULL THEN 'the first'
                WHEN known.system <> here THEN 'restored into another cluster'
                ELSE 'restored to a point in time, or promoted' END,
           here, line
    FROM ledger.event;
    RETURN ours;
END
$$;
"""
"""``system`` and ``timeline`` are PostgreSQL's own identifiers of the cluster and of its write-ahead log: a restore
into another cluster, to a point in time, or a promotion changes one of them."""

_HERE: Final = """
SELECT (SELECT system_identifier::text FROM pg_control_system()),
       ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::integer
"""
_CURRENT: Final = "SELECT generation, id FROM ledger.lineage ORDER BY generation DESC LIMIT 1"
_RESTORED: Final = """
SELECT max(began_at) FROM ledger.lineage
WHERE generation > 1 AND began_at > clock_timestamp() - make_interval(days => %s)
"""
_BEGIN: Final = """
INSERT INTO ledger.lineage (generation, id, after_position, reason, system, timeline)
VALUES (%s, %s, (SELECT coalesce(max(position), 0) FROM ledger.event), %s, %s, %s)
"""

_BEGUN: Final = """
SELECT l.after_position, l.reason, (SELECT count(*) FROM ledger.event e WHERE e.position <= l.after_position)
FROM ledger.lineage l WHERE l.generation > 1 ORDER BY l.generation
"""


@dataclass(frozen=True)
class Begun:
    """A lineage that began behind the event at ``after``, the ledger's last then, of which there were ``events``."""

    after: int
    reason: str
    events: int


class OtherLineage(Exception):
    """A position from another history of this ledger: it was restored or promoted since.

    Remedy for a follower: rebuild what it keeps, or move its mark by hand after comparing; never go on as if nothing
    had happened. Remedy for a client's token: read again without it.
    """


class AheadOfLedger(Exception):
    """A follower stands behind a position that the ledger never reached: the ledger was restored under it.

    Remedy: begin a new lineage, then rebuild the follower.
    """


def current_lineage(connection: Connection[Any]) -> UUID:
    """The lineage that events are appended under now. Raises: LookupError in a ledger that was never opened."""
    found = rows(connection, _CURRENT)
    if not found:
        raise LookupError("this ledger has no lineage: open it once")
    return found[0][1]


def begun(connection: Connection[Any]) -> list[Begun]:
    """Every lineage but the first, in order: wherever history may have been rewound."""
    return [Begun(*row) for row in rows(connection, _BEGUN)]


def restored_within(connection: Connection[Any], days: int) -> datetime | None:
    """When the ledger was last restored or promoted, if that was in the last ``days``."""
    return rows(connection, _RESTORED, (days,))[0][0]


def keep_lineage(connection: Connection[Any]) -> UUID:
    """The lineage at opening: the first in a new ledger, another if PostgreSQL was restored or promoted meanwhile."""
    with connection.transaction():
        return rows(connection, "SELECT ledger.keep_lineage()")[0][0]


def begin_lineage(connection: Connection[Any], reason: str) -> UUID:
    """A new lineage, by hand and by the ledger's owner: after a restore that PostgreSQL itself cannot be told by (a
    copied folder).
    """
    lineage = uuid4()
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(1398895211, 3)")
        found = rows(connection, _CURRENT)
        generation = found[0][0] + 1 if found else 1
        connection.execute(_BEGIN, (generation, lineage, reason, *rows(connection, _HERE)[0]))
    return lineage
