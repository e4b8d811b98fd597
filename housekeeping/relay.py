"""What the relay to Kafka says of itself: whose turn it is, that it lives, and how far it is.

Nothing here decides what is sent: the relay's own progress stands in Kafka, beside the records that it speaks of. This
row is for whoever stands by, for /metrics and for `sarkmeli relay status`.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from housekeeping.pool import Db

DDL = """
CREATE TABLE IF NOT EXISTS housekeeping.relay (
    name     text        PRIMARY KEY,           -- the relay's transactional id
    holder   uuid        NOT NULL,              -- the process whose turn it is
    beat_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    position bigint,                            -- of the last event whose records are committed; NULL: not known yet
    stopped  text                               -- why the relay does not go on, if it does not
);
"""

_BEGIN = """
INSERT INTO housekeeping.relay (name, holder) VALUES (%s, %s)
ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, beat_at = clock_timestamp()
"""
_BEAT = """
WITH gone AS (DELETE FROM housekeeping.relay WHERE beat_at < clock_timestamp() - interval '1 hour' AND name <> %(name)s)
UPDATE housekeeping.relay SET beat_at = clock_timestamp(), position = coalesce(%(position)s, position),
    stopped = %(stopped)s
WHERE name = %(name)s AND holder = %(holder)s
"""
"""A relay of another name, from before the prefix of the topics was changed, is not mourned for ever."""
_HEARD = """
SELECT holder, clock_timestamp() - beat_at > make_interval(secs => %s) FROM housekeeping.relay WHERE name = %s
"""
_STANDING = """
SELECT r.name, r.position, r.stopped, extract(epoch FROM clock_timestamp() - r.beat_at)::float8,
    greatest(0, (SELECT coalesce(max(position), 0) FROM ledger.event) - coalesce(r.position, 0)),
    coalesce((
        SELECT extract(epoch FROM clock_timestamp() - e.recorded_at)::float8
        FROM ledger.event e WHERE e.position > coalesce(r.position, 0) ORDER BY e.position LIMIT 1
    ), 0)
FROM housekeeping.relay r ORDER BY r.name
"""


@dataclass(frozen=True)
class Standing:
    """One relay: ``behind`` positions and ``seconds`` since the oldest event that it has not relayed.

    ``position`` is None for one that never came so far as to know it; ``silent`` are the seconds since its last beat,
    ``stopped`` says why it does not go on.
    """

    name: str
    position: int | None
    stopped: str | None
    silent: float
    behind: int
    seconds: float


def begin(db: Db, name: str, holder: UUID) -> None:
    """Say that the turn is this process's; only who holds the lock may."""
    db.execute(_BEGIN, (name, holder))


def beat(db: Db, name: str, holder: UUID, position: int | None, stopped: str | None) -> bool:
    """Say that the relay lives, how far it is, and why it stands still if it does; whether its turn it still is."""
    told = {"position": position, "stopped": stopped, "name": name, "holder": holder}
    return db.execute(_BEAT, told).rowcount == 1


def heard(db: Db, name: str, patience: float) -> tuple[UUID | None, bool]:
    """Whose turn it is, and whether nothing was heard of it for ``patience`` seconds."""
    row = db.execute(_HEARD, (patience, name)).fetchone()
    return (None, True) if row is None else (row[0], row[1])


def standings(db: Db) -> list[Standing]:
    """Every relay that was heard of within the hour before the last beat of any."""
    return [Standing(*row) for row in db.execute(_STANDING).fetchall()]
