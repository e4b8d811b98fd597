"""Turning the epoch: every live subject's key is wrapped anew and the old epoch's key destroyed, so that what was
erased before is gone from every older backup of the key store too.
"""

from __future__ import annotations

from typing import Any, Final

import psycopg
from psycopg import Connection

from ledger.connecting import LINK, rows
from ledger.keyring import RING_LOCK
from ledger.keys import place
from ledger.kms import Kms

EPOCH_DAYS: Final = 35
"""How long an epoch lasts: the longest that an erased person's key can survive in a backup."""

BATCH: Final = 500

_NEWEST: Final = "SELECT max(number) FROM keystore.epoch"
_STATE: Final = """
SELECT number, opened_at <= clock_timestamp() - make_interval(days => %s),
       EXISTS (SELECT FROM keystore.epoch older WHERE older.number < newest.number AND older.destroyed_at IS NULL)
FROM keystore.epoch newest ORDER BY number DESC LIMIT 1
"""
_NEW: Final = "INSERT INTO keystore.epoch (number, fingerprint) VALUES (%s, %s)"
_CLOSE: Final = "UPDATE keystore.epoch SET closed_at = clock_timestamp() WHERE number < %s AND closed_at IS NULL"
_STALE: Final = """
SELECT id, key_id, epoch, wrapped FROM keystore.subject
WHERE epoch < %s AND wrapped IS NOT NULL LIMIT %s FOR UPDATE SKIP LOCKED
"""
_REWRAP: Final = "UPDATE keystore.subject SET wrapped = %s, epoch = %s WHERE id = %s AND epoch = %s"
_STILL_NEEDED: Final = "SELECT FROM keystore.subject WHERE epoch < %s AND wrapped IS NOT NULL LIMIT 1"
_DESTROYED: Final = (
    "UPDATE keystore.epoch SET destroyed_at = clock_timestamp() WHERE number < %s AND destroyed_at IS NULL"
)
_TO_DESTROY: Final = "SELECT number FROM keystore.epoch WHERE destroyed_at IS NOT NULL"


def turn_epoch(conninfo: str, kms: Kms) -> int:
    """Begin a new epoch and end the ones before it; the new one's number. May be stopped anywhere and called again.

    Whoever mints waits for a moment; nothing else does.
    """
    with psycopg.connect(conninfo, autocommit=True, **LINK) as connection:
        epoch = _begin(connection, kms, rows(connection, _NEWEST)[0][0])
        finish_turning(connection, kms, epoch)
        return epoch


def turn_epoch_when_due(conninfo: str, kms: Kms) -> int | None:
    """Turn the epoch if the newest is `EPOCH_DAYS` old, finish a turning that stopped halfway; the epoch if any was.

    To be called daily. Two callers at once do no harm: one begins, both finish.
    """
    with psycopg.connect(conninfo, autocommit=True, **LINK) as connection:
        epoch, due, stopped = rows(connection, _STATE, (EPOCH_DAYS,))[0]
        if due:
            epoch = _begin(connection, kms, epoch)
        elif not stopped:
            _destroy_ended(connection, kms)
            return None
        finish_turning(connection, kms, epoch)
        return epoch


def finish_turning(connection: Connection[Any], kms: Kms, epoch: int) -> None:
    """Wrap what older epochs still hold under ``epoch``, then destroy their keys: also after a turning that stopped."""
    while True:
        while _rewrap(connection, kms, epoch):
            pass
        with connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(%s, %s)", RING_LOCK)
            if not rows(connection, _STILL_NEEDED, (epoch,)):
                connection.execute(_DESTROYED, (epoch,))
                break
    _destroy_ended(connection, kms)


def _destroy_ended(connection: Connection[Any], kms: Kms) -> None:
    """Destroy what the table says is destroyed: it says so first, so that a stop in between leaves no gap."""
    for (old,) in rows(connection, _TO_DESTROY):
        kms.destroy("epoch", old)


def _begin(connection: Connection[Any], kms: Kms, after: int) -> int:
    """The epoch that follows ``after``, begun unless another caller has begun it meanwhile."""
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s, %s)", RING_LOCK)
        newest: int = rows(connection, _NEWEST)[0][0]
        if newest > after:
            return newest
        epoch = newest + 1
        kms.create("epoch", epoch)
        connection.execute(_NEW, (epoch, kms.fingerprint("epoch", epoch)))
        connection.execute(_CLOSE, (epoch,))
        return epoch


def _rewrap(connection: Connection[Any], kms: Kms, epoch: int) -> bool:
    """Wrap a batch anew; whether there was any."""
    with connection.transaction():
        stale = rows(connection, _STALE, (epoch, BATCH))
        for subject, key_id, old, wrapped in stale:
            secret = kms.unwrap("epoch", old, wrapped, place(subject, key_id))
            connection.execute(_REWRAP, (kms.wrap("epoch", epoch, secret, place(subject, key_id)), epoch, subject, old))
        return bool(stale)
