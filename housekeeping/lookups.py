"""Throttles guessing: wrong tries at a number's code are counted in PostgreSQL, each taken before it is verified.

Five in 15 minutes per (number, address prefix), 60 per prefix over all numbers, both over a sliding window. Over all
addresses a number only raises an alarm, so that nobody can lock a holder out. No database, no try: it fails closed.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

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
_TAKE = """
INSERT INTO housekeeping.look_up AS known (kind, key, tries, tried_at)
VALUES ('number', %s, ARRAY[statement_timestamp()], statement_timestamp()),
       ('pair', %s, ARRAY[statement_timestamp()], statement_timestamp()),
       ('prefix', %s, ARRAY[statement_timestamp()], statement_timestamp())
ON CONFLICT (kind, key) DO UPDATE SET tried_at = excluded.tried_at, tries = (ARRAY(
    SELECT try FROM unnest(known.tries) AS try
    WHERE try > statement_timestamp() - make_interval(mins => %s) ORDER BY try DESC LIMIT %s
) || excluded.tries)
RETURNING kind, cardinality(tries), statement_timestamp(), (
    SELECT min(try) + make_interval(mins => %s) - statement_timestamp() FROM unnest(tries) AS try
)
"""

_FORGIVE = """
UPDATE housekeeping.look_up SET tries = array_remove(tries, %s) WHERE (kind, key) IN (
    SELECT kind, key FROM housekeeping.look_up
    WHERE (kind, key) IN (('pair', %s), ('prefix', %s), ('number', %s)) ORDER BY kind FOR UPDATE
)
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
        with self._pool.connection() as db, db.transaction():
            db.execute("SET LOCAL synchronous_commit = off")
            counted: dict[str, Any] = {
                kind: rest
                for kind, *rest in db.execute(
                    _TAKE, (of_number, pair, of_prefix, WINDOW_MINUTES, PER_PREFIX, WINDOW_MINUTES)
                ).fetchall()
            }
            for kind, limit in (("pair", PER_PAIR), ("prefix", PER_PREFIX)):
                count, at, left = counted[kind]
                if count > limit:
                    raise TooManyTries(seconds=max(1, round(left.total_seconds())))
        count, at, _ = counted["number"]
        if count == ALARM_AT:
            log.critical("a number's code is being guessed", number=of_number.hex()[:16], tries=count)
        return Try(at, pair, of_prefix, of_number)

    def forgive(self, taken: Try) -> None:
        """The code was right: the try does not count."""
        with self._pool.connection() as db, db.transaction():
            db.execute("SET LOCAL synchronous_commit = off")
            db.execute(_FORGIVE, (taken.at, taken.pair, taken.prefix, taken.number))

    def sweep(self) -> int:
        """Remove counters whose window has passed; how many."""
        with self._pool.connection() as db:
            return db.execute(_SWEEP, (WINDOW_MINUTES,)).rowcount
