"""One-time codes by mail: to confirm an address before registering, and to withdraw an application.

Six digits, kept as a keyed digest; five tries, each counted before it is compared; a quarter of an hour. A new code
ends the one before. How often codes go to one address is bounded, so that nobody's mailbox is filled and no guessing
gains by asking anew.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from domain.refusals import Refusal
from housekeeping.pool import Db, Macs, Pool

DDL = """
CREATE TABLE IF NOT EXISTS housekeeping.one_time_code (
    purpose    text        NOT NULL,
    holder     uuid        NOT NULL,      -- the draft or the case
    address    bytea       NOT NULL,      -- keyed digest of where it was mailed
    code       bytea       NOT NULL,      -- keyed digest
    tries      integer     NOT NULL DEFAULT 0,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (purpose, holder)
);
CREATE INDEX IF NOT EXISTS one_time_code_expires_at ON housekeeping.one_time_code (expires_at);
CREATE TABLE IF NOT EXISTS housekeeping.code_mailed (
    address bytea         PRIMARY KEY,    -- keyed digest of purpose and address, or of who asked
    mailed  timestamptz[] NOT NULL        -- within the last hour
);
"""

MINUTES = 15
TRIES = 5
PER_HOUR = 5
"""Codes mailed to one address within an hour for one purpose (what a stranger asks for takes nothing from what the
holder needs); and to whatever addresses for one holder."""
DIGITS = 6

_MAIL = """
INSERT INTO housekeeping.code_mailed AS known (address, mailed) VALUES (%s, ARRAY[statement_timestamp()])
ON CONFLICT (address) DO UPDATE SET mailed = ARRAY(
    SELECT at FROM unnest(known.mailed) AS at WHERE at > statement_timestamp() - interval '1 hour'
    ORDER BY at DESC LIMIT %s
) || excluded.mailed
RETURNING cardinality(mailed), (
    SELECT extract(epoch FROM min(at) + interval '1 hour' - statement_timestamp())::integer FROM unnest(mailed) AS at
)
"""
_ISSUE = """
INSERT INTO housekeeping.one_time_code (purpose, holder, address, code, expires_at)
VALUES (%s, %s, %s, %s, now() + make_interval(mins => %s))
ON CONFLICT (purpose, holder) DO UPDATE
SET address = excluded.address, code = excluded.code, tries = 0, expires_at = excluded.expires_at
"""
_TRY = """
UPDATE housekeeping.one_time_code SET tries = tries + 1
WHERE purpose = %s AND holder = %s AND address = %s AND tries < %s AND expires_at > now() RETURNING code
"""
_SPEND = """
DELETE FROM housekeeping.one_time_code WHERE purpose = %s AND holder = %s AND address = %s AND code = %s
"""
_FORGET = "DELETE FROM housekeeping.one_time_code WHERE holder = ANY(%s)"
_SWEEP = "DELETE FROM housekeeping.one_time_code WHERE expires_at < now()"
_SWEEP_MAILED = """
DELETE FROM housekeeping.code_mailed
WHERE NOT EXISTS (SELECT FROM unnest(mailed) AS at WHERE at > now() - interval '1 hour')
"""


class CodePurpose(StrEnum):
    """What a code confirms; a code for one purpose does nothing for another."""

    EMAIL = "email"
    """That this address is the applicant's, for a draft."""
    WITHDRAWAL = "withdrawal"
    """That the holder withdraws, for a case."""


@dataclass(eq=False)
class TooManyCodes(Refusal):
    """So many codes went to this address that the next may be asked for only in ``seconds``."""

    seconds: int

    code = "TOO_MANY_CODES"


@dataclass(eq=False)
class OneTimeCodeWrong(Refusal):
    """The code is wrong, spent, too old, tried too often, or was mailed to another address: which, is not said."""

    code = "ONE_TIME_CODE_WRONG"


class OneTimeCodes:
    """Issues codes and spends them."""

    def __init__(self, pool: Pool, macs: Macs) -> None:
        self._pool = pool
        self._macs = macs

    def issue(self, purpose: CodePurpose, holder: UUID, address: str) -> str:
        """A new code to mail to ``address`` (in its tidy form); it ends the one before. Raises: TooManyCodes."""
        code = f"{secrets.randbelow(10**DIGITS):0{DIGITS}}"
        where = self._macs.mac("one-time-address", address)
        with self._pool.connection() as db, db.transaction():
            self._count(db, self._macs.mac("one-time-mailed", purpose.value, address))
            self._count(db, self._macs.mac("one-time-holder", holder.bytes))
            db.execute(_ISSUE, (purpose.value, holder, where, self._digest(purpose, holder, code), MINUTES))
        return code

    def resend(self, address: str) -> None:
        """Count that a case's number and code are mailed to ``address`` once more. Raises: TooManyCodes."""
        with self._pool.connection() as db, db.transaction():
            self._count(db, self._macs.mac("one-time-mailed", "resend", address))

    def spend(self, purpose: CodePurpose, holder: UUID, address: str, code: str) -> None:
        """Take a code that came back, once. ``address`` is where it must have gone. Raises: OneTimeCodeWrong.

        The try is committed before the comparison; the right code is spent even if what follows fails.
        """
        where = self._macs.mac("one-time-address", address)
        given = self._digest(purpose, holder, "".join(code.split()))
        with self._pool.connection() as db:
            row = db.execute(_TRY, (purpose.value, holder, where, TRIES)).fetchone()
            kept = bytes(row[0]) if row is not None else b""
            if not hmac.compare_digest(kept, given):
                raise OneTimeCodeWrong
            if db.execute(_SPEND, (purpose.value, holder, where, kept)).rowcount != 1:
                raise OneTimeCodeWrong

    def forget(self, holders: Collection[UUID]) -> None:
        """Remove the codes of these drafts and cases."""
        with self._pool.connection() as db:
            db.execute(_FORGET, (list(holders),))

    def sweep(self) -> int:
        """Remove codes that are too old; how many."""
        with self._pool.connection() as db:
            db.execute(_SWEEP_MAILED)
            return db.execute(_SWEEP).rowcount

    def _count(self, db: Db, mailed: bytes) -> None:
        row = db.execute(_MAIL, (mailed, PER_HOUR)).fetchone()
        if row is None or row[0] > PER_HOUR:
            raise TooManyCodes(seconds=max(1, row[1] if row is not None else 1))

    def _digest(self, purpose: CodePurpose, holder: UUID, code: str) -> bytes:
        return self._macs.mac("one-time-code", purpose.value, holder.bytes, code)
