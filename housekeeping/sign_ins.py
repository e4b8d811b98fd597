"""Staff sign-ins under way: what the office must remember between sending a browser to the provider and its return.

A sign-in is taken once, by the browser that began it: its ``browser`` secret travels in a cookie, its ``state`` through
the provider, and both must come back together.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass

from housekeeping.pool import OfficeSeal, Pool
from ledger.keys import Tampered

DDL = """
CREATE TABLE IF NOT EXISTS housekeeping.sign_in (
    state      bytea       PRIMARY KEY,   -- SHA-256 of 256 random bits
    browser    bytea       NOT NULL,      -- as above
    sealed     bytea       NOT NULL,      -- nonce, PKCE verifier, where to return
    expires_at timestamptz NOT NULL
);
CREATE INDEX IF NOT EXISTS sign_in_expires_at ON housekeeping.sign_in (expires_at);
"""

MINUTES = 10
"""How long a person may take at the provider."""
PURPOSE = "sign-in"

_BEGIN = """
INSERT INTO housekeeping.sign_in (state, browser, sealed, expires_at)
VALUES (%s, %s, %s, now() + make_interval(mins => %s))
"""
_TAKE = """
DELETE FROM housekeeping.sign_in WHERE state = %s AND browser = %s RETURNING sealed, expires_at > now()
"""
_SWEEP = "DELETE FROM housekeeping.sign_in WHERE expires_at < now()"


@dataclass(frozen=True)
class SignIn:
    """One sign-in under way. Everything in it is a fresh secret but ``return_to``, a path of our own."""

    state: str
    browser: str
    nonce: str
    verifier: str
    return_to: str


class SignIns:
    """Begins sign-ins and takes each back once."""

    def __init__(self, pool: Pool, keys: OfficeSeal) -> None:
        self._pool = pool
        self._keys = keys

    def begin(self, return_to: str) -> SignIn:
        """A new sign-in; the caller has checked that ``return_to`` is a path of our own."""
        fresh = SignIn(
            state=secrets.token_urlsafe(32),
            browser=secrets.token_urlsafe(32),
            nonce=secrets.token_urlsafe(32),
            verifier=secrets.token_urlsafe(48),
            return_to=return_to,
        )
        sealed = self._keys.seal_for_office(PURPOSE, json.dumps([fresh.nonce, fresh.verifier, return_to]).encode())
        with self._pool.connection() as db:
            db.execute(_BEGIN, (_digest(fresh.state), _digest(fresh.browser), sealed, MINUTES))
        return fresh

    def take(self, state: str, browser: str) -> SignIn | None:
        """The sign-in that this browser began, once; None if there is none, or it took too long."""
        with self._pool.connection() as db:
            row = db.execute(_TAKE, (_digest(state), _digest(browser))).fetchone()
        if row is None or not row[1]:
            return None
        try:
            nonce, verifier, return_to = json.loads(self._keys.open_for_office(PURPOSE, row[0]))
        except Tampered:
            return None
        return SignIn(state, browser, nonce, verifier, return_to)

    def sweep(self) -> int:
        """Remove those that took too long; how many."""
        with self._pool.connection() as db:
            return db.execute(_SWEEP).rowcount


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode(errors="surrogatepass")).digest()
