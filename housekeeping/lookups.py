"""Throttles guessing: wrong tries at a number's code are counted in PostgreSQL, each taken before it is verified.

Five in 15 minutes per (number, address prefix), 60 per prefix over all numbers, both over a sliding window. Over all
addresses a number only raises an alarm, so that nobody can lock a holder out. No database, no try: it fails closed.
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
PER_PAIR = 5
"""Wrong tries allowed in the window at one number from one prefix."""
PER_PREFIX = 60
"""Wrong tries allowed in the window from one prefix, over all numbers."""
ALARM_AT = 50
"""Wrong tries in the window at one number, over all prefixes, that raise an alarm and nothing else."""

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
    """Too many wrong codes from here; the next try is allowed in ``seconds``."""

    seconds: int

    code = "TOO_MANY_TRIES"


@dataclass(frozen=True)
class Try:
    """One try taken; `Lookups.forgive` gives it back when the code was right."""

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


class Lookups:
    """The counters. They commit without waiting for the disk: a crash forgives its last second at most."""

    def __init__(self, pool: Pool, macs: Macs) -> None:
        self._pool = pool
        self._macs = macs

    def take(self, number: str, address: str) -> Try:
        """Count one try at ``number``'s code from ``address``, before it is verified.

        Raises: TooManyTries, in which case nothing was counted; ValueError for what is no address; database errors.
        """
        here = prefix(address)
        of_number = self._macs.mac("look-up-number", number)
        pair = self._macs.mac("look-up-pair", number, here)
        of_prefix = self._macs.mac("look-up-prefix", here)
        asked = (of_number, pair, of_prefix, WINDOW_MINUTES, PER_PAIR, PER_PREFIX)
        with self._pool.connection() as db:
            row = db.execute(_TAKE, asked).fetchone()
        assert row is not None
        at, count, wait = row
        if wait is not None:
            raise TooManyTries(seconds=max(1, round(wait.total_seconds())))
        if count == ALARM_AT:
            log.critical("a number's code is being guessed", number=of_number.hex()[:16], tries=count)
        return Try(at, pair, of_prefix, of_number)

    def forgive(self, taken: Try) -> None:
        """The code was right: the try does not count."""
        with self._pool.connection() as db:
            db.execute(_FORGIVE, (taken.at, taken.pair, taken.prefix, taken.number))

    def sweep(self) -> int:
        """Remove counters whose window has passed; how many."""
        with self._pool.connection() as db:
            return db.execute(_SWEEP, (WINDOW_MINUTES,)).rowcount
