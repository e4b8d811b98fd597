"""How far each consumer has followed the ledger: moved in the transaction that notes what is to be done.

The same fence as the read models': a consumer that lost its turn finds another position and its work rolls back.
"""

from __future__ import annotations

from uuid import UUID

from housekeeping.pool import Db

DDL = """
CREATE TABLE IF NOT EXISTS housekeeping.follower (
    name     text        PRIMARY KEY,
    position bigint      NOT NULL DEFAULT 0,
    lineage  uuid        NOT NULL,      -- of the ledger that the position counts in
    moved_at timestamptz NOT NULL DEFAULT now()
);
"""

_BEGIN = """
INSERT INTO housekeeping.follower (name, position, lineage) VALUES (%s, %s, %s) ON CONFLICT (name) DO NOTHING
"""
_FIND = "SELECT position, lineage FROM housekeeping.follower WHERE name = %s"
_MOVE = """
UPDATE housekeeping.follower SET position = %s, moved_at = now() WHERE name = %s AND lineage = %s AND position = %s
"""
_ALL = "SELECT name, position FROM housekeeping.follower ORDER BY name"
_REBASE = "UPDATE housekeeping.follower SET position = %s, lineage = %s, moved_at = now() WHERE name = %s"


class Fenced(Exception):
    """Another process has moved this consumer on; roll back."""


class FollowerLost(Exception):
    """The consumer followed another ledger, or stands beyond the end of this one. It stops and does not skip."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(
            f"consumer {name} {why}: run `sarkmeli consumers rebase {name} POSITION` after deciding from where"
        )


def begin(db: Db, name: str, lineage: UUID, settled: int, start: int = 0) -> int:
    """Where the consumer stands, ``start`` if it never ran. Raises: FollowerLost."""
    db.execute(_BEGIN, (name, start, lineage))
    row = db.execute(_FIND, (name,)).fetchone()
    assert row is not None
    position, known = row
    if known != lineage:
        raise FollowerLost(name, f"followed ledger {known}, this one is {lineage}")
    if position > settled:
        raise FollowerLost(name, f"stands at {position}, the ledger at {settled}")
    return position


def move(db: Db, name: str, lineage: UUID, old: int, new: int) -> None:
    """Move on from ``old``, within the transaction that does the work up to ``new``. Raises: Fenced."""
    if db.execute(_MOVE, (new, name, lineage, old)).rowcount != 1:
        raise Fenced(f"{name} no longer stands at {old}")


def rebase(db: Db, name: str, lineage: UUID, position: int) -> None:
    """Let the consumer go on in this ledger from ``position``: the remedy of `FollowerLost`, a person's decision."""
    db.execute(_REBASE, (position, lineage, name))


def positions(db: Db) -> dict[str, int]:
    """Where every consumer stands; for /metrics."""
    return dict(db.execute(_ALL).fetchall())
