"""Who is at the signalling point of a call now: one row a side, renewed while the side's line lasts.

Both present means that the two programs have met; what that counts for, the call decides.
"""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from domain.videobar.terms import Side
from housekeeping.pool import Pool

DDL = """
CREATE TABLE IF NOT EXISTS housekeeping.presence (
    call    uuid        NOT NULL,
    side    text        NOT NULL,
    line    uuid        NOT NULL,      -- the connection that holds it; a later one takes it over
    seen_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (call, side)
);
CREATE INDEX IF NOT EXISTS presence_seen_at ON housekeeping.presence (seen_at);
"""

SECONDS = 20
"""A side not heard for so long is gone."""

_ARRIVE = """
INSERT INTO housekeeping.presence (call, side, line) VALUES (%s, %s, %s)
ON CONFLICT (call, side) DO UPDATE SET line = excluded.line, seen_at = now()
"""
_BEAT = "UPDATE housekeeping.presence SET seen_at = now() WHERE call = %s AND side = %s AND line = %s"
_LEAVE = "DELETE FROM housekeeping.presence WHERE call = %s AND side = %s AND line = %s"
_HERE = "SELECT side FROM housekeeping.presence WHERE call = %s AND seen_at > now() - make_interval(secs => %s)"
_FORGET = "DELETE FROM housekeeping.presence WHERE call = ANY(%s)"
_SWEEP = "DELETE FROM housekeeping.presence WHERE seen_at < now() - make_interval(secs => %s)"


class Presence:
    """Presence at calls. ``line`` names one connection, so that a late good-bye of an old one ends no newer one."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def arrive(self, call: UUID, side: Side, line: UUID) -> frozenset[Side]:
        """This side is here, by this line; who is here then. Two who arrive at once: the later sees both."""
        with self._pool.connection() as db:
            db.execute(_ARRIVE, (call, side.value, line))
        return self.here(call)

    def beat(self, call: UUID, side: Side, line: UUID) -> bool:
        """The line still lasts; False if another line has taken its place."""
        with self._pool.connection() as db:
            return db.execute(_BEAT, (call, side.value, line)).rowcount == 1

    def leave(self, call: UUID, side: Side, line: UUID) -> None:
        """The line has ended."""
        with self._pool.connection() as db:
            db.execute(_LEAVE, (call, side.value, line))

    def here(self, call: UUID) -> frozenset[Side]:
        """Who is here now."""
        with self._pool.connection() as db:
            return frozenset(Side(row[0]) for row in db.execute(_HERE, (call, SECONDS)))

    def forget(self, calls: Collection[UUID]) -> None:
        """Remove whoever is at these calls."""
        with self._pool.connection() as db:
            db.execute(_FORGET, (list(calls),))

    def sweep(self) -> int:
        """Remove who has gone without a word; how many."""
        with self._pool.connection() as db:
            return db.execute(_SWEEP, (SECONDS,)).rowcount
