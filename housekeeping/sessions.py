"""Staff sessions of browsers: opened at sign-in, ended by signing out, by half an hour's rest, or by the working day.

The browser holds the secret, the table its digest; who it is stands sealed. A role taken away at the provider counts
from the next sign-in, so a session is short.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from typing import LiteralString

from domain.people import STAFF, Role
from housekeeping.pool import OfficeSeal, Pool
from ledger.keys import Tampered

DDL = """
CREATE TABLE IF NOT EXISTS housekeeping.session (
    secret     bytea       PRIMARY KEY,   -- SHA-256 of 256 random bits
    person     bytea       NOT NULL,      -- keyed digest of the person claim
    sealed     bytea       NOT NULL,      -- person, account, name, roles, personal number, service centre
    seen_at    timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);
CREATE INDEX IF NOT EXISTS session_person ON housekeeping.session (person);
CREATE INDEX IF NOT EXISTS session_expires_at ON housekeeping.session (expires_at);
"""

REST_MINUTES = 30
"""A session not used for so long has ended."""
DAY_HOURS = 10
"""And it ends after so long however much it is used."""
PURPOSE = "session"

_LIVE: LiteralString = "expires_at > now() AND seen_at > now() - make_interval(mins => %(rest)s)"

_OPEN = """
INSERT INTO housekeeping.session (secret, person, sealed, expires_at)
VALUES (%s, %s, %s, now() + make_interval(hours => %s))
"""
_FIND = f"""
WITH seen AS (
    UPDATE housekeeping.session SET seen_at = now()
    WHERE secret = %(secret)s AND {_LIVE} AND seen_at < now() - interval '1 minute'
)
SELECT sealed FROM housekeeping.session WHERE secret = %(secret)s AND {_LIVE}
"""  # noqa: S608 - our own piece
_CLOSE = "DELETE FROM housekeeping.session WHERE secret = %s"
_CLOSE_ALL = "DELETE FROM housekeeping.session WHERE person = %s"
_SWEEP = f"DELETE FROM housekeeping.session WHERE NOT ({_LIVE})"  # noqa: S608 - our own piece


@dataclass(frozen=True)
class StaffSession:
    """Who signed in. ``person`` is the provider's stable person claim, ``account`` the account used."""

    person: str
    account: str
    name: str
    roles: frozenset[Role]
    personal_number: str | None = None
    centre: str | None = None


class Sessions:
    """The sessions of staff browsers."""

    def __init__(self, pool: Pool, keys: OfficeSeal) -> None:
        self._pool = pool
        self._keys = keys

    def open(
        self,
        *,
        person: str,
        account: str,
        name: str,
        roles: Collection[Role],
        personal_number: str | None = None,
        centre: str | None = None,
    ) -> str:
        """A new session; its secret, for a ``__Host-`` cookie. Raises: ValueError if a role is none of the staff's."""
        if not roles or not STAFF.issuperset(roles):
            raise ValueError("only staff have sessions")
        secret = secrets.token_urlsafe(32)
        held = sorted(role.value for role in roles)
        said = json.dumps([person, account, name, held, personal_number, centre]).encode()
        sealed = self._keys.seal_for_office(PURPOSE, said)
        with self._pool.connection() as db:
            db.execute(_OPEN, (_digest(secret), self._person(person), sealed, DAY_HOURS))
        return secret

    def find(self, secret: str) -> StaffSession | None:
        """The live session with this secret."""
        with self._pool.connection() as db:
            row = db.execute(_FIND, {"secret": _digest(secret), "rest": REST_MINUTES}).fetchone()
        if row is None:
            return None
        try:
            person, account, name, roles, personal_number, centre = json.loads(
                self._keys.open_for_office(PURPOSE, row[0])
            )
        except (Tampered, ValueError):  # also one of an earlier release, which said less: they sign in again
            return None
        return StaffSession(person, account, name, frozenset(Role(role) for role in roles), personal_number, centre)

    def close(self, secret: str) -> None:
        """Sign out here."""
        with self._pool.connection() as db:
            db.execute(_CLOSE, (_digest(secret),))

    def close_all(self, person: str) -> int:
        """Sign this person out everywhere; of how many sessions."""
        with self._pool.connection() as db:
            return db.execute(_CLOSE_ALL, (self._person(person),)).rowcount

    def sweep(self) -> int:
        """Remove ended sessions; how many."""
        with self._pool.connection() as db:
            return db.execute(_SWEEP, {"rest": REST_MINUTES}).rowcount

    def _person(self, person: str) -> bytes:
        return self._keys.mac("session-person", person)


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode(errors="surrogatepass")).digest()
