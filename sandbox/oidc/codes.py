"""Authorization codes: for one client and one redirect URI, bound to a PKCE challenge, used once within a minute."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
import time
from dataclasses import dataclass

from sandbox.state import State

DDL = """
CREATE TABLE IF NOT EXISTS authorization_code (
    digest BLOB PRIMARY KEY,
    client_id TEXT NOT NULL,
    redirect_uri TEXT NOT NULL,
    challenge TEXT NOT NULL,
    nonce TEXT NOT NULL,
    account TEXT NOT NULL,
    issued_at REAL NOT NULL,
    used INTEGER NOT NULL DEFAULT 0
);
"""

LASTS = 60.0
"""Seconds."""

VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")
"""RFC 7636, section 4.1."""


@dataclass(frozen=True)
class Grant:
    """Whom a code lets in, and the nonce that the ID token repeats."""

    account: str
    nonce: str
    signed_in_at: float


class Codes:
    """The codes' table. A code stands there as its digest only."""

    def __init__(self, state: State) -> None:
        self._state = state

    def issue(self, *, client_id: str, redirect_uri: str, challenge: str, nonce: str, account: str) -> str:
        code = secrets.token_urlsafe(32)
        self._state.run("DELETE FROM authorization_code WHERE issued_at < ?", (time.time() - 3600,))
        self._state.run(
            "INSERT INTO authorization_code (digest, client_id, redirect_uri, challenge, nonce, account, issued_at) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (_digest(code), client_id, redirect_uri, challenge, nonce, account, time.time()),
        )
        return code

    def redeem(self, code: str, *, client_id: str, redirect_uri: str, verifier: str) -> Grant | None:
        """Use up ``code``; None if it is unknown, used, late, another client's, or the verifier does not fit."""
        row = self._state.row("SELECT * FROM authorization_code WHERE digest = ?", (_digest(code),))
        used_now = self._state.run(
            "UPDATE authorization_code SET used = 1 WHERE digest = ? AND used = 0", (_digest(code),)
        )  # fmt: skip
        if row is None or not used_now or row["issued_at"] + LASTS < time.time():
            return None
        if (row["client_id"], row["redirect_uri"]) != (client_id, redirect_uri) or not VERIFIER.fullmatch(verifier):
            return None
        if not hmac.compare_digest(challenge_of(verifier), row["challenge"]):
            return None
        return Grant(account=row["account"], nonce=row["nonce"], signed_in_at=row["issued_at"])


def challenge_of(verifier: str) -> str:
    """``S256``: RFC 7636, section 4.2."""
    return unpadded(hashlib.sha256(verifier.encode()).digest())


def unpadded(value: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def _digest(code: str) -> bytes:
    return hashlib.sha256(code.encode()).digest()
