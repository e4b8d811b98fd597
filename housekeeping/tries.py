"""Throttles guessing: tries at whatever is guarded are counted in PostgreSQL, each taken before it is verified.

So many in 15 minutes per (what, address prefix), more per prefix over everything, both over a sliding window. Over all
addresses one thing only raises an alarm, so that nobody can lock a holder out. No database, no try: it fails closed.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import datetime

import structlog

from domain.refusals import Refusal
from housekeeping.pool import Macs, Pool

log = structlog.get_logger()

DDL = """
CREATE TABLE IF NOT EXISTS housekeeping.look_up (
    kind     text          NOT NULL,   -- pair, prefix or number
    key      bytea         NOT NULL,   -- keyed digest of what is counted
    tries    timestamptz[] NOT NULL,   -- those within the window
    tried_at timestamptz   NOT NULL,
    PRIMARY KEY (kind, key)
);
CREATE INDEX IF NOT EXISTS look_up_tried_at ON housekeeping.look_up (tried_at);

CREATE OR REPLACE FUNCTION housekeeping.take_try(
    of_number bytea, of_pair bytea, of_prefix bytea, minutes integer, most_of_pair integer, most_of_prefix integer
) RETURNS TABLE (at timestamptz, tries_at_number integer, wait interval) LANGUAGE plpgsql AS $$
-- Counts one try at all three; with a wait, and without having counted, where there were too many.
DECLARE
    one record;
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    at := statement_timestamp();
    BEGIN
        FOR one IN
            INSERT INTO housekeeping.look_up AS known (kind, key, tries, tried_at)
            VALUES ('number', of_number, ARRAY[at], at), ('pair', of_pair, ARRAY[at], at),
                   ('prefix', of_prefix, ARRAY[at], at)
            ON CONFLICT (kind, key) DO UPDATE SET tried_at = excluded.tried_at, tries = (ARRAY(
                SELECT try FROM unnest(known.tries) AS try
                WHERE try > statement_timestamp() - make_interval(mins => minutes)
                ORDER BY try DESC LIMIT most_of_prefix
            ) || excluded.tries)
            RETURNING known.kind, cardinality(known.tries) AS count,
                (SELECT min(try) + make_interval(mins => minutes) FROM unnest(known.tries) AS try) AS free_at
        LOOP
            IF one.kind = 'number' THEN
                tries_at_number := one.count;
            ELSIF one.count > (CASE one.kind WHEN 'pair' THEN most_of_pair ELSE most_of_prefix END) THEN
                wait := coalesce(wait, one.free_at - at);
            END IF;
        END LOOP;
        IF wait IS NOT NULL THEN
            RAISE EXCEPTION USING ERRCODE = 'SK001';
        END IF;
    EXCEPTION WHEN SQLSTATE 'SK001' THEN NULL;  -- takes the counting back
    END;
    RETURN NEXT;
END
$$;
"""

WINDOW_MINUTES = 15

# Whoever holds several counters took them in the order of their kinds: a try and the pardon of another, taken the
# other way round, would wait for each other.
_TAKE = "SELECT * FROM housekeeping.take_try(%s, %s, %s, %s, %s, %s)"

_FORGIVE = """
UPDATE housekeeping.look_up SET tries = array_remove(tries, %s) WHERE (kind, key) IN (
    SELECT kind, key FROM housekeeping.look_up
    WHERE (kind, key) IN (('pair', %s), ('prefix', %s), ('number', %s)) ORDER BY kind FOR UPDATE
) RETURNING set_config('synchronous_commit', 'off', true)
"""

_SWEEP = """
DELETE FROM housekeeping.look_up WHERE (kind, key) IN (
    SELECT kind, key FROM housekeeping.look_up
    WHERE tried_at < now() - make_interval(mins => %s) FOR UPDATE SKIP LOCKED
)
"""


@dataclass(eq=False)
class TooManyTries(Refusal):
    """Too many wrong tries from here; the next is allowed in ``seconds``."""

    seconds: int

    code = "TOO_MANY_TRIES"


@dataclass(frozen=True)
class Try:
    """One try taken; `Tries.forgive` gives it back when it was right."""

    at: datetime
    pair: bytes
    prefix: bytes
    number: bytes


def prefix(address: str) -> str:
    """The part of an address that counts as one neighbour: IPv4 whole, IPv6 /64. Raises: ValueError."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return str(ip.ipv4_mapped)
        return str(ipaddress.ip_network((ip, 64), strict=False).network_address) + "/64"
    return str(ip)


@dataclass(frozen=True)
class Limits:
    """Wrong tries in the window: at one thing from one prefix, from one prefix at anything, and at one thing from
    anywhere, which raises an alarm and nothing else; 0 for none."""

    per_pair: int = 5
    per_prefix: int = 60
    alarm_at: int = 50


class Tries:
    """Counters of tries at one kind of thing. They commit without waiting for the disk: a crash forgives its last
    second at most.

    ``purpose`` keeps the counters of different kinds apart; it is a name of ours and stands in the log.
    """

    def __init__(self, pool: Pool, macs: Macs, purpose: str, limits: Limits | None = None) -> None:
        self._pool = pool
        self._macs = macs
        self._purpose = purpose
        self._limits = limits or Limits()

    def take(self, what: str, address: str) -> Try:
        """Count one try at ``what`` from ``address``, before it is verified.

        Raises: TooManyTries, in which case nothing was counted; ValueError for what is no address; database errors.
        """
        here, limits = prefix(address), self._limits
        of_one = self._macs.mac(f"{self._purpose}-number", what)
        pair = self._macs.mac(f"{self._purpose}-pair", what, here)
        of_prefix = self._macs.mac(f"{self._purpose}-prefix", here)
        asked = (of_one, pair, of_prefix, WINDOW_MINUTES, limits.per_pair, limits.per_prefix)
        with self._pool.connection() as db:
            row = db.execute(_TAKE, asked).fetchone()
        assert row is not None
        at, count, wait = row
        if wait is not None:
            raise TooManyTries(seconds=max(1, round(wait.total_seconds())))
        if count == limits.alarm_at:
            log.critical("it is being guessed", what=self._purpose, which=of_one.hex()[:16], tries=count)
        return Try(at, pair, of_prefix, of_one)

    def forgive(self, taken: Try) -> None:
        """It was right: the try does not count."""
        with self._pool.connection() as db:
            db.execute(_FORGIVE, (taken.at, taken.pair, taken.prefix, taken.number))

    def sweep(self) -> int:
        """Remove counters, of whatever kind, whose window has passed; how many."""
        with self._pool.connection() as db:
            return db.execute(_SWEEP, (WINDOW_MINUTES,)).rowcount
