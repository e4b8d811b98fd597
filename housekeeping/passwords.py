"""Password hashes of taxpayers: argon2id, sealed, one row for each command that set a password.

A hash counts only if the registration's history says that its command set the password. It is written before that
history, so what no event followed counts for nothing, and the one before still does; see `domain.taxpayer.accounts`.
"""

from __future__ import annotations

import os
import re
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from threading import BoundedSemaphore
from typing import Self
from uuid import UUID

import structlog
from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

from domain.taxpayer.accounts import Counts
from housekeeping.pool import OfficeSeal, Pool
from ledger.keys import Tampered

log = structlog.get_logger()

DDL = """
CREATE TABLE IF NOT EXISTS housekeeping.password (
    registration uuid        NOT NULL,
    command      uuid        NOT NULL,   -- that set it
    sealed       bytea       NOT NULL,   -- both of these, and the hash in PHC notation
    draw         uuid        NOT NULL DEFAULT gen_random_uuid(),  -- where it lies among those drawn as decoys
    kept_at      timestamptz NOT NULL DEFAULT now(),
    look_at      timestamptz DEFAULT now() + interval '1 minute',  -- when to ask whether it counts; null: it does
    PRIMARY KEY (registration, command)
);
CREATE INDEX IF NOT EXISTS password_draw ON housekeeping.password (draw);
CREATE INDEX IF NOT EXISTS password_look_at ON housekeeping.password (look_at) WHERE look_at IS NOT NULL;
"""

PURPOSE = "password"
AT_ONCE = 4
"""Hashes made or verified at once in one process: each takes its cost's memory."""
HOURS = 24
"""A hash that no event has followed for so long is removed: no command is under way any more."""
SWEPT_AT_ONCE = 500
AGAIN = {Counts.FOR_GOOD: None, Counts.FOR_NOW: "1 day"}
"""When to ask again of what counts."""

_KEEP = """
INSERT INTO housekeeping.password (registration, command, sealed) VALUES (%s, %s, %s)
ON CONFLICT (registration, command) DO UPDATE SET kept_at = excluded.kept_at, look_at = excluded.look_at
"""
# Both halves are read whether or not the first has a row: what is asked for, or else the decoy.
_FIND = """
SELECT registration, command, sealed, true AS asked FROM housekeeping.password WHERE (registration, command) = (%s, %s)
UNION ALL
(SELECT registration, command, sealed, false FROM housekeeping.password WHERE draw >= %s ORDER BY draw LIMIT 1)
ORDER BY asked DESC LIMIT 1
"""
_HASH_ANEW = "UPDATE housekeeping.password SET sealed = %s WHERE (registration, command, sealed) = (%s, %s, %s)"
_FORGET = "DELETE FROM housekeeping.password WHERE registration = %s"
# Whatever is taken is due again in an hour: one that nobody can tell about keeps no other from being looked at.
_TO_LOOK_AT = """
UPDATE housekeeping.password AS known SET look_at = now() + interval '1 hour'
FROM (
    SELECT registration, command FROM housekeeping.password
    WHERE look_at < now() ORDER BY look_at LIMIT %s FOR UPDATE SKIP LOCKED
) AS due
WHERE (known.registration, known.command) = (due.registration, due.command)
RETURNING known.registration, known.command, kept_at, kept_at < now() - make_interval(hours => %s)
"""
_COUNTS = """
UPDATE housekeeping.password SET look_at = now() + %(again)s::interval
WHERE (registration, command, kept_at) = (%(registration)s, %(command)s, %(kept)s)
"""
_REPLACED = """
DELETE FROM housekeeping.password
WHERE registration = %(registration)s AND command <> %(command)s AND kept_at < %(kept)s
"""
_REMOVE = """
DELETE FROM housekeeping.password WHERE (registration, command, kept_at) = (%(registration)s, %(command)s, %(kept)s)
"""


@dataclass(frozen=True)
class Cost:
    """What one hash costs: memory in KiB, passes over it, lanes. Source: RFC 9106, 4, the second recommended option,
    for where a process cannot have 2 GiB for each."""

    memory: int = 65536
    passes: int = 3
    lanes: int = 4

    @classmethod
    def read(cls, text: str) -> Self:
        """From PHC's own notation, as ``m=65536,t=3,p=4``. Raises: ValueError."""
        found = re.fullmatch(r"m=(\d{1,7}),t=(\d{1,3}),p=(\d{1,2})", text)
        if found is None:
            raise ValueError("a cost is written like m=65536,t=3,p=4")
        memory, passes, lanes = map(int, found.groups())
        if not (passes and lanes and memory >= 8 * lanes):
            raise ValueError("argon2 takes one pass and one lane at least, and 8 KiB of memory for each lane")
        return cls(memory, passes, lanes)

    @property
    def is_enough(self) -> bool:
        """For a public service. Source: OWASP's Password Storage Cheat Sheet, whose five choices for argon2id give all
        about the same product of memory and passes; the least is taken."""
        return self.memory >= 7168 and self.memory * self.passes >= 7168 * 5


class Passwords:
    """Implements ``domain.taxpayer.commands.Passwords``. Safe for many threads; see `AT_ONCE`."""

    def __init__(self, pool: Pool, keys: OfficeSeal, cost: Cost | None = None, at_once: int = AT_ONCE) -> None:
        cost = cost or Cost()
        self._pool = pool
        self._keys = keys
        self._hasher = PasswordHasher(cost.passes, cost.memory, cost.lanes)
        self._turns = BoundedSemaphore(at_once)
        self._decoy = _nobodys(cost)

    def keep(self, registration: UUID, command: UUID, password: str) -> None:
        """Keep the hash as the one that ``command`` sets for ``registration``, committed before this returns.

        It counts from the event on that follows it; one that no event follows is swept. A command keeps one hash, its
        first: once it is history, nothing that comes under the same id changes the password.
        """
        sealed = self._seal(registration, command, self._hash(password))
        with self._pool.connection() as db:
            db.execute(_KEEP, (registration, command, sealed))

    def verify(self, registration: UUID | None, command: UUID | None, password: str, asked: str) -> bool:
        """Whether this is the password that ``command`` set for ``registration``; never, if there is none of them.

        One statement and one verification in any case. In place of a hash that is not there another one is verified
        for nothing, of whatever cost hashes have here, and always the same for one thing ``asked`` for: so that after
        a change of the cost the time does not tell either who has an account.
        """
        nobody = UUID(int=0)
        draw = UUID(bytes=self._keys.mac("password-decoy", asked)[-16:])
        with self._pool.connection() as db:
            row = db.execute(_FIND, (registration or nobody, command or nobody, draw)).fetchone()
        kept = self._open(row[0], row[1], row[2]) if row is not None else None
        right = self._is_right(kept or self._decoy, password)
        if row is None or kept is None or not row[3] or not right:
            return False
        if self._hasher.check_needs_rehash(kept):
            anew = self._seal(row[0], row[1], self._hash(password))
            with self._pool.connection() as db:
                db.execute(_HASH_ANEW, (anew, row[0], row[1], row[2]))
        return True

    def forget(self, registration: UUID) -> None:
        """Remove every hash of a registration."""
        with self._pool.connection() as db:
            db.execute(_FORGET, (registration,))

    def sweep(self, counts: Callable[[UUID, UUID], Counts]) -> int:
        """Remove hashes that do not count, and those that another has replaced; how many.

        ``counts(registration, command)`` says what history makes of one. Raises: what it raises.
        """
        removed = 0
        with self._pool.connection() as db:
            found = db.execute(_TO_LOOK_AT, (SWEPT_AT_ONCE, HOURS)).fetchall()
        for registration, command, kept_at, is_old in found:
            verdict = counts(registration, command)
            row = {"registration": registration, "command": command, "kept": kept_at}
            with self._pool.connection() as db, db.transaction():
                if verdict is Counts.NOT:
                    removed += db.execute(_REMOVE, row).rowcount if is_old else 0
                elif db.execute(_COUNTS, {**row, "again": AGAIN[verdict]}).rowcount:
                    removed += db.execute(_REPLACED, row).rowcount
        return removed

    def _hash(self, password: str) -> str:
        with self._turns:
            return self._hasher.hash(_bytes(password))

    def _is_right(self, kept: str, password: str) -> bool:
        with self._turns:
            try:
                return self._hasher.verify(kept, _bytes(password))
            except VerifyMismatchError:
                return False

    def _seal(self, registration: UUID, command: UUID, hashed: str) -> bytes:
        """Bound to its row: an exchanged one opens for nobody else."""
        return self._keys.seal_for_office(PURPOSE, registration.bytes + command.bytes + hashed.encode())

    def _open(self, registration: UUID, command: UUID, sealed: bytes) -> str | None:
        try:
            opened = self._keys.open_for_office(PURPOSE, sealed)
        except Tampered:
            opened = b""
        if opened[:32] != registration.bytes + command.bytes:
            log.error("a password's hash was tampered with", registration=str(registration))
            return None
        return opened[32:].decode()


def _nobodys(cost: Cost) -> str:
    """A hash of this cost that no password has, as far as anybody knows: chance wrote it."""
    salt, digest = (b64encode(os.urandom(size)).decode().rstrip("=") for size in (16, 32))
    return f"$argon2id$v=19$m={cost.memory},t={cost.passes},p={cost.lanes}${salt}${digest}"


def _bytes(password: str) -> bytes:
    return password.encode("utf-8", "surrogatepass")
