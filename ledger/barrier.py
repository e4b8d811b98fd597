"""The readers' barrier: how far the ledger is settled, so that a reader never passes a position still to be filled.

A writer holds `WRITERS` shared from before it draws positions until its transaction has ended. Whoever reads the last
position drawn, and *then, in another statement,* waits until every transaction seen holding that lock is gone, knows
that each position up to there is filled or never will be. Writers are never made to wait: the reader takes no lock. (An
exclusive one, queued behind a stuck writer, would stop every writer behind it; a lock taken in the statement that reads
comes after its snapshot and skips events.)
"""

from __future__ import annotations

from time import monotonic, sleep
from typing import Any, Final

from psycopg import Connection

from ledger.connecting import rows

DDL: Final = """
CREATE SEQUENCE IF NOT EXISTS ledger.position AS bigint MINVALUE 1 NO CYCLE CACHE 1;

CREATE OR REPLACE FUNCTION ledger.draw(wanted integer) RETURNS bigint
LANGUAGE plpgsql AS $$
-- The first of as many positions in a row, none of them another's. The caller holds the writers' lock.
-- Expressions, no statements: each of those would cost as much as all the rest.
DECLARE
    first bigint;
    last bigint;
BEGIN
    BEGIN
        IF pg_advisory_lock(1398895211, 2) IS NOT NULL THEN
            first := nextval('ledger.position');
        END IF;
        IF wanted > 1 THEN
            last := setval('ledger.position', first + wanted - 1);
        END IF;
        IF NOT pg_advisory_unlock(1398895211, 2) THEN
            RAISE EXCEPTION 'the lock for drawing was lost';
        END IF;
    EXCEPTION WHEN query_canceled OR assert_failure OR OTHERS THEN
        PERFORM pg_advisory_unlock(1398895211, 2);
        RAISE;
    END;
    RETURN first;
END
$$;
"""
"""Positions are drawn from the sequence by `ledger.draw` only. 1398895211 is ``Sark`` in ASCII: ours among advisory
locks, with 1 for the writers, 2 for drawing, 3 for opening."""

_LAST_DRAWN: Final = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM ledger.position"
_HOLDERS: Final = """
SELECT virtualtransaction FROM pg_locks
WHERE locktype = 'advisory' AND classid = 1398895211 AND objid = 1 AND objsubid = 2
  AND mode = 'ShareLock' AND granted
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
_BACKEND: Final = "SELECT state FROM pg_stat_activity WHERE pid = %s"
_LAST_FILLED: Final = "SELECT coalesce(max(position), 0) FROM ledger.event WHERE position <= %s"

FIRST_PAUSE: Final = 0.0005
LONGEST_PAUSE: Final = 0.02
"""Seconds between two looks at who still holds the lock."""
IDLE_PATIENCE: Final = 1.0
"""Seconds for which a backend may be idle before it is taken to have nothing more to do."""


class Barrier:
    """How far the ledger was settled when last asked. One a reader; safe for many threads."""

    def __init__(self, patience: float = 1.0) -> None:
        self._patience = patience
        self._settled = 0

    def settled(self, connection: Connection[Any]) -> int:
        """The highest filled position behind which nothing is still to come; 0 in an empty ledger.

        Waits for writers under way, at most this barrier's patience in seconds; past that, what it knew before.
        ``connection`` must be autocommitting: every statement here needs a snapshot of its own.
        """
        drawn: int = rows(connection, _LAST_DRAWN)[0][0]
        if drawn == self._settled:
            # Only a filled position ends the search here. One drawn and never filled may be drawn again after a crash.
            return drawn
        if wait_for_writers(connection, self._patience):
            self._settled = max(self._settled, rows(connection, _LAST_FILLED, (drawn,))[0][0])
        return self._settled


def wait_for_writers(connection: Connection[Any], patience: float) -> bool:
    """Wait until every writer that is under way now has ended. False if ``patience`` (seconds) ran out first."""
    deadline = monotonic() + patience
    awaited = _holders(connection)
    pause = FIRST_PAUSE
    while awaited:
        if monotonic() >= deadline:
            return False
        sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE)
        awaited &= _holders(connection)
    return True


def wait_for_backend(connection: Connection[Any], backend: int, patience: float) -> bool:
    """Wait until a backend whose client is gone has ended, and with it what it was told last. False after ``patience``.

    One that is idle and does not end is on a line of which nobody has told it that it broke: it will hear no more.
    """
    began = monotonic()
    pause = FIRST_PAUSE
    while (there := rows(connection, _BACKEND, (backend,))) and not (
        there == [("idle",)] and monotonic() - began > IDLE_PATIENCE
    ):
        if monotonic() - began >= patience:
            return False
        sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE)
    return True


def _holders(connection: Connection[Any]) -> set[str]:
    return {holder for (holder,) in rows(connection, _HOLDERS)}
