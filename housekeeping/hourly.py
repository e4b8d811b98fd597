"""Bounds what may be set off within an hour: codes to one address, short messages, links. One row for what is counted.

What is refused is not counted, so that whoever keeps asking holds nobody else off for longer than an hour.
"""

from __future__ import annotations

from housekeeping.pool import Db, Pool

DDL = """
CREATE TABLE IF NOT EXISTS housekeeping.hourly (
    key   bytea         PRIMARY KEY,    -- keyed digest of what is counted
    times timestamptz[] NOT NULL        -- within the last hour, oldest first
);
DROP TABLE IF EXISTS housekeeping.code_mailed;  -- an earlier release's
"""

_TAKE = """
INSERT INTO housekeeping.hourly AS known (key, times) VALUES (%(key)s, ARRAY[statement_timestamp()])
ON CONFLICT (key) DO UPDATE SET times = (
    SELECT coalesce(array_agg(at ORDER BY at), '{}')
        || CASE WHEN count(at) < %(most)s THEN excluded.times ELSE '{}' END
    FROM unnest(known.times) AS at WHERE at > statement_timestamp() - interval '1 hour'
)
RETURNING statement_timestamp() = ANY(times),
    extract(epoch FROM times[1] + interval '1 hour' - statement_timestamp())::integer
"""
_SWEEP = """
DELETE FROM housekeeping.hourly WHERE key IN (
    SELECT key FROM housekeeping.hourly
    WHERE times[cardinality(times)] < now() - interval '1 hour' FOR UPDATE SKIP LOCKED
)
"""


def take(db: Db, key: bytes, most: int) -> int | None:
    """Count one more under ``key`` unless there were ``most`` within the hour; then for how many seconds to wait.

    Within the caller's transaction, which keeps others from counting under the same key until it ends.
    """
    row = db.execute(_TAKE, {"key": key, "most": most}).fetchone()
    assert row is not None
    return None if row[0] else max(1, row[1])


def sweep(pool: Pool) -> int:
    """Remove what was counted more than an hour ago; how many rows."""
    with pool.connection() as db:
        return db.execute(_SWEEP).rowcount
