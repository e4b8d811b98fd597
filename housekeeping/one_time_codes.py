"""One-time codes by mail and SMS: to confirm an address or a mobile before registering, to withdraw, to be read out.

Six digits, kept as a keyed digest; five tries, each counted before it is compared; a quarter of an hour. A new code
ends the one before. How often codes go to one address is bounded, so that nobody's mailbox is filled and no guessing
gains by asking anew; how often short messages go out at all, in `sms_sent`.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from domain.refusals import Refusal
from housekeeping import hourly
from housekeeping.pool import Db, Macs, Pool

DDL = """
CREATE TABLE IF NOT EXISTS housekeeping.one_time_code (
    purpose    text        NOT NULL,
    holder     uuid        NOT NULL,      -- the draft, the case or the call
    address    bytea       NOT NULL,      -- keyed digest of where it was sent
    code       bytea       NOT NULL,      -- keyed digest
    tries      integer     NOT NULL DEFAULT 0,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (purpose, holder)
);
CREATE INDEX IF NOT EXISTS one_time_code_expires_at ON housekeeping.one_time_code (expires_at);
"""

MINUTES = 15
TRIES = 5
PER_HOUR = 5
"""Codes sent to one address within an hour for one purpose (what a stranger asks for takes nothing from what the
holder needs); and to whatever addresses for one holder."""
DIGITS = 6

_ISSUE = """
INSERT INTO housekeeping.one_time_code (purpose, holder, address, code, expires_at)
VALUES (%s, %s, %s, %s, now() + make_interval(mins => %s))
ON CONFLICT (purpose, holder) DO UPDATE
SET address = excluded.address, code = excluded.code, tries = 0, expires_at = excluded.expires_at
"""
_TRY = """
UPDATE housekeeping.one_time_code SET tries = tries + 1
WHERE purpose = %(purpose)s AND holder = %(holder)s AND address = %(address)s
    AND tries < %(tries)s AND expires_at > now()
RETURNING code
"""
_SPEND = "DELETE FROM housekeeping.one_time_code WHERE purpose = %s AND holder = %s AND code = %s"
_FORGET = "DELETE FROM housekeeping.one_time_code WHERE holder = ANY(%s)"
_SWEEP = "DELETE FROM housekeeping.one_time_code WHERE expires_at < now()"


class CodePurpose(StrEnum):
    """What a code confirms; a code for one purpose does nothing for another."""

    EMAIL = "email"
    """That this address is the applicant's, for a draft."""
    WITHDRAWAL = "withdrawal"
    """That the holder withdraws, for a case."""
    MOBILE = "mobile"
    """That this mobile is the applicant's, for a draft."""
    READ_OUT = "read_out"
    """That whoever is seen in a call has the case's confirmed mobile at hand."""


@dataclass(eq=False)
class TooManyCodes(Refusal):
    """So many codes went to this address that the next may be asked for only in ``seconds``."""

    seconds: int

    code = "TOO_MANY_CODES"


@dataclass(eq=False)
class OneTimeCodeWrong(Refusal):
    """The code is wrong, spent, too old, tried too often, or was sent to another address: which, is not said."""

    code = "ONE_TIME_CODE_WRONG"


class OneTimeCodes:
    """Issues codes and spends them."""

    def __init__(self, pool: Pool, macs: Macs) -> None:
        self._pool = pool
        self._macs = macs

    def issue(self, purpose: CodePurpose, holder: UUID, address: str, *, sitting: int | None = None) -> str:
        """A new code to send to ``address`` (in its tidy form); it ends the one before. Raises: TooManyCodes.

        With a ``sitting`` it is good in that one only, as `spend` must say.
        """
        code = f"{secrets.randbelow(10**DIGITS):0{DIGITS}}"
        where = self._where(address, sitting)
        with self._pool.connection() as db, db.transaction():
            self._count(db, self._macs.mac("one-time-mailed", purpose.value, address))
            self._count(db, self._macs.mac("one-time-holder", holder.bytes))
            db.execute(_ISSUE, (purpose.value, holder, where, self._digest(purpose, holder, code), MINUTES))
        return code

    def resend(self, address: str) -> None:
        """Count that a case's number and code are mailed to ``address`` once more. Raises: TooManyCodes."""
        with self._pool.connection() as db, db.transaction():
            self._count(db, self._macs.mac("one-time-mailed", "resend", address))

    def spend(self, purpose: CodePurpose, holder: UUID, address: str, code: str, *, sitting: int | None = None) -> None:
        """Take a code that came back, once. ``address`` is where it must have gone.

        The try is committed before the comparison; the right code is spent even if what follows fails.
        Raises: OneTimeCodeWrong.
        """
        where = self._where(address, sitting)
        given = self._digest(purpose, holder, "".join(code.split()))
        asked = {"purpose": purpose.value, "holder": holder, "address": where, "tries": TRIES}
        with self._pool.connection() as db:
            row = db.execute(_TRY, asked).fetchone()
            kept = bytes(row[0]) if row is not None else b""
            if not hmac.compare_digest(kept, given):
                raise OneTimeCodeWrong
            if db.execute(_SPEND, (purpose.value, holder, kept)).rowcount != 1:
                raise OneTimeCodeWrong

    def forget(self, holders: Collection[UUID]) -> None:
        """Remove the codes of these drafts, cases and calls."""
        with self._pool.connection() as db:
            db.execute(_FORGET, (list(holders),))

    def sweep(self) -> int:
        """Remove codes that are too old; how many."""
        with self._pool.connection() as db:
            return db.execute(_SWEEP).rowcount

    def _count(self, db: Db, key: bytes) -> None:
        if (seconds := hourly.take(db, key, PER_HOUR)) is not None:
            raise TooManyCodes(seconds)

    def _where(self, address: str, sitting: int | None) -> bytes:
        return self._macs.mac("one-time-address", address, *(() if sitting is None else (str(sitting),)))

    def _digest(self, purpose: CodePurpose, holder: UUID, code: str) -> bytes:
        return self._macs.mac("one-time-code", purpose.value, holder.bytes, code)
