"""Activation links: who asked for one, until it was looked into; and the tokens, which open once and for a day.

Anybody may ask for a link for any code, and is told the same whatever is known of that code: asking only notes the
request. A consumer looks into it later; see `consumers`. A token is derived from its request, so that a mail which is
sent again after a kill carries the same link, and stands here as a digest only.
"""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
from uuid6 import uuid7

from domain.language import Language
from domain.refusals import Refusal
from housekeeping import hourly
from housekeeping.pool import OfficeSeal, Pool
from housekeeping.tries import prefix
from ledger.keys import Tampered

log = structlog.get_logger()

DDL = """
CREATE TABLE IF NOT EXISTS housekeeping.link_request (
    id       uuid        PRIMARY KEY,
    code     bytea       NOT NULL UNIQUE,        -- keyed digest of what is sealed
    sealed   bytea       NOT NULL,               -- the personal number or the legal person's code
    language text        NOT NULL,
    asked_at timestamptz NOT NULL DEFAULT now(),
    tries    integer     NOT NULL DEFAULT 0,
    next_at  timestamptz NOT NULL DEFAULT now()  -- when to look into it, again
);
CREATE INDEX IF NOT EXISTS link_request_next_at ON housekeeping.link_request (next_at);
CREATE TABLE IF NOT EXISTS housekeeping.link (
    registration uuid        NOT NULL,
    request      uuid        NOT NULL,           -- a link for each: whoever asks for another cuts none short
    token        bytea       NOT NULL UNIQUE,    -- SHA-256 of a keyed digest
    expires_at   timestamptz NOT NULL,
    spent_at     timestamptz,
    PRIMARY KEY (registration, request)
);
-- An earlier release kept one link for a registration.
ALTER TABLE housekeeping.link DROP CONSTRAINT IF EXISTS link_pkey, ADD PRIMARY KEY (registration, request);
CREATE INDEX IF NOT EXISTS link_expires_at ON housekeeping.link (expires_at);
"""

PURPOSE = "link-request"
PER_CODE = 3
"""Requests for one code within an hour that are looked into; more are answered alike and noted nowhere."""
PER_PREFIX = 10
"""Requests from one prefix within an hour, for whatever codes."""
LONGEST = 20
"""Characters of a code that are kept: no registry has a longer one."""
HOURS = 24
"""For so long a request is looked into again, while the registry or the mail server is down."""

RENEWED: Final = HOURS // 2
"""Hours after which a waiting request makes way for one made now: "noted" never means "for minutes"."""

# Both are asked whatever waits, in the transaction that counts.
_MAKE_WAY = """
DELETE FROM housekeeping.link_request
WHERE %(noted)s AND code = %(code)s AND asked_at <= now() - make_interval(hours => %(renewed)s)
"""
_ASK = """
INSERT INTO housekeeping.link_request (id, code, sealed, language)
SELECT %(id)s, %(code)s, %(sealed)s, %(language)s WHERE %(noted)s
ON CONFLICT (code) DO UPDATE SET language = excluded.language
"""
# The next try is set as it is taken: whatever happens to whoever took it, the request comes back.
_TAKE = """
UPDATE housekeeping.link_request
SET tries = tries + 1, next_at = now() + least(interval '30 seconds' * 2 ^ least(tries, 10), interval '10 minutes')
WHERE id = (
    SELECT id FROM housekeeping.link_request
    WHERE next_at <= now() AND asked_at > now() - make_interval(hours => %s)
    ORDER BY next_at, id LIMIT 1 FOR UPDATE SKIP LOCKED
)
RETURNING id, sealed, language, asked_at, tries
"""
_DONE = "DELETE FROM housekeeping.link_request WHERE id = %s"
_SWEEP_REQUESTS = "DELETE FROM housekeeping.link_request WHERE asked_at <= now() - make_interval(hours => %s)"
_WAITING = "SELECT count(*) FROM housekeeping.link_request"

# A mail sent again renews its link and does not revive it.
_ISSUE = """
INSERT INTO housekeeping.link (registration, request, token, expires_at) VALUES (%s, %s, %s, now() + %s)
ON CONFLICT (registration, request) DO UPDATE SET expires_at = excluded.expires_at
"""
_FIND = """
SELECT registration, spent_at IS NOT NULL, expires_at FROM housekeeping.link WHERE token = %s AND expires_at > now()
"""
_SPEND = """
UPDATE housekeeping.link SET spent_at = now() WHERE token = %s AND spent_at IS NULL AND expires_at > now()
RETURNING registration
"""
_END = "DELETE FROM housekeeping.link WHERE registration = %s AND spent_at IS NULL"
_FORGET = "DELETE FROM housekeeping.link WHERE registration = %s"
_SWEEP = "DELETE FROM housekeeping.link WHERE expires_at < now()"


@dataclass(eq=False)
class TooManyLinkRequests(Refusal):
    """From here so many links were asked for that the next may be asked for only in ``seconds``."""

    seconds: int

    code = "TOO_MANY_LINK_REQUESTS"


@dataclass(frozen=True)
class LinkRequest:
    """Somebody asked for a link for this code. ``tries`` counts this one."""

    id: UUID
    identification: str
    language: Language
    asked_at: datetime
    tries: int


class LinkRequests:
    """The requests."""

    def __init__(self, pool: Pool, keys: OfficeSeal) -> None:
        self._pool = pool
        self._keys = keys

    def ask(self, identification: str, address: str, language: Language) -> None:
        """Note that somebody at ``address`` asks for a link for this code; the same statements whatever code it is.

        While one waits for the same code it stands for both, in the language of the later; for half its time.
        Raises: TooManyLinkRequests, in which case nothing was noted; ValueError for what is no address.
        """
        code = identification[:LONGEST].encode("utf-8", "surrogatepass")
        of_code = self._keys.mac("link-code", code)
        of_prefix = self._keys.mac("link-prefix", prefix(address))
        request = UUID(int=uuid7().int)
        sealed = self._keys.seal_for_office(PURPOSE, request.bytes + code)
        with self._pool.connection() as db, db.transaction():
            noted = hourly.take(db, of_code, PER_CODE) is None
            if (seconds := hourly.take(db, of_prefix, PER_PREFIX)) is not None:
                raise TooManyLinkRequests(seconds)
            db.execute(_MAKE_WAY, {"noted": noted, "code": of_code, "renewed": RENEWED})
            asked = {"id": request, "code": of_code, "sealed": sealed, "language": language.value, "noted": noted}
            db.execute(_ASK, asked)

    def take(self) -> LinkRequest | None:
        """The request that has been due for longest, which is due again in 30 seconds, then later and later."""
        with self._pool.connection() as db:
            row = db.execute(_TAKE, (HOURS,)).fetchone()
        if row is None:
            return None
        id, sealed, language, asked_at, tries = row
        try:
            opened = self._keys.open_for_office(PURPOSE, sealed)
        except Tampered:
            opened = b""
        if opened[:16] != id.bytes:
            log.error("a link request cannot be opened", request=str(id))
            self.done(id)
            return self.take()
        return LinkRequest(id, opened[16:].decode("utf-8", "surrogatepass"), Language(language), asked_at, tries)

    def done(self, id: UUID) -> None:
        """It was looked into, whatever came of it."""
        with self._pool.connection() as db:
            db.execute(_DONE, (id,))

    def waiting(self) -> int:
        """How many there are; for /metrics."""
        with self._pool.connection() as db:
            row = db.execute(_WAITING).fetchone()
        return row[0] if row is not None else 0

    def sweep(self) -> int:
        """Remove those that could not be looked into within a day; how many."""
        with self._pool.connection() as db:
            return db.execute(_SWEEP_REQUESTS, (HOURS,)).rowcount


class LinkTokens:
    """The links' tokens. What makes a link open once is the registration's own history; here it stands as well."""

    def __init__(self, pool: Pool, keys: OfficeSeal) -> None:
        self._pool = pool
        self._keys = keys

    def issue(self, request: UUID, registration: UUID, lasts: timedelta) -> str:
        """The token of this request for this registration, good for so long from now; those before stay good.

        Asked for again it is the same, good for longer, and spent if it was spent.
        """
        token = urlsafe_b64encode(self._keys.mac("link-token", request.bytes, registration.bytes)).decode().rstrip("=")
        with self._pool.connection() as db:
            db.execute(_ISSUE, (registration, request, _digest(token), lasts))
        return token

    def find(self, token: str) -> UUID | None:
        """The registration that this token opens; uses nothing up."""
        found = self._read(token)
        return found[0] if found is not None and not found[1] else None

    def known(self, token: str) -> UUID | None:
        """As `find`, spent or not: who repeats the command that spent it is answered as the first time."""
        found = self._read(token)
        return found[0] if found is not None else None

    def until(self, token: str) -> datetime | None:
        """When it ends by itself, spent or not."""
        found = self._read(token)
        return found[2] if found is not None else None

    def spend(self, token: str) -> bool:
        """It was used, which ends the registration's others. Whether this call is the one that spent it."""
        with self._pool.connection() as db:
            row = db.execute(_SPEND, (_digest(token),)).fetchone()
            if row is not None:
                # On its own, not in one transaction: two who spend different ones wait for each other's nowhere.
                db.execute(_END, (row[0],))
        return row is not None

    def end(self, registration: UUID) -> int:
        """Let none of the registration's links open that were not used; how many."""
        with self._pool.connection() as db:
            return db.execute(_END, (registration,)).rowcount

    def forget(self, registration: UUID) -> None:
        """Remove the registration's links."""
        with self._pool.connection() as db:
            db.execute(_FORGET, (registration,))

    def sweep(self) -> int:
        """Remove what opens no more; how many."""
        with self._pool.connection() as db:
            return db.execute(_SWEEP).rowcount

    def _read(self, token: str) -> tuple[UUID, bool, datetime] | None:
        with self._pool.connection() as db:
            row = db.execute(_FIND, (_digest(token),)).fetchone()
        return (row[0], row[1], row[2]) if row is not None else None


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="surrogatepass")).digest()
