"""Turning the epoch: every live subject's key is wrapped anew and the old epoch's key ended, so that what was erased
before is gone from every older backup of the key store too.

An epoch is open (whoever is minted is wrapped under it), closed (another is open), disabled (nothing is wrapped under
it any more; its key refuses all use, but could be enabled again) and at last destroyed.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import psycopg
from psycopg import Connection

from ledger.connecting import LINK, rows
from ledger.keyring import RING_LOCK
from ledger.kms import EPOCH, KeysMissing, Kms
from ledger.minting import place

EPOCH_DAYS: Final = 28
"""How long an epoch is open."""
GRACE_DAYS: Final = 7
"""How long its key then stays disabled before it is destroyed: until there is a backup of the key store that was taken
after the turn. With `EPOCH_DAYS` it makes 35 days, the longest that an erased person's key can survive in a backup."""

BATCH: Final = 500
"""Subjects wrapped anew by one statement."""

TURN_LOCK: Final = 1398895211, 7
"""Session lock (``Sark`` in ASCII, see `ledger.barrier`): one at a time turns."""

_NEWEST: Final = "SELECT max(number) FROM keystore.epoch"
_DUE: Final = "SELECT opened_at <= clock_timestamp() - make_interval(days => %s) FROM keystore.epoch WHERE number = %s"
_NEW: Final = "INSERT INTO keystore.epoch (number, fingerprint) VALUES (%s, %s)"
_CLOSE: Final = "UPDATE keystore.epoch SET closed_at = clock_timestamp() WHERE number < %s AND closed_at IS NULL"
_STALE: Final = """
SELECT id, key_id, epoch, wrapped FROM keystore.subject
WHERE id > %s AND epoch < %s AND wrapped IS NOT NULL ORDER BY id LIMIT %s
"""
_REWRAP: Final = """
UPDATE keystore.subject
SET wrapped = anew.wrapped, epoch = %s
FROM unnest(%s::uuid[], %s::integer[], %s::bytea[]) AS anew (id, epoch, wrapped)
WHERE subject.id = anew.id AND subject.epoch = anew.epoch AND subject.wrapped IS NOT NULL
"""
"""Who was erased since it was read stays erased."""
_STILL_NEEDED: Final = "SELECT FROM keystore.subject WHERE epoch < %s AND wrapped IS NOT NULL LIMIT 1"
_END: Final = """
UPDATE keystore.epoch SET disabled_at = clock_timestamp()
WHERE number < %s AND disabled_at IS NULL AND destroyed_at IS NULL
"""
_DISABLED: Final = "SELECT number FROM keystore.epoch WHERE disabled_at IS NOT NULL AND destroyed_at IS NULL"
_DESTROY: Final = """
UPDATE keystore.epoch SET destroyed_at = clock_timestamp()
WHERE disabled_at <= clock_timestamp() - make_interval(days => %s) AND destroyed_at IS NULL
  AND NOT EXISTS (SELECT FROM keystore.subject WHERE subject.epoch = number AND wrapped IS NOT NULL)
"""
_DESTROYED: Final = "SELECT number FROM keystore.epoch WHERE destroyed_at IS NOT NULL"
_ALL: Final = """
SELECT number, opened_at, closed_at, disabled_at, destroyed_at,
       (SELECT count(*) FROM keystore.subject WHERE subject.epoch = number AND wrapped IS NOT NULL)
FROM keystore.epoch ORDER BY number
"""
_ENABLE: Final = "UPDATE keystore.epoch SET disabled_at = NULL WHERE number = %s"
_LOST: Final = """
UPDATE keystore.subject SET wrapped = NULL, erased_at = clock_timestamp() WHERE epoch = ANY(%s) AND wrapped IS NOT NULL
"""
_GONE: Final = """
UPDATE keystore.epoch
SET destroyed_at = now(), closed_at = coalesce(closed_at, now()), disabled_at = coalesce(disabled_at, now())
WHERE number = ANY(%s)
"""
_LATER: Final = """
INSERT INTO keystore.epoch (number, fingerprint, closed_at, disabled_at) VALUES (%s, %s, now(), now())
"""
_FIRST: Final = UUID(int=0)


def turn_epoch(conninfo: str, kms: Kms, *, grace_days: int = 0) -> int:
    """Begin a new epoch and end the ones before it; the new one's number. May be stopped anywhere and called again.

    Keys of epochs that ended ``grace_days`` ago or longer are destroyed. Whoever mints waits for a moment; nothing else
    does. Raises: KeysMissing, Tampered, KmsUnavailable, psycopg.Error.
    """
    with _turning(conninfo) as connection:
        epoch = _begin(connection, kms)
        _finish(connection, kms, grace_days)
        return epoch


def turn_epoch_when_due(conninfo: str, kms: Kms) -> int | None:
    """Turn the epoch if it is `EPOCH_DAYS` old, finish a turning that stopped, destroy keys `GRACE_DAYS` disabled.

    The newest epoch if anything was done. To be called daily; of two callers at once the second waits. Raises as
    `turn_epoch`.
    """
    with _turning(conninfo) as connection:
        epoch = newest_epoch(connection)
        due = rows(connection, _DUE, (EPOCH_DAYS, epoch))[0][0]
        if due:
            epoch = _begin(connection, kms)
        done = _finish(connection, kms, GRACE_DAYS)
        return epoch if due or done else None


@dataclass(frozen=True)
class EpochState:
    """One epoch: when it was opened, closed, disabled and destroyed (UTC), and whose keys it still wraps."""

    number: int
    opened_at: datetime
    closed_at: datetime | None
    disabled_at: datetime | None
    destroyed_at: datetime | None
    subjects: int
    has_key: bool
    """Whether the key management service holds its key."""

    @property
    def fault(self) -> str | None:
        """What is wrong with it, in words."""
        if self.subjects and self.destroyed_at:
            return "destroyed, and keys are wrapped under it: the key store was restored from before the turn"
        if self.has_key and self.destroyed_at:
            return "its key is still there: turn again"
        if not self.has_key and not self.destroyed_at:
            return "its key is missing"
        if self.subjects and self.disabled_at:
            return "disabled, and keys are wrapped under it"
        return None


def epochs(connection: Connection[Any], kms: Kms) -> list[EpochState]:
    """Every epoch of the key store, the oldest first. Raises: KeysMissing in one that was never opened."""
    newest_epoch(connection)
    there = set(kms.versions(EPOCH))
    return [EpochState(*found, has_key=found[0] in there) for found in rows(connection, _ALL)]


def newest_epoch(connection: Connection[Any]) -> int:
    """The number of the epoch that was opened last. Raises: KeysMissing in a key store that was never opened."""
    there = rows(connection, "SELECT to_regclass('keystore.epoch') IS NOT NULL")[0][0]
    newest = rows(connection, _NEWEST)[0][0] if there else None
    if newest is None:
        raise KeysMissing("the key store has no epoch yet: run `sarkmeli migrate`")
    return newest


class KeysLost(KeysMissing):
    """The restored key store's keys are under epochs that were ended since: it is older than the last turn but one."""

    def __init__(self, epochs: Sequence[int], persons: int) -> None:
        super().__init__(
            f"the keys of {persons} persons in this key store are under epoch {', '.join(map(str, epochs))}, whose key "
            "was destroyed: the backup is older than it may be. Restore one that was taken after the last turn. If "
            "there is none, these persons' data are gone for ever: repeat with --accept-loss, and they read as erased"
        )
        self.persons = persons


@dataclass(frozen=True)
class Mended:
    """What became of the epochs of a restored key store."""

    epoch: int
    """That is open now."""
    enabled: tuple[int, ...]
    lost: int
    """Persons whose keys no longer exist and who read as erased from now on."""


def mend_epochs(conninfo: str, kms: Kms, *, accept_loss: bool = False) -> Mended:
    """Make a restored key store and the key management service, which was not restored, belong together again.

    Keys that were disabled since are enabled, those of epochs that this key store does not know end in `GRACE_DAYS`,
    and a new epoch is begun under which every key is wrapped. May be repeated. Raises: KeysLost, KeysMissing for
    another's keys, KmsUnavailable, psycopg.Error.
    """
    with _turning(conninfo) as connection:
        known = epochs(connection, kms)
        ended = [one for one in known if not one.has_key]
        lost = sum(one.subjects for one in ended)
        if lost and not accept_loss:
            raise KeysLost([one.number for one in ended if one.subjects], lost)
        needed = [one for one in known if one.has_key and (one.subjects or not one.closed_at)]
        enabled = [one.number for one in needed if _mend(connection, kms, one.number)]
        with connection.transaction():
            numbers = [one.number for one in ended]
            connection.execute(_LOST, (numbers,))
            connection.execute(_GONE, ([one.number for one in ended if not one.destroyed_at],))
        for later in sorted(set(kms.versions(EPOCH)) - {one.number for one in known}):
            kms.enable(EPOCH, later)
            connection.execute(_LATER, (later, kms.fingerprint(EPOCH, later)))
            kms.disable(EPOCH, later)
        epoch = _begin(connection, kms)
        _finish(connection, kms, GRACE_DAYS)
        return Mended(epoch, tuple(enabled), lost)


def _mend(connection: Connection[Any], kms: Kms, number: int) -> bool:
    """Have the epoch's key work again; whether it did not. Raises: KeysMissing."""
    try:
        found, worked = kms.fingerprint(EPOCH, number), True
    except KeysMissing:
        kms.enable(EPOCH, number)
        connection.execute(_ENABLE, (number,))
        found, worked = kms.fingerprint(EPOCH, number), False
    if rows(connection, "SELECT fingerprint FROM keystore.epoch WHERE number = %s", (number,)) != [(found,)]:
        raise KeysMissing(f"the key epoch-{number} is not the one that this key store was made with")
    return not worked


@contextmanager
def _turning(conninfo: str) -> Generator[Connection[Any]]:
    with psycopg.connect(conninfo, autocommit=True, **LINK) as connection:
        connection.execute("SELECT pg_advisory_lock(%s, %s)", TURN_LOCK)
        yield connection


def _begin(connection: Connection[Any], kms: Kms) -> int:
    """A new epoch. Its key is there before its row is, so that nobody wraps under a key that is not."""
    with _nobody_minting(connection):
        epoch = newest_epoch(connection) + 1
        kms.create(EPOCH, epoch)
        kms.enable(EPOCH, epoch)  # of a turn that was lost by a restore
        connection.execute(_NEW, (epoch, kms.fingerprint(EPOCH, epoch)))
        connection.execute(_CLOSE, (epoch,))
        return epoch


def _finish(connection: Connection[Any], kms: Kms, grace_days: int) -> bool:
    """Wrap what older epochs still hold under the newest, disable their keys, destroy those past their grace.

    Whether there was anything to do. The table says first what the keys then become: a stop in between leaves a key too
    many, which the next call ends, and never one too few.
    """
    newest = newest_epoch(connection)
    done = False
    while True:
        done |= _rewrap_all(connection, kms, newest)
        with _nobody_minting(connection):
            if not rows(connection, _STILL_NEEDED, (newest,)):
                done |= connection.execute(_END, (newest,)).rowcount > 0
                done |= connection.execute(_DESTROY, (grace_days,)).rowcount > 0
                break
    there = set(kms.versions(EPOCH))
    for (number,) in rows(connection, _DISABLED):
        kms.disable(EPOCH, number)
    for (number,) in rows(connection, _DESTROYED):
        if number in there:
            kms.destroy(EPOCH, number)
    return done


def _rewrap_all(connection: Connection[Any], kms: Kms, newest: int) -> bool:
    """Wrap anew, batch by batch; whether there was any. The keys are worked with while no row is locked."""
    after, done = _FIRST, False
    while stale := rows(connection, _STALE, (after, newest, BATCH)):
        after, done = stale[-1][0], True
        secrets = [kms.unwrap(EPOCH, old, wrapped, place(subject, key_id)) for subject, key_id, old, wrapped in stale]
        anew = [
            kms.wrap(EPOCH, newest, secret, place(subject, key_id))
            for secret, (subject, key_id, _, _) in zip(secrets, stale, strict=True)
        ]
        connection.execute(_REWRAP, (newest, [row[0] for row in stale], [row[2] for row in stale], anew))
    return done


@contextmanager
def _nobody_minting(connection: Connection[Any]) -> Generator[None]:
    """A transaction in which no subject is minted, and none under way was begun under another epoch."""
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s, %s)", RING_LOCK)
        yield
