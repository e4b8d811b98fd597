"""Sessions of taxpayers who signed in: ended by signing out, by half an hour's rest, by the day, by a new password.

A session knows which command set the password that opened it. So it is over the moment history says that another did,
however the password was changed and whatever happened to the process that changed it; removing the row only tidies.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from typing import LiteralString
from uuid import UUID

from housekeeping.pool import Pool

DDL = """
CREATE TABLE IF NOT EXISTS housekeeping.taxpayer_session (
    secret       bytea       PRIMARY KEY,   -- SHA-256 of 256 random bits
    registration uuid        NOT NULL,
    password_of  uuid        NOT NULL,      -- the command that set the password which opened it
    seen_at      timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz NOT NULL
);
CREATE INDEX IF NOT EXISTS taxpayer_session_registration ON housekeeping.taxpayer_session (registration);
CREATE INDEX IF NOT EXISTS taxpayer_session_expires_at ON housekeeping.taxpayer_session (expires_at);
"""

REST_MINUTES = 30
"""A session not used for so long has ended."""
DAY_HOURS = 10
"""And it ends after so long however much it is used."""

_LIVE: LiteralString = "expires_at > now() AND seen_at > now() - make_interval(mins => %(rest)s)"

_OPEN = """
INSERT INTO housekeeping.taxpayer_session (secret, registration, password_of, expires_at)
VALUES (%s, %s, %s, now() + make_interval(hours => %s))
"""
_FIND = f"""
WITH seen AS (
    UPDATE housekeeping.taxpayer_session SET seen_at = now()
    WHERE secret = %(secret)s AND {_LIVE} AND seen_at < now() - interval '1 minute'
)
SELECT registration, password_of FROM housekeeping.taxpayer_session WHERE secret = %(secret)s AND {_LIVE}
"""  # noqa: S608 - our own piece
_CLOSE = "DELETE FROM housekeeping.taxpayer_session WHERE secret = %s"
_CLOSE_OTHERS = "DELETE FROM housekeeping.taxpayer_session WHERE registration = %s AND secret <> %s"
_FORGET = "DELETE FROM housekeeping.taxpayer_session WHERE registration = %s"
_SWEEP = f"DELETE FROM housekeeping.taxpayer_session WHERE NOT ({_LIVE})"  # noqa: S608 - our own piece


@dataclass(frozen=True)
class TaxpayerSession:
    """Who signed in, and with which password: the one that this command set. Compare it with the account's own."""

    registration: UUID
    password_of: UUID


class TaxpayerSessions:
    """The sessions of taxpayers' browsers and programs."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def open(self, registration: UUID, password_of: UUID) -> str:
        """A new session; its secret, for a ``__Host-`` cookie."""
        secret = secrets.token_urlsafe(32)
        with self._pool.connection() as db:
            db.execute(_OPEN, (_digest(secret), registration, password_of, DAY_HOURS))
        return secret

    def find(self, secret: str) -> TaxpayerSession | None:
        """The session with this secret, unless it rested too long, or the day is over."""
        with self._pool.connection() as db:
            row = db.execute(_FIND, {"secret": _digest(secret), "rest": REST_MINUTES}).fetchone()
        return TaxpayerSession(row[0], row[1]) if row is not None else None

    def close(self, secret: str) -> None:
        """Sign out here."""
        with self._pool.connection() as db:
            db.execute(_CLOSE, (_digest(secret),))

    def close_others(self, registration: UUID, but: str) -> int:
        """Remove every session of a registration but the one with this secret; how many."""
        with self._pool.connection() as db:
            return db.execute(_CLOSE_OTHERS, (registration, _digest(but))).rowcount

    def forget(self, registration: UUID) -> None:
        """Remove every session of a registration."""
        with self._pool.connection() as db:
            db.execute(_FORGET, (registration,))

    def sweep(self) -> int:
        """Remove ended sessions; how many."""
        with self._pool.connection() as db:
            return db.execute(_SWEEP, {"rest": REST_MINUTES}).rowcount


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode(errors="surrogatepass")).digest()
